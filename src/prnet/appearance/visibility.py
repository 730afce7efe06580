"""Which parts of a face the camera sees, with soft edges."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.filters import box_sum, extreme, smooth_step
from prnet.geometry.rasterize import rasterize_depth
from prnet.geometry.sampling import resized, resized_planes
from prnet.layout.uv_layout import Part, UVLayout
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

HORIZON = -0.2, 0.1
"""As GRAZING and STEEP, for places that are hidden on the other side as well."""

MIDDLE = 0.25, 0.5
"""Distances from the middle column, over half the map, between which such places end: there the
halves of a face seen from the side meet."""

MARGIN, DEVIATIONS, LARGEST_MARGIN = 0.045, 2.9, 0.1
"""Width of the band along the face's outline in which the photo may show what is behind it: at
least, in the map's own deviations, and at most; shares of the face's longer side."""

SURE = 0.75, 1.0
"""Shares of the surroundings, as wide as that band, that the face covers, between which the photo
becomes trusted."""

WAY_BAND = 32
"""Side of the maps in which the ways from the outline inward are averaged."""

ENDING = 0.45, 0.75
"""Cosines between which the mesh's outline in the picture is that of the head, behind which lies
something else, or an end of the mesh, beyond which the skin goes on. Other parts have no ends."""


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
    facing = face.layout.vertices(facing_map(face))
    return _softened(face.layout, smooth_step(facing, GRAZING, STEEP) * _uncovered(face))


def shown_map(face: MappedFace, sure: NDArray[np.float32]) -> NDArray[np.float32]:
    """(256, 256) float32: what of the photo a filled texture takes over: what is seen and ``sure``
    (256, 256); where neither half is, along the middle of profiles, all up to the horizon."""
    layout, size = face.layout, face.layout.size
    seen = visibility_map(face) * sure
    facing = layout.vertices(facing_map(face))
    shown = _softened(layout, smooth_step(facing, *HORIZON) * _uncovered(face))
    beside = np.abs(np.arange(size) * 2 - (size - 1)) / size
    middle = 1 - smooth_step(beside, *MIDDLE)
    return np.asarray(seen + (1 - seen) * (1 - seen[:, ::-1]) * shown * middle, np.float32)


@remembered
def facing_map(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256) float32: cosine between the surface's normal and the direction to the camera, 0
    outside the region. Normals are averaged over their neighbours first: a network's small waves
    are far steeper than the face."""
    x, y, z = (box_sum(face.layout.spread(axis), SMOOTHING) for axis in face.normals.T)
    length = np.sqrt(x * x + y * y + z * z)
    return np.asarray(z / np.maximum(length, 1e-6) * face.layout.region, np.float32)


@remembered
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


def inside_outline(face: MappedFace) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The way (2, V), in pixels of the photo along x and y, from each vertex to where the photo is
    sure to show the face, and (256, 256) float32: 0 on the outline, 1 where there is no way to go.

    Along the outline a small error of the map shows what is behind the face. The way leads to the
    middle of what the face covers around: half of the band's width on a straight outline, less and
    less further in, so that the order of points stays, more at a tip.
    """
    layout, scale = face.layout, _buffer_scale(face)
    band = _band(face, scale)
    covered = np.pad(np.isfinite(_buffer(face)).astype(np.float32), band)
    rows, columns = (np.arange(size, dtype=np.float32) for size in covered.shape)
    x, y = (_in_buffer(face)[:2] + np.float32(band + 0.5)).astype(np.intp)
    share = box_sum(covered, band) / (2 * band + 1) ** 2
    near = np.flatnonzero(share[y, x] < 1)
    x, y = x[near], y[near]
    count = np.maximum(share[y, x], 1e-6) * (2 * band + 1) ** 2
    ending = np.isin(layout.parts[layout.region][near], (Part.FACE, Part.NECK))
    grazing = 1 - smooth_step(layout.vertices(facing_map(face))[near], *ENDING) * ending
    way, sure = (
        np.zeros((2, len(face.vertices)), np.float32),
        np.ones(len(face.vertices), np.float32),
    )
    for axis, (places, own) in enumerate(((columns, x), (rows[:, None], y))):
        middle = box_sum(covered * places, band)[y, x] / count
        way[axis, near] = (middle - own) * grazing / scale
    sure[near] = 1 - grazing * (1 - smooth_step(share[y, x], *SURE))
    return _side_by_side(layout, way), _softened(layout, sure)


def _side_by_side(layout: UVLayout, way: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ways (2, V) averaged over their neighbours in the map: where one ends abruptly, at an end of
    the mesh or beside the eyes, the picture would be torn."""
    planes = np.stack([layout.spread(axis) for axis in way])
    soft = resized_planes(resized_planes(planes, WAY_BAND), layout.size)
    return np.stack([layout.vertices(plane / _coverage(layout)) for plane in soft])


@lru_cache(maxsize=4)
def _coverage(layout: UVLayout) -> NDArray[np.float32]:
    """(256, 256): the region's share of what is averaged there."""
    region = layout.region.astype(np.float32)
    return np.maximum(resized(resized(region, WAY_BAND), layout.size), 0.1)


def _band(face: MappedFace, scale: float) -> int:
    """Pixels of the z-buffer, which has ``scale`` to one of the photo."""
    share = MARGIN
    if face.vertex_deviations is not None:
        deviation = float(np.median(face.vertex_deviations)) * scale / BUFFER_SIZE
        share = min(max(share, DEVIATIONS * deviation), LARGEST_MARGIN)
    return round(share * BUFFER_SIZE)


@remembered
def _buffer(face: MappedFace) -> NDArray[np.float32]:
    """(H, W) float32: z of the surface that faces the camera, -inf beside it."""
    points = _in_buffer(face)
    width, height = (int(size) + 2 for size in points[:2].max(axis=1))
    return rasterize_depth(points.T, face.layout.coarse_triangles, height, width, cull="back")


@remembered
def _in_buffer(face: MappedFace) -> NDArray[np.float32]:
    """Vertices (3, V) in a z-buffer of BUFFER_SIZE along the face's longer side."""
    points = np.array(face.vertices.T, order="C")  # rows are reduced ten times as fast
    points -= points.min(axis=1, keepdims=True)
    points *= _buffer_scale(face)
    return points


def _buffer_scale(face: MappedFace) -> float:
    """Pixels of the z-buffer over those of the photo."""
    longer = max(float(np.ptp(face.vertices[:, axis])) for axis in (0, 1))
    return BUFFER_SIZE / max(longer, 1e-9)


def _softened(layout: UVLayout, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of the vertices (V,) -> a map (256, 256), 0 outside the region; the seen part shrunk
    by EDGE pixels and blurred by as many: edges lie on the seen side."""
    spread = np.ones(layout.region.shape, np.float32)
    spread[layout.region] = seen
    padded = np.pad(extreme(np.minimum, spread, EDGE), EDGE, mode="edge")
    inner = slice(EDGE, -EDGE)
    blurred = box_sum(padded, EDGE)[inner, inner] / (2 * EDGE + 1) ** 2
    return np.asarray(np.clip(blurred, 0, 1) * layout.region, np.float32)
