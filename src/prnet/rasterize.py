"""Triangles to pixels: a z-buffer without perspective, in vectorised NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BACKGROUND = -1
"""Triangle id of pixels that no triangle covers; their weights are 0 and their depth -inf."""

_SUBPIXEL = 1024.0
"""Vertices are snapped to 1/1024 pixel, so that edge functions are exact in float64."""

_CHUNK = 1 << 19
"""At most about this many candidate pixels are tested at once (memory)."""

_EMPTY = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Raster:
    """What each pixel sees.

    triangle_id: (H, W) int32, -1 where nothing is.  barycentric: (H, W, 3) float32 weights of the
    triangle's corners, 0 where nothing is.  depth: (H, W) float32 z, larger is nearer, -inf where
    nothing is.
    """

    triangle_id: NDArray[np.int32]
    barycentric: NDArray[np.float32]
    depth: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W): where some triangle is."""
        return self.triangle_id >= 0


@dataclass(frozen=True)
class _Triangles:
    """Edge functions in pixels: e = a x + b y + c, positive inside; z as a plane; pixel boxes.

    a, b, c: (3, N) float64, edge i is opposite corner i, c is lowered by half a step where a
    centre on the edge belongs to the neighbour.  plane: (3, N) float64.  box: (4, N) int64
    first column, first row, columns, rows.  index: (N,) into the caller's triangles.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    c: NDArray[np.float64]
    plane: NDArray[np.float64]
    box: NDArray[np.int64]
    index: NDArray[np.int64]


def rasterize(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    *,
    cull: Literal["none", "back"] = "none",
) -> Raster:
    """Draw triangles (T, 3) over vertices (V, 3) of the image frame; the largest z wins.

    Pixel centres are integers.  A centre on an edge belongs to one of the two triangles that share
    it (top-left rule), so closed surfaces have no holes and nothing is drawn twice.  Equal z: the
    lower triangle index wins.  Triangles without area or with non-finite corners are skipped.
    ``cull="back"`` skips triangles that run clockwise on screen (an outward-wound surface runs
    counterclockwise where it faces the viewer).
    """
    corners = np.asarray(vertices, np.float64).T[:, np.asarray(triangles).T]  # (3 xyz, 3, T)
    setup = _set_up(corners, height, width, cull)
    keys = np.full(height * width, _EMPTY)
    for pixel, key in _fragments(setup, width):
        np.maximum.at(keys, pixel, key)
    return _resolve(corners, keys, height, width)


def interpolate(
    raster: Raster, triangles: NDArray[np.integer], attributes: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Vertex attributes (V, C) at each pixel: (H, W, C) float32, 0 where nothing is."""
    corners = np.asarray(triangles)[raster.triangle_id]  # background reads a triangle, weighs it 0
    values = np.asarray(attributes, np.float32)
    weights = raster.barycentric
    result = values[corners[..., 0]] * weights[..., :1]
    for corner in (1, 2):
        result += values[corners[..., corner]] * weights[..., corner, None]
    return result


def _set_up(
    corners: NDArray[np.float64], height: int, width: int, cull: Literal["none", "back"]
) -> _Triangles:
    with np.errstate(invalid="ignore"):
        x, y = np.rint(corners[:2] * _SUBPIXEL) / _SUBPIXEL
        area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])  # > 0: clockwise
        first_x, last_x = np.ceil(x.min(0)).clip(0), np.floor(x.max(0)).clip(max=width - 1)
        first_y, last_y = np.ceil(y.min(0)).clip(0), np.floor(y.max(0)).clip(max=height - 1)
        seen = area < 0 if cull == "back" else area != 0
        seen &= (first_x <= last_x) & (first_y <= last_y) & np.isfinite(corners).all((0, 1))
    index = np.flatnonzero(seen)
    box = np.stack([first_x, first_y, last_x - first_x + 1, last_y - first_y + 1])[:, index]
    x, y, z, area = x[:, index], y[:, index], corners[2][:, index], area[index]
    sign = np.sign(area)
    dx, dy = np.roll(x, 1, 0) - np.roll(x, -1, 0), np.roll(y, 1, 0) - np.roll(y, -1, 0)
    dx, dy = dx * sign, dy * sign
    a, b = -dy, dx
    c = -(a * np.roll(x, -1, 0) + b * np.roll(y, -1, 0))
    slopes = (a * z).sum(0) / np.abs(area), (b * z).sum(0) / np.abs(area)
    plane = np.stack([*slopes, z[0] - slopes[0] * x[0] - slopes[1] * y[0]])
    top_left = (dy < 0) | ((dy == 0) & (dx > 0))
    return _Triangles(
        a, b, c - np.where(top_left, 0.0, 0.5 / _SUBPIXEL**2), plane, box.astype(np.int64), index
    )


def _fragments(
    setup: _Triangles, width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Covered pixels (flat) and their keys, chunk by chunk."""
    candidates = setup.box[2] * setup.box[3]
    ends = np.cumsum(candidates)
    start = 0
    while start < len(ends):
        done = ends[start] - candidates[start]
        stop = max(int(np.searchsorted(ends, done + _CHUNK, "right")), start + 1)
        which = np.repeat(np.arange(start, stop), candidates[start:stop])
        offset = np.arange(len(which)) - (ends - candidates - done)[which]
        columns = setup.box[2][which]
        row = offset // columns
        x = setup.box[0][which] + offset - row * columns
        y = setup.box[1][which] + row
        inside = np.ones(len(which), bool)
        for a, b, c in zip(setup.a, setup.b, setup.c, strict=True):
            inside &= a[which] * x + b[which] * y + c[which] >= 0
        which, x, y = which[inside], x[inside], y[inside]
        slope_x, slope_y, at_origin = setup.plane
        z = slope_x[which] * x + slope_y[which] * y + at_origin[which]
        yield y * width + x, _key(z, setup.index[which])
        start = stop


def _key(z: NDArray[np.float64], triangle: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers in the order of z (as float32), then of falling triangle index."""
    bits = z.astype(np.float32).view(np.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered.astype(np.int64) << 32) | (0x7FFFFFFF - triangle)


def _resolve(
    corners: NDArray[np.float64], keys: NDArray[np.int64], height: int, width: int
) -> Raster:
    """Triangle, weights and depth of the winning keys."""
    pixel = np.flatnonzero(keys != _EMPTY)
    winner = 0x7FFFFFFF - (keys[pixel] & 0x7FFFFFFF)
    x, y = np.rint(corners[:2][:, :, winner] * _SUBPIXEL) / _SUBPIXEL
    x, y = x - pixel % width, y - pixel // width
    parts = np.roll(x, -1, 0) * np.roll(y, 1, 0) - np.roll(x, 1, 0) * np.roll(y, -1, 0)
    weights = parts / parts.sum(0)
    triangle_id = np.full(height * width, BACKGROUND, np.int32)
    barycentric = np.zeros((height * width, 3), np.float32)
    depth = np.full(height * width, -np.inf, np.float32)
    triangle_id[pixel] = winner
    barycentric[pixel] = weights.T
    depth[pixel] = (weights * corners[2][:, winner]).sum(0)
    return Raster(
        triangle_id.reshape(height, width),
        barycentric.reshape(height, width, 3),
        depth.reshape(height, width),
    )
