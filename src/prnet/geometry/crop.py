"""The square crop that the network sees, and the transform between it and the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.geometry.boxes import Box

LANDMARK_CROP_FACTOR = 1.5
"""Crop side over the longer side of the box of the 68 landmarks; what training centres on."""


@dataclass(frozen=True)
class CropRule:
    """How a detector's box becomes a crop: side = ``scale`` x mean(width, height) of the box,
    centre = box centre moved by (``shift_x``, ``shift_y``) x that mean. Fitted per detector."""

    scale: float
    shift_x: float = 0.0
    shift_y: float = 0.0


@dataclass(frozen=True)
class CropTransform:
    """An upright square of the image, resampled to ``size`` x ``size`` pixels.

    ``centre_x, centre_y, side`` are in image pixels (pixel centres on integers); the square
    [centre - side/2, centre + side/2] maps to [-0.5, size - 0.5] of the crop, so half-pixel
    centres are honoured at every scale. z is scaled as x and y are.
    """

    centre_x: float
    centre_y: float
    side: float
    size: int

    @classmethod
    def from_box(cls, box: Box, rule: CropRule, *, size: int) -> CropTransform:
        """The crop for a detector's ``box`` by that detector's ``rule``."""
        mean_side = (box.width + box.height) / 2
        x, y = box.centre
        return cls(
            centre_x=x + rule.shift_x * mean_side,
            centre_y=y + rule.shift_y * mean_side,
            side=rule.scale * mean_side,
            size=size,
        )

    @classmethod
    def from_landmarks(cls, landmarks: NDArray[np.floating], *, size: int) -> CropTransform:
        """The crop that training centres on: 68 landmarks (68, 2 or 3) in image pixels."""
        low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
        x, y = (low + high) / 2
        side = LANDMARK_CROP_FACTOR * float((high - low).max())
        return cls(centre_x=float(x), centre_y=float(y), side=side, size=size)

    @property
    def scale(self) -> float:
        """Crop pixels per image pixel."""
        return self.size / self.side

    def to_crop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Image points (..., 2 or 3) -> crop points; a third coordinate is only scaled."""
        return (np.asarray(points, np.float64) - self._origin(points)) * self.scale

    def to_image(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Crop points (..., 2 or 3) -> image points; a third coordinate is only scaled."""
        return np.asarray(points, np.float64) / self.scale + self._origin(points)

    def _origin(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where crop pixel (0, 0) lies in the image."""
        half = (self.side - self.side / self.size) / 2
        origin = np.zeros(np.shape(points)[-1])
        origin[:2] = self.centre_x - half, self.centre_y - half
        return origin

    def crop_image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Image (H, W, 3) uint8 -> crop (size, size, 3) uint8; black outside the image.

        The resampling averages over the area of a crop pixel, so large photos do not alias.
        """
        left, top = self.centre_x - self.side / 2 + 0.5, self.centre_y - self.side / 2 + 0.5
        reach = int(np.ceil(max(self.side / self.size, 1)))  # of the filter, beyond the square
        x0, y0 = int(np.floor(left)) - reach, int(np.floor(top)) - reach
        x1, y1 = int(np.ceil(left + self.side)) + reach, int(np.ceil(top + self.side)) + reach
        canvas = _padded(image, x0, y0, x1, y1)
        box = (left - x0, top - y0, left - x0 + self.side, top - y0 + self.side)
        resized = Image.fromarray(canvas).resize(
            (self.size, self.size), Image.Resampling.BILINEAR, box=box
        )
        return np.asarray(resized)


def _padded(image: NDArray[np.uint8], x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
    """image[y0:y1, x0:x1] with zeros where that reaches outside."""
    height, width = image.shape[:2]
    canvas = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    inside_x0, inside_x1 = np.clip([x0, x1], 0, width)
    inside_y0, inside_y1 = np.clip([y0, y1], 0, height)
    if inside_x1 > inside_x0 and inside_y1 > inside_y0:
        canvas[inside_y0 - y0 : inside_y1 - y0, inside_x0 - x0 : inside_x1 - x0] = image[
            inside_y0:inside_y1, inside_x0:inside_x1
        ]
    return canvas
