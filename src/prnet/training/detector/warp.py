"""Similarities that put a part of a photo into a square canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.uint8]
Window = tuple[int, int, int, int]
"""Pixels x0, y0, x1, y1 of a canvas; the last column and row are not in it."""


class Warp:
    """A similarity from an image into a canvas: ``centre`` of the image comes to ``to`` of the
    canvas, scaled, mirrored if asked, then turned clockwise by ``angle`` degrees."""

    def __init__(
        self,
        centre: NDArray[np.floating],
        scale: float,
        angle: float,
        mirror: bool,
        to: tuple[float, float],
    ) -> None:
        self.centre, self.to = np.asarray(centre, float), np.array(to, float)
        self.scale, self.angle, self.mirror = scale, angle, mirror
        a = np.radians(angle)
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        self.matrix = scale * turn @ np.diag([-1.0 if mirror else 1.0, 1.0])

    def points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        offsets = np.asarray(points, np.float64) - self.centre
        moved: NDArray[np.float64] = offsets @ self.matrix.T + self.to
        return moved

    def roll(self, roll: float) -> float:
        return (-roll if self.mirror else roll) + self.angle

    def image(
        self, image: Pixels, window: Window, *, ground: tuple[int, ...] = (0, 0, 0)
    ) -> Image.Image:
        """What comes into the pixels x0, y0, x1, y1 of the canvas, on that colour.

        Large reductions average first, so that nothing aliases.
        """
        inverse = np.linalg.inv(self.matrix)
        origin, end = np.array(window[:2]), np.array(window[2:])
        edges = np.array([origin, [end[0], origin[1]], [origin[0], end[1]], end])
        corners = (edges - self.to) @ inverse.T + self.centre
        high, wide = image.shape[:2]
        x0, y0 = (
            int(max(0, min(v - 2, n - 1)))
            for v, n in zip(corners.min(axis=0), (wide, high), strict=True)
        )
        x1, y1 = (
            int(max(a + 1, min(v + 3, n)))
            for v, a, n in zip(corners.max(axis=0), (x0, y0), (wide, high), strict=True)
        )
        source = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))
        factor = 1 if self.scale > 0.75 else min(round(1 / self.scale + 0.2), 16)
        if factor > 1:
            source = source.reduce(factor)
        # canvas pixel -> image pixel -> reduced pixel; Pillow counts from edges (centres at + 0.5)
        offset = self.centre + inverse @ (origin - self.to - 0.5) + 0.5 - (x0, y0)
        data = np.concatenate([inverse, offset[:, None]], axis=1) / factor
        shape = (int(end[0] - origin[0]), int(end[1] - origin[1]))
        return source.transform(
            shape,
            Image.Transform.AFFINE,
            tuple(data.reshape(-1)),
            Image.Resampling.BILINEAR,
            fillcolor=ground,
        )

    def inside(self, area: NDArray[np.floating], window: Window) -> Image.Image:
        """Mask of the area x0, y0, x1, y1 of the image in a window of the canvas."""
        quad = area[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)
        mask = Image.new("L", (window[2] - window[0], window[3] - window[1]))
        corners = self.points(quad) - window[:2]
        ImageDraw.Draw(mask).polygon([tuple(p) for p in corners.tolist()], fill=255)
        return mask


def window_around(x: float, y: float, reach: float, size: int) -> Window | None:
    """The pixels x0, y0, x1, y1 of the canvas within ``reach`` of a point, if there are any."""
    x0, y0 = (max(0, int(v - reach)) for v in (x, y))
    x1, y1 = (min(size, int(v + reach) + 1) for v in (x, y))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def random_roll(random: np.random.Generator, turned: float) -> float:
    """Degrees, anywhere with the probability ``turned``, else about 0."""
    return float(random.uniform(-180, 180) if random.random() < turned else random.normal(0, 12))
