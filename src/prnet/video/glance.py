"""A detector's look at a film's frame in small, for people who come in."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.detection.protocol import Wrapped
from prnet.geometry.boxes import Box
from prnet.reconstruct import Reconstructor

LONGEST: Final = 640
"""Pixels of the longer side of the small picture, at most: a face of 40 pixels in 1280 is found."""


class InSmall(Wrapped):
    """``detector`` on pictures that are reduced by a whole number to at most `LONGEST` pixels."""

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        times = -(-max(image.shape[:2]) // LONGEST)
        if times == 1:
            return self.detector(image)
        found = self.detector(np.asarray(Image.fromarray(image).reduce(times)))
        return [_enlarged(box, times) for box in found]


def glancing(reconstruct: Reconstructor) -> Reconstructor:
    """The same, but its detector looks in small."""
    glance = copy(reconstruct)
    glance.detector = InSmall(reconstruct.detector)
    return glance


def _enlarged(box: Box, times: int) -> Box:
    """Edges from -0.5 on: the half-pixel stays where it is."""
    x0, y0, x1, y1 = ((edge + 0.5) * times - 0.5 for edge in box.xyxy)
    points = None if box.points is None else (box.points + np.float32(0.5)) * times - 0.5
    return replace(box, x0=x0, y0=y0, x1=x1, y1=y1, points=points)
