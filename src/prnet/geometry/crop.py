"""The square crop that the network sees, and the transform between it and the image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.geometry.boxes import Box, roll_matrix

Colour = tuple[int, int, int]

LANDMARK_CROP_FACTOR = 1.5
"""Crop side over the longer side of the box of the 68 landmarks; what training centres on."""
OFF_SHIFT, OFF_SIZE, OFF_ROLL = 0.08, 0.15, 15.0
"""Of a crop that is off: its centre, in sides, its side, as a logarithm, its roll, in degrees."""
UPRIGHT = 5.0
"""Degrees of roll up to which a crop by a box, or from frame to frame, is not turned, which takes
as long as all else about a crop: held-out faces come out as well (docs/experiments.md)."""


@dataclass(frozen=True)
class CropRule:
    """How a detector's box becomes a crop: side = ``scale`` x mean(width, height) of the box,
    centre = box centre moved by (``shift_x``, ``shift_y``) x that mean. Fitted per detector.

    With ``longer_side`` the longer side takes the place of the mean.
    """

    scale: float
    shift_x: float = 0.0
    shift_y: float = 0.0
    longer_side: bool = False


@dataclass(frozen=True)
class CropTransform:
    """A square of the image, resampled to ``size`` x ``size`` pixels.

    ``centre_x, centre_y, side`` are in image pixels (pixel centres on integers); the square
    [centre - side/2, centre + side/2] maps to [-0.5, size - 0.5] of the crop, so half-pixel
    centres are honoured at every scale. z is scaled as x and y are. ``roll``: degrees by which
    the square is turned clockwise about its centre, so that a face of that roll is upright in
    the crop.
    """

    centre_x: float
    centre_y: float
    side: float
    size: int
    roll: float = 0.0

    @classmethod
    def from_box(cls, box: Box, rule: CropRule, *, size: int) -> CropTransform:
        """The crop for a detector's ``box`` by that detector's ``rule``; upright in the crop what
        is turned by the box's roll in the image."""
        mean_side = (box.width + box.height) / 2
        length = max(box.width, box.height) if rule.longer_side else mean_side
        x, y = (
            box.centre + length * np.array([rule.shift_x, rule.shift_y]) @ roll_matrix(box.roll).T
        )
        return cls(float(x), float(y), side=rule.scale * length, size=size, roll=box.roll)

    @classmethod
    def from_landmarks(
        cls, landmarks: NDArray[np.floating], *, size: int, roll: float = 0.0
    ) -> CropTransform:
        """The crop that training centres on: 68 landmarks (68, 2 or 3) in image pixels, boxed
        after turning them upright by ``roll`` degrees."""
        box = Box.around(landmarks, roll=roll)
        return cls.from_box(box, LANDMARK_RULE, size=size)

    @property
    def scale(self) -> float:
        """Crop pixels per image pixel."""
        return self.size / self.side

    def to_crop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Image points (..., 2 or 3) -> crop points; a third coordinate is only scaled."""
        image_from_crop, origin = self._linear(np.shape(points)[-1])
        moved = np.asarray(points, np.float64) - origin
        crop: NDArray[np.float64] = moved @ (image_from_crop * self.scale**2)
        return crop

    def to_image(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Crop points (..., 2 or 3) -> image points; a third coordinate is only scaled."""
        image_from_crop, origin = self._linear(np.shape(points)[-1])
        image: NDArray[np.float64] = np.asarray(points, np.float64) @ image_from_crop.T
        return image + origin

    def map_to_image(
        self, crop_map: NDArray[np.floating], *, zero: float = 0.0
    ) -> NDArray[np.float32]:
        """`to_image` of many points (..., 3) in float32, a tenth of its time: rounds by less than a
        thousandth of a pixel. ``zero``: the crop's z that becomes 0."""
        matrix, origin = self._linear(3)
        origin[2] = -zero / self.scale
        points = np.asarray(crop_map, np.float32)
        moved = _turned_points(points, matrix) if self.roll else points * np.float32(matrix[0, 0])
        rows = moved.reshape(*points.shape[:-2], -1)  # NumPy adds rows of three in ten times that
        rows += np.tile(origin.astype(np.float32), points.shape[-2])
        return rows.reshape(points.shape)

    def _linear(self, dimensions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What takes crop offsets to image offsets, a turn over ``scale``, and where crop pixel
        (0, 0) lies in the image."""
        matrix = np.eye(dimensions) / self.scale
        matrix[:2, :2] = roll_matrix(self.roll) / self.scale
        origin = np.zeros(dimensions)
        origin[:2] = self.centre_x, self.centre_y
        return matrix, origin - matrix[:, :2] @ np.full(2, (self.size - 1) / 2)

    def crop_image(
        self, image: NDArray[np.uint8], *, ground: Colour = (0, 0, 0)
    ) -> NDArray[np.uint8]:
        """Image (H, W, 3) uint8 -> crop (size, size, 3) uint8; ``ground``, by default black,
        outside the image.

        The resampling averages over the area of a crop pixel, so large photos do not alias. A
        turned square is resampled upright first, with its corners, then turned; where that would
        average nothing it is read from the image at once.
        """
        if self.roll == 0:
            return np.asarray(_resampled(image, self, ground))
        turn = roll_matrix(self.roll)
        reach = float(np.abs(turn[0]).sum())  # of the upright square around it, in sides
        if self.side <= self.size:
            return self._read(image, turn, reach, ground)
        wide = self.size + 2 * (math.ceil(self.size * (reach - 1) / 2) + 1)  # the grid, continued
        upright = CropTransform(self.centre_x, self.centre_y, self.side * wide / self.size, wide)
        offset = wide / 2 - turn @ np.full(2, self.size / 2)
        return self._turned(_resampled(image, upright, ground), turn, offset)

    def _read(
        self, image: NDArray[np.uint8], turn: NDArray[np.float64], reach: float, ground: Colour
    ) -> NDArray[np.uint8]:
        """A turned square of crop pixels no larger than the image's."""
        half = reach * self.side / 2 + 1
        x0, y0 = math.floor(self.centre_x - half), math.floor(self.centre_y - half)
        x1, y1 = math.ceil(self.centre_x + half) + 1, math.ceil(self.centre_y + half) + 1
        around = Image.fromarray(_padded(image, x0, y0, x1, y1, ground))
        matrix = turn / self.scale
        centre = np.array([self.centre_x + 0.5 - x0, self.centre_y + 0.5 - y0])
        return self._turned(around, matrix, centre - matrix @ np.full(2, self.size / 2))

    def _turned(
        self, picture: Image.Image, matrix: NDArray[np.float64], offset: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """The crop, whose edges' point p lies at ``matrix`` p + ``offset`` of the picture."""
        values = np.concatenate([matrix, offset[:, None]], axis=1).ravel().tolist()
        size, affine = (self.size, self.size), Image.Transform.AFFINE
        return np.asarray(picture.transform(size, affine, values, Image.Resampling.BILINEAR))


def _turned_points(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points (..., N, 3) times ``matrix``; several at once, as NumPy's products with three columns
    take twice as long."""
    few = math.gcd(points.shape[-2], 4)
    several = np.zeros((few, 3, few, 3), np.float32)
    several[range(few), :, range(few)] = matrix.T
    turned: NDArray[np.float32] = points.reshape(-1, 3 * few) @ several.reshape(3 * few, 3 * few)
    return turned


LANDMARK_RULE = CropRule(scale=LANDMARK_CROP_FACTOR, longer_side=True)
"""From the box of the 68 landmarks to the crop that training centres on."""


def _resampled(image: NDArray[np.uint8], square: CropTransform, ground: Colour) -> Image.Image:
    """An upright square of the image. Only its pixels that see the image are resampled, as a square
    much larger than the image would take gigabytes."""
    pixel, size = square.side / square.size, square.size
    reach = max(pixel, 1)  # of the filter, to either side of a crop pixel's centre
    left = square.centre_x - square.side / 2 + 0.5
    top = square.centre_y - square.side / 2 + 0.5
    height, width = image.shape[:2]
    first, last = _seeing(left, pixel, reach, size, width)
    upper, lower = _seeing(top, pixel, reach, size, height)
    if first == last or upper == lower:
        return Image.new("RGB", (size, size), ground)
    left, top, right, bottom = (
        left + first * pixel,
        top + upper * pixel,
        left + last * pixel,
        top + lower * pixel,
    )
    x0, y0 = math.floor(left - reach), math.floor(top - reach)
    x1, y1 = math.ceil(right + reach), math.ceil(bottom + reach)
    canvas = _padded(image, x0, y0, x1, y1, ground)
    seen = Image.fromarray(canvas).resize(
        (last - first, lower - upper),
        Image.Resampling.BILINEAR,
        box=(left - x0, top - y0, right - x0, bottom - y0),
    )
    if seen.size == (size, size):
        return seen
    picture = Image.new("RGB", (size, size), ground)
    picture.paste(seen, (first, upper))
    return picture


def _seeing(start: float, pixel: float, reach: float, size: int, length: int) -> tuple[int, int]:
    """Of ``size`` crop pixels in a row that begins at ``start`` (edges), the first that takes
    anything from an image of ``length`` pixels, and the one after the last."""
    first = math.floor((-reach - start) / pixel - 0.5)
    last = math.ceil((length + reach - start) / pixel - 0.5) + 1
    return min(max(first, 0), size), min(max(last, 0), size)


def _padded(
    image: NDArray[np.uint8], x0: int, y0: int, x1: int, y1: int, ground: Colour
) -> NDArray[np.uint8]:
    """image[y0:y1, x0:x1] with ``ground`` where that reaches outside."""
    height, width = image.shape[:2]
    if min(x0, y0) >= 0 and x1 <= width and y1 <= height:
        return np.ascontiguousarray(image[y0:y1, x0:x1])
    canvas = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
    canvas[:] = ground
    inside_x0, inside_x1 = max(x0, 0), min(x1, width)
    inside_y0, inside_y1 = max(y0, 0), min(y1, height)
    if inside_x1 > inside_x0 and inside_y1 > inside_y0:
        canvas[inside_y0 - y0 : inside_y1 - y0, inside_x0 - x0 : inside_x1 - x0] = image[
            inside_y0:inside_y1, inside_x0:inside_x1
        ]
    return canvas


def upright_roll(roll: float, upright: float = UPRIGHT) -> float:
    """The degrees by which a crop by a box, or from frame to frame, is turned for a face of this
    roll: none up to ``upright``."""
    return roll if abs(roll) > upright else 0.0


def crop_is_off(seen: CropTransform, wanted: CropTransform, *, share: float = 1.0) -> bool:
    """Whether the crop that the landmarks ask for is so far from what the network saw that another
    look pays; ``share``: of the limits that count then."""
    shift = math.hypot(wanted.centre_x - seen.centre_x, wanted.centre_y - seen.centre_y)
    turn = (wanted.roll - seen.roll + 180) % 360 - 180
    return bool(
        shift > share * OFF_SHIFT * seen.side
        or abs(math.log(wanted.side / seen.side)) > share * OFF_SIZE
        or abs(turn) > share * OFF_ROLL
    )
