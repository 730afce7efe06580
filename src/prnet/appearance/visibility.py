"""Which parts of a face the camera sees, with soft edges."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.filters import box_sum, extreme, smooth_step
from prnet.geometry.rasterize import rasterize_depth
from prnet.mapped import MappedFace

BUFFER_SIZE = 160
"""Pixels of the z-buffer along the face's longer side; the result depends on no photo's size."""

SEEN_GAP, HIDDEN_GAP = 0.01, 0.03
"""A point this far behind the nearest surface is still seen, or hidden: shares of the face's longer
side (28 cm in our layout, so 3 and 8 mm)."""

GRAZING, STEEP = 0.1, 0.4
"""Cosine between normal and viewing direction at which a point counts as hidden, or as seen."""

SMOOTHING = 4
"""Normals are averaged over this many map pixels to each side."""

EDGE = 3
"""Map pixels by which the seen part is shrunk, then softened."""


OUTLINE = 4
"""Pixels of the z-buffer along the outline that are not trusted."""


MapOfFace = Callable[[MappedFace], NDArray[np.float32]]


def remembered(function: MapOfFace) -> MapOfFace:
    """Worked out once for each face and kept as long as the face is; read-only, as it is shared."""
    maps: WeakKeyDictionary[MappedFace, NDArray[np.float32]] = WeakKeyDictionary()

    @wraps(function)
    def known(face: MappedFace) -> NDArray[np.float32]:
        found = maps.get(face)
        if found is None:
            found = function(face)
            found.setflags(write=False)
            maps[face] = found
        return found

    return known


@remembered
def visibility_map(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256) float32 in UV: 1 where the camera sees the surface, 0 where it does not and
    outside the region. Geometry alone decides: the picture's border and things in front of the
    face do not count."""
    seen = np.ones(face.layout.region.shape, np.float32)
    facing = face.layout.vertices(facing_map(face))
    seen[face.layout.region] = smooth_step(facing, GRAZING, STEEP) * _uncovered(face)
    return _softened(seen) * face.layout.region


@remembered
def facing_map(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256) float32: cosine between the surface's normal and the direction to the camera, 0
    outside the region. Normals are averaged over their neighbours first: a network's small waves
    are far steeper than the face."""
    x, y, z = (box_sum(face.layout.spread(axis), SMOOTHING) for axis in face.normals.T)
    length = np.sqrt(x * x + y * y + z * z)
    return np.asarray(z / np.maximum(length, 1e-6) * face.layout.region, np.float32)


def _uncovered(face: MappedFace) -> NDArray[np.float32]:
    """(V,): 0 where another part of the face lies in front."""
    points, depth = _in_buffer(face), _buffer(face)
    x, y = points[:2].astype(np.intp)
    width = depth.shape[1]
    corner = y * width + x
    # The farthest of the four pixels around a point: steep surfaces must not hide themselves.
    farthest = depth.ravel()[corner]
    for step in (1, width, width + 1):
        np.minimum(farthest, depth.ravel()[corner + step], out=farthest)
    gap = (farthest - points[2]) / BUFFER_SIZE
    return 1 - smooth_step(gap, SEEN_GAP, HIDDEN_GAP)


def inside_outline(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256) float32: 0 within 2.5 % of the face's size of its outline in the picture, where a
    small error of the map shows what is behind the face; 1 further in and outside the region."""
    covered = np.pad(np.isfinite(_buffer(face)).astype(np.float32), OUTLINE)
    covered = extreme(np.minimum, covered, OUTLINE)
    x, y = _in_buffer(face)[:2].astype(np.intp)
    inside = np.ones(face.layout.region.shape, np.float32)
    inside[face.layout.region] = covered[y + OUTLINE, x + OUTLINE]
    return _softened(inside)


@remembered
def _buffer(face: MappedFace) -> NDArray[np.float32]:
    """(H, W) float32: z of the surface that faces the camera, -inf beside it."""
    points = _in_buffer(face)
    width, height = (int(size) + 2 for size in points[:2].max(axis=1))
    return rasterize_depth(points.T, face.layout.coarse_triangles, height, width, cull="back")


def _in_buffer(face: MappedFace) -> NDArray[np.float32]:
    """Vertices (3, V) in a z-buffer of BUFFER_SIZE along the face's longer side."""
    points = np.array(face.vertices.T, order="C")  # rows are reduced ten times as fast
    points -= points.min(axis=1, keepdims=True)
    points *= BUFFER_SIZE / max(float(points[:2].max()), 1e-9)
    return points


def _softened(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shrunk by EDGE pixels and blurred by as many: edges lie on the seen side."""
    seen = extreme(np.minimum, seen, EDGE)
    padded = np.pad(seen, EDGE, mode="edge")
    inner = slice(EDGE, -EDGE)
    return np.clip(box_sum(padded, EDGE)[inner, inner] / (2 * EDGE + 1) ** 2, 0, 1)
