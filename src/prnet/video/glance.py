"""A detector's look at a film's frame in small, for people who come in."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.detection.protocol import FaceDetector, Wrapped, boxes_of
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule, CropTransform, crop_is_off
from prnet.reconstruct import Reconstructor

LONGEST: Final = 640
"""Pixels of the longer side of the small picture, at most: a face of 40 pixels in 1280 is found."""
SEEN: Final = 2.0
"""A detector's crop is of a face that the network has seen where it is off by less than so much of
what pays for another look: a quarter of the face's size, another two faces are never."""


class InSmall(Wrapped):
    """``detector`` on pictures that are reduced by a whole number to at most `LONGEST` pixels."""

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        times = -(-max(image.shape[:2]) // LONGEST)
        if times == 1:
            return boxes_of(self.detector, image)
        found = boxes_of(self.detector, np.asarray(Image.fromarray(image).reduce(times)))
        return [box.rescaled((times, times)) for box in found]


@dataclass(frozen=True)
class Others(Wrapped):
    """``detector`` less the faces that the network has seen in ``crops`` of this frame; ``rule``:
    from its boxes to crops."""

    crops: Sequence[CropTransform]
    rule: CropRule

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return [box for box in boxes_of(self.detector, image) if not self._is_seen(box)]

    def _is_seen(self, box: Box) -> bool:
        wanted = [CropTransform.from_box(box, self.rule, size=crop.size) for crop in self.crops]
        pairs = zip(self.crops, wanted, strict=True)
        return any(not crop_is_off(seen, crop, share=SEEN) for seen, crop in pairs)


def glancing(reconstruct: Reconstructor) -> Reconstructor:
    """The same, but its detector looks in small."""
    return _looking(reconstruct, InSmall(reconstruct.detector))


def beside(reconstruct: Reconstructor, crops: Sequence[CropTransform]) -> Reconstructor:
    """The same, but of a frame whose faces in ``crops`` are known. Who asks for the largest faces
    alone means them, too."""
    if reconstruct.max_faces is not None or not crops:
        return reconstruct
    detector = reconstruct.detector
    rule = reconstruct.crop_rules.get(detector.name, detector.crop_rule)
    return _looking(reconstruct, Others(detector, crops, rule))


def _looking(reconstruct: Reconstructor, detector: FaceDetector) -> Reconstructor:
    other = copy(reconstruct)
    other.detector = detector
    return other
