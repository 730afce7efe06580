"""Triangles to pixels: a z-buffer without perspective, in vectorised NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.coverage import Vertices, cross, edge_functions, fragments, placed, set_up

BACKGROUND = -1
"""Triangle id of pixels that no triangle covers; their weights are 0 and their depth -inf."""

_BLOCK = 20_000
"""Triangles, and pixels, that are drawn together: small arrays come from memory that the system
need not hand out anew, which took most of the time."""

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
    triangles, known = np.asarray(triangles), placed(np.asarray(vertices), height, width)
    keys = _nearest_keys(known, triangles, height, width, cull)
    return _resolve(known, triangles, keys, height, width)


def rasterize_depth(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    *,
    cull: Literal["none", "back"] = "none",
) -> NDArray[np.float32]:
    """The depth of :func:`rasterize` alone, (height, width) float32, sooner."""
    known = placed(np.asarray(vertices), height, width)
    keys = _nearest_keys(known, np.asarray(triangles), height, width, cull)
    depth = np.full(len(keys), -np.inf, np.float32)
    pixel = np.flatnonzero(keys != _EMPTY)
    depth[pixel] = _unpack(keys[pixel])[1]
    return depth.reshape(height, width)


def interpolate(
    raster: Raster, triangles: NDArray[np.integer], attributes: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Vertex attributes (V, C) at each pixel: (H, W, C) float32, 0 where nothing is."""
    values = np.asarray(attributes, np.float32)
    pixel = np.flatnonzero(raster.mask)
    corners = np.asarray(triangles).take(raster.triangle_id.ravel()[pixel], axis=0).T
    weights = np.ascontiguousarray(raster.barycentric.reshape(-1, 3)[pixel].T)
    result = np.zeros((values.shape[1], raster.mask.size), np.float32)
    for channel, column in zip(result, np.ascontiguousarray(values.T), strict=True):
        channel[pixel] = sum(column[corners[i]] * weights[i] for i in range(3))
    return np.ascontiguousarray(result.T).reshape(*raster.mask.shape, values.shape[1])


def _nearest_keys(
    known: Vertices,
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    cull: Literal["none", "back"],
) -> NDArray[np.int64]:
    """(height * width,): the key of what each pixel sees."""
    keys = np.full(height * width, _EMPTY)
    for first in range(0, len(triangles), _BLOCK):
        drawn = set_up(known, triangles[first : first + _BLOCK], cull)
        for pixel, index, z in fragments(drawn, width):
            np.maximum.at(keys, pixel, _key(z, first + index))
    return keys


def _key(z: NDArray[np.float64], triangle: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers in the order of z (as float32), then of falling triangle index."""
    bits = z.astype(np.float32).view(np.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered.astype(np.int64) << 32) | (0x7FFFFFFF - triangle)


def _unpack(key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Triangle and z (float32) of keys."""
    ordered = (key >> 32).astype(np.int32)
    bits = ordered ^ ((ordered >> 31) & 0x7FFFFFFF)
    return 0x7FFFFFFF - (key & 0x7FFFFFFF), bits.view(np.float32)


def _resolve(
    known: Vertices,
    triangles: NDArray[np.integer],
    keys: NDArray[np.int64],
    height: int,
    width: int,
) -> Raster:
    """Triangle, weights and depth of the winning keys."""
    triangle_id = np.full(height * width, BACKGROUND, np.int32)
    barycentric = np.zeros((height * width, 3), np.float32)
    depth = np.full(height * width, -np.inf, np.float32)
    covered = np.flatnonzero(keys != _EMPTY)
    for first in range(0, len(covered), _BLOCK):
        pixel = covered[first : first + _BLOCK]
        triangle_id[pixel], depth[pixel] = _unpack(keys[pixel])
        places = known.points[triangles.take(triangle_id[pixel], axis=0).T]
        y, x = np.divmod(pixel, width)
        a, b, _ = edge_functions(places, x, y)
        area = cross(places[1] - places[0], places[2] - places[0])
        for corner, weight in enumerate((a / area, b / area, 1 - a / area - b / area)):
            barycentric[pixel, corner] = np.maximum(weight, 0)
    return Raster(
        triangle_id.reshape(height, width),
        barycentric.reshape(height, width, 3),
        depth.reshape(height, width),
    )
