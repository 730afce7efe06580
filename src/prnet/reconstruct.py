"""Image -> faces: the one place where the steps are joined."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prnet.detection.make import DetectorName, make_detector
from prnet.detection.protocol import AtLeast, FaceDetector
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.files.image import MAX_PIXELS, load_image
from prnet.geometry.boxes import Box
from prnet.geometry.camera import image_roll
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import UVLayout
from prnet.network.crop_rules import GIVEN_BOX_RULE, load_crop_rules
from prnet.network.position_map_network import PositionMapNetwork, layout_file


class Reconstructor:
    """Finds and reconstructs the faces of an image. Can be pickled and copied (as paths and
    settings), and used from many threads and after ``fork``.

    ``model``: a model folder or network file, None is the one in the package.
    ``detector``: a name for :func:`prnet.make_detector` (``detector_model``: the file that some
    of them need), or any FaceDetector.
    ``passes``: with 2, the landmarks of the first pass place the crop of the second.
    ``min_score``: of the detector's boxes, whose scale is its own; ``max_faces``: the largest ones;
    ``small_faces``: look for smaller faces than those that were found, too (detector "prnet").
    ``threads``: of one call of the network or the detector.
    ``max_pixels``: larger files are refused.

        reconstruct = Reconstructor()
        faces = reconstruct("photo.jpg")
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        detector: DetectorName | FaceDetector = "auto",
        detector_model: str | Path | None = None,
        passes: int = 1,
        min_score: float | None = None,
        max_faces: int | None = None,
        small_faces: bool = False,
        threads: int = 1,
        providers: Sequence[str] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if passes < 1:
            raise PrnetError(f"expected at least 1 pass, got {passes}")
        if max_faces is not None and max_faces < 1:
            raise PrnetError(f"expected at least 1 face at most, got {max_faces}")
        self.network = PositionMapNetwork(model, threads=threads, providers=providers)
        self.layout = UVLayout.load(layout_file(model))
        self.crop_rules = load_crop_rules(layout_file(model).parent)
        if isinstance(detector, str):
            self.detector = make_detector(
                detector,
                model_path=detector_model,
                threads=threads,
                min_score=min_score,
                small_faces=small_faces,
            )
        elif small_faces or detector_model is not None:
            option = "small_faces" if small_faces else "detector_model"
            raise PrnetError(f"expected the name of a detector with {option}, got a detector")
        else:
            self.detector = detector if min_score is None else AtLeast(detector, min_score)
        self.passes, self.max_faces, self.max_pixels = passes, max_faces, max_pixels

    def __call__(
        self,
        source: str | Path | NDArray[Any],
        *,
        boxes: Sequence[Box | Sequence[float]] | None = None,
        landmarks: Sequence[ArrayLike] | None = None,
    ) -> list[Face]:
        """Image (a path, or an array as load_image takes it) -> its faces, the largest first.

        ``boxes`` (or x0, y0, x1, y1 of each) or ``landmarks`` (each (68, 2 or 3), image pixels)
        say where the faces are instead of the detector; the result then keeps their order.
        An array is copied where there are faces, so that they stay as they are when the caller's
        buffer takes the next frame.
        """
        if boxes is not None and landmarks is not None:
            raise PrnetError("expected boxes or landmarks, got both")
        image = load_image(source, max_pixels=self.max_pixels)
        size = self.network.crop_size
        if landmarks is not None:
            points = [_landmarks(each) for each in landmarks]
            found = [_landmark_box(each) for each in points]
            crops = [self._landmark_crop(each) for each in points]
        else:
            rule = self.crop_rules.get("given", GIVEN_BOX_RULE)
            if boxes is None:
                rule = self.crop_rules.get(self.detector.name, self.detector.crop_rule)
                boxes = self.detector(image)[: self.max_faces]
            found = [Box.given(box) for box in boxes]
            crops = [CropTransform.from_box(box, rule, size=size) for box in found]
        if found and isinstance(source, np.ndarray) and np.may_share_memory(image, source):
            image = image.copy()
        file = Path(os.path.abspath(source)) if isinstance(source, str | Path) else None
        faces = self.from_crops(image, found, crops, source=file)
        for _ in range(self.passes - 1):
            crops = [
                self._landmark_crop(face.landmarks, image_roll(face.camera.rotation))
                for face in faces
            ]
            faces = self.from_crops(image, found, crops, source=file)
        return faces

    def _landmark_crop(self, landmarks: NDArray[np.floating], roll: float = 0.0) -> CropTransform:
        rule, size = self.crop_rules.get("landmarks"), self.network.crop_size
        if rule is None:
            return CropTransform.from_landmarks(landmarks, size=size, roll=roll)
        # A network with a rule of its own learned from unturned crops, as the 2018 release's.
        return CropTransform.from_box(_landmark_box(landmarks), rule, size=size)

    def from_crops(
        self,
        image: NDArray[np.uint8],
        boxes: Sequence[Box],
        crops: Sequence[CropTransform],
        *,
        source: Path | None = None,
    ) -> list[Face]:
        """One network call for crops of one image (H, W, 3) uint8, read from the file ``source``; a
        face for each, which keeps the image itself, not a copy."""
        if not crops:
            return []
        maps = self.network(np.stack([crop.crop_image(image) for crop in crops]))
        return [
            Face.from_crop_map(
                crop_map, crop=crop, layout=self.layout, box=box, image=image, source=source
            )
            for crop_map, crop, box in zip(maps, crops, boxes, strict=True)
        ]


def _landmarks(points: ArrayLike) -> NDArray[np.floating]:
    """(68, 2 or 3) of a caller's landmarks."""
    try:
        array = np.asarray(points)
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise PrnetError("expected 68 landmarks (68, 2) or (68, 3), got no such array") from error
    if array.shape not in ((68, 2), (68, 3)) or not np.isfinite(array).all():
        raise PrnetError(
            f"expected 68 finite landmarks (68, 2) or (68, 3), got shape {array.shape}"
        )
    return array


def _landmark_box(landmarks: NDArray[np.floating]) -> Box:
    return Box.given(Box.around(landmarks))
