"""What a face detector is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, is_number
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule


class FaceDetector(Protocol):
    """``detector(image)``: RGB uint8 (H, W, 3) -> boxes in its pixels, largest first, one a face.

    ``crop_rule`` turns the boxes of this detector into crops (`CropTransform.from_box`).
    """

    @property
    def name(self) -> str: ...

    @property
    def crop_rule(self) -> CropRule: ...

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]: ...


@dataclass(frozen=True)
class Wrapped:
    """What changes a ``detector``'s pictures or boxes, and keeps its name and crop rule."""

    detector: FaceDetector

    @property
    def name(self) -> str:
        return self.detector.name

    @property
    def crop_rule(self) -> CropRule:
        return self.detector.crop_rule


@dataclass(frozen=True)
class AtLeast(Wrapped):
    """``detector`` without the boxes that score less than ``min_score``, in its own scale."""

    min_score: float

    def __post_init__(self) -> None:
        if not is_number(self.min_score):
            raise PrnetError(f"expected a number as least score, got {self.min_score!r}")

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return [box for box in boxes_of(self.detector, image) if box.score >= self.min_score]


def given_detector(detector: FaceDetector, min_score: float | None) -> FaceDetector:
    """A caller's detector, and its boxes of at least ``min_score``; PrnetError for what is none."""
    parts = "name", "crop_rule"
    if not (callable(detector) and all(hasattr(detector, part) for part in parts)):
        raise PrnetError(
            "expected a detector's name, or an object with name, crop_rule and a call, "
            f"got {type(detector).__name__}"
        )
    return detector if min_score is None else AtLeast(detector, min_score)


def boxes_of(detector: FaceDetector, image: NDArray[np.uint8]) -> list[Box]:
    """What a detector, a caller's say, finds, as boxes; PrnetError for another answer."""
    found = detector(image)
    if not isinstance(found, Sequence | np.ndarray):
        kind = type(found).__name__
        raise PrnetError(f"expected a list of boxes of the detector {detector.name}, got {kind}")
    return [Box.given(box) for box in found]


def check_picture(image: object) -> None:
    """Raises PrnetError for what no detector takes."""
    array = image if isinstance(image, np.ndarray) else None
    if array is None or array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        kind = repr(image) if array is None else f"{array.dtype} {array.shape}"
        raise PrnetError(
            f"expected an RGB uint8 image (H, W, 3), as prnet.load_image gives it, got {kind:.100}"
        )


def not_installed(package: str, *, detector: str) -> PrnetError:
    return PrnetError(
        f"expected the package '{package}' for the detector '{detector}', got none "
        f"(pip install {package})"
    )
