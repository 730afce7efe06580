"""Triangles to pixels: a z-buffer without perspective, in vectorised NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.coverage import Fragments, fragments, placed, set_up

BACKGROUND = -1
"""Triangle id of pixels that no triangle covers; their weights are 0 and their depth -inf."""

_BLOCK = 20_000
"""Triangles, and pixels, that are drawn together: small arrays come from memory that the system
need not hand out anew, which took most of the time."""


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
    keys = np.full(height * width, np.iinfo(np.int64).min)
    triangle_id = np.full(height * width, BACKGROUND, np.int32)
    weights = np.zeros((3, height * width), np.float32)
    depth = np.full(height * width, -np.inf, np.float32)
    for found in _drawn(vertices, triangles, height, width, cull):
        z = found.z.astype(np.float32)
        key = _key(z, found.index)
        np.maximum.at(keys, found.pixel, key)
        nearest = np.flatnonzero(keys[found.pixel] == key)  # of those until now
        pixel, first, second = (each[nearest] for each in (found.pixel, found.first, found.second))
        triangle_id[pixel], depth[pixel] = found.index[nearest], z[nearest]
        for plane, weight in zip(weights, (first, second, 1 - first - second), strict=True):
            plane[pixel] = np.maximum(weight, 0)
    return Raster(
        triangle_id.reshape(height, width),
        weights.T.reshape(height, width, 3),
        depth.reshape(height, width),
    )


def rasterize_depth(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    *,
    cull: Literal["none", "back"] = "none",
) -> NDArray[np.float32]:
    """The depth of :func:`rasterize` alone, (height, width) float32, sooner."""
    depth = np.full(height * width, -np.inf, np.float32)
    for found in _drawn(vertices, triangles, height, width, cull):
        np.maximum.at(depth, found.pixel, found.z.astype(np.float32))
    return depth.reshape(height, width)


def interpolate(
    raster: Raster, triangles: NDArray[np.integer], attributes: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Vertex attributes (V, C) at each pixel: (H, W, C) float32, 0 where nothing is."""
    pixel = np.flatnonzero(raster.mask)
    result = np.zeros((*raster.mask.shape, np.shape(attributes)[1]), np.float32)
    values = interpolate_at(raster, triangles, attributes, pixel)
    result.reshape(-1, result.shape[2])[pixel] = values.T
    return result


def interpolate_at(
    raster: Raster,
    triangles: NDArray[np.integer],
    attributes: NDArray[np.floating],
    pixel: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Vertex attributes (V, C) at flat pixels (N,) that triangles cover: (C, N) float32."""
    corners = np.asarray(triangles).take(raster.triangle_id.ravel().take(pixel), axis=0)
    corners = np.asarray(corners.T, np.intp, order="C")
    weights = raster.barycentric.reshape(-1, 3).T.take(pixel, axis=1)
    result = np.empty((np.shape(attributes)[1], len(pixel)), np.float32)
    for channel, column in zip(
        result, np.array(np.transpose(attributes), np.float32, order="C"), strict=True
    ):
        column.take(corners[0], out=channel)
        channel *= weights[0]
        for corner in (1, 2):
            part = column.take(corners[corner])
            part *= weights[corner]
            channel += part
    return result


def _drawn(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    cull: Literal["none", "back"],
) -> Iterator[Fragments]:
    known, triangles = placed(np.asarray(vertices)), np.asarray(triangles)
    for first in range(0, len(triangles), _BLOCK):
        drawn = set_up(known, triangles[first : first + _BLOCK], height, width, cull)
        np.add(drawn.index, first, out=drawn.index)
        yield from fragments(drawn, width)


def _key(z: NDArray[np.float32], triangle: NDArray[np.intp]) -> NDArray[np.int64]:
    """Integers in the order of z, then of falling triangle index."""
    bits = z.view(np.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered.astype(np.int64) << 32) | (0x7FFFFFFF - triangle)
