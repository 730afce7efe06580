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
_CHUNK = 1 << 15
"""Triangles are drawn together until their boxes hold so many pixels: arrays stay in the cache."""
_WIDE = 4
"""Of wider boxes the pixels between the edges are tried, not all of a row."""

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
    """Triangles that may cover pixels.

    corners: (3, N) into the vertices, clockwise on screen.  flipped: (N,) bool, where the second
    and the third are the caller's third and second.  places: (3, N) complex128, the corners'
    x + iy, snapped.  depth: (V,) float64, the vertices' z.  area: (N,) float64, twice the area in
    square pixels.  box: (4, N) int32, first column and row, columns, rows.  index: (N,) into the
    caller's triangles.
    """

    corners: NDArray[np.integer]
    flipped: NDArray[np.bool_]
    places: NDArray[np.complex128]
    depth: NDArray[np.float64]
    area: NDArray[np.float64]
    box: NDArray[np.int32]
    index: NDArray[np.intp]


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
    drawn = _set_up(np.asarray(vertices), np.asarray(triangles), height, width, cull)
    return _resolve(drawn, _nearest_keys(drawn, height, width), height, width, len(triangles))


def rasterize_depth(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    *,
    cull: Literal["none", "back"] = "none",
) -> NDArray[np.float32]:
    """The depth of :func:`rasterize` alone, (height, width) float32, sooner."""
    drawn = _set_up(np.asarray(vertices), np.asarray(triangles), height, width, cull)
    keys = _nearest_keys(drawn, height, width)
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


def _set_up(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    cull: Literal["none", "back"],
) -> _Triangles:
    finite = np.isfinite(vertices)
    broken = not finite.all()
    if broken:
        vertices = np.where(finite, vertices, 0)
    x, y = np.ascontiguousarray(vertices.T[:2], np.float64)  # rows of two are much slower
    points = np.rint(x * _SUBPIXEL) / _SUBPIXEL + 1j * (np.rint(y * _SUBPIXEL) / _SUBPIXEL)
    back = cull == "back"
    corners = np.ascontiguousarray(triangles.T[[0, 2, 1]] if back else triangles.T)
    boxes = _boxes(points, corners, height, width)
    index = np.flatnonzero((boxes[:, 0] + boxes[:, 1] <= 0) & (boxes[:, 2] + boxes[:, 3] <= 0))
    corners = corners.take(index, axis=1)
    places = points[corners]
    area = _cross(places[1] - places[0], places[2] - places[0])
    if broken:
        area[~finite[corners].all((0, 2))] = 0
    kept = np.flatnonzero(area > 0 if back else area != 0)
    index, area = index[kept], area[kept]
    corners, places = corners.take(kept, axis=1), places.take(kept, axis=1)
    flipped = (area < 0) | back
    if not back:
        for values in (corners, places):
            values[1:] = np.where(flipped, values[:0:-1], values[1:])
    column, right, row, bottom = boxes.take(index, axis=0).T  # right, bottom: negative
    box = np.stack([column, row, 1 - right - column, 1 - bottom - row])
    depth = np.asarray(vertices[:, 2], np.float64)
    return _Triangles(corners, flipped, places, depth, np.abs(area), box, index)


def _boxes(
    points: NDArray[np.complex128], corners: NDArray[np.integer], height: int, width: int
) -> NDArray[np.int32]:
    """(T, 4): first column, last column, first row, last row of the pixels in each triangle's box,
    the last ones negative, so that all are least values of the corners'."""
    of_vertices = np.empty((len(points), 4), np.int32)
    for place, values, size in ((0, points.real, width), (2, points.imag, height)):
        of_vertices[:, place] = np.ceil(values).clip(0, size)
        of_vertices[:, place + 1] = -np.floor(values).clip(-1, size - 1)
    as_one = of_vertices.view(np.complex128)[:, 0]  # 16 bytes are gathered as soon as 4
    first, second, third = (as_one[corner].view(np.int32).reshape(-1, 4) for corner in corners)
    return np.asarray(np.minimum(np.minimum(first, second), third), np.int32)


def _cross(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.asarray(a.real * b.imag - a.imag * b.real, np.float64)


def _fragments(
    drawn: _Triangles, width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Covered pixels (flat) and their keys, some triangles at a time."""
    column, row, columns, rows = drawn.box
    pixels = np.cumsum(columns.astype(np.int64) * rows)
    start = 0
    while start < len(pixels):
        limit = _CHUNK + (pixels[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(pixels, limit, "right")))
        which, y = _counted(rows[start:stop])
        which += start
        y += row[which]
        first, count = column[which], columns[which]
        wide = np.flatnonzero(count > _WIDE)
        if len(wide):
            first[wide], count[wide] = _narrowed(drawn, which[wide], y[wide])
        span, x = _counted(count)
        x += first[span]
        which, y = which[span], y[span]
        edges = _edges(drawn, which, x, y)
        inside = _inside(drawn, which, edges)
        which = which[inside]
        z = sum(
            drawn.depth[corner[which]] * edge[inside]
            for corner, edge in zip(drawn.corners, edges, strict=True)
        )
        key = _key(z / drawn.area[which], drawn.index[which])
        yield y[inside] * width + x[inside], key
        start = stop


def _narrowed(
    drawn: _Triangles, which: NDArray[np.int64], y: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First x and number of pixels that rows ``y`` of triangles ``which`` may cover, by their
    edges instead of their boxes; rounding adds a few."""
    low = drawn.box[0, which].astype(np.float64)
    high = low + drawn.box[2, which] - 1
    for start, along in _sides(drawn, which):
        slope = np.divide(along.real, along.imag, out=np.zeros(len(y)), where=along.imag != 0)
        edge = start.real + slope * (y - start.imag)
        np.maximum(low, edge - 1 / _SUBPIXEL, out=low, where=along.imag < 0)
        np.minimum(high, edge + 1 / _SUBPIXEL, out=high, where=along.imag > 0)
    first = np.ceil(low)
    return first, np.maximum(np.floor(high) - first + 1, 0)


def _sides(
    drawn: _Triangles, which: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.complex128], NDArray[np.complex128]]]:
    """For each corner the edge opposite it: where it starts, and the way along it."""
    places = drawn.places[:, which]
    for corner in range(3):
        start, end = places[(corner + 1) % 3], places[(corner + 2) % 3]
        yield start, end - start


def _edges(
    drawn: _Triangles, which: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """For each corner the edge function opposite it at pixels x, y of triangles ``which``: twice
    an area in square pixels, exact, not negative inside."""
    pixel = np.empty(len(x), np.complex128)
    pixel.real, pixel.imag = x, y
    a, b, c = (place[which] - pixel for place in drawn.places)
    return [_cross(b, c), _cross(c, a), _cross(a, b)]


def _inside(
    drawn: _Triangles, which: NDArray[np.int64], edges: list[NDArray[np.float64]]
) -> NDArray[np.intp]:
    """Pixels inside; of those on an edge, where that is a top or a left one."""
    least = np.minimum(np.minimum(edges[0], edges[1]), edges[2])
    inside = least >= 0
    on = np.flatnonzero(least == 0)
    for edge, (_, along) in zip(edges, _sides(drawn, which[on]), strict=True):
        top_left = (along.imag < 0) | ((along.imag == 0) & (along.real > 0))
        inside[on] &= top_left | (edge[on] != 0)
    return np.flatnonzero(inside)


def _nearest_keys(drawn: _Triangles, height: int, width: int) -> NDArray[np.int64]:
    """(height * width,): the key of what each pixel sees."""
    keys = np.full(height * width, _EMPTY)
    for pixel, key in _fragments(drawn, width):
        np.maximum.at(keys, pixel, key)
    return keys


def _counted(counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts 2, 0, 3 -> owners 0, 0, 2, 2, 2 and running numbers 0, 1, 0, 1, 2."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]


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
    drawn: _Triangles, keys: NDArray[np.int64], height: int, width: int, count: int
) -> Raster:
    """Triangle, weights and depth of the winning keys."""
    pixel = np.flatnonzero(keys != _EMPTY)
    winner, z = _unpack(keys[pixel])
    slot = np.empty(count, np.int64)
    slot[drawn.index] = np.arange(len(drawn.index))
    y, x = np.divmod(pixel, width)
    which = slot[winner]
    edges, area = _edges(drawn, which, x, y), drawn.area[which]
    first, second = edges[0] / area, np.where(drawn.flipped[which], edges[2], edges[1]) / area
    triangle_id = np.full(height * width, BACKGROUND, np.int32)
    barycentric = np.zeros((height * width, 3), np.float32)
    depth = np.full(height * width, -np.inf, np.float32)
    triangle_id[pixel] = winner
    depth[pixel] = z
    for column, weight in enumerate((first, second, 1 - first - second)):
        barycentric[:, column][pixel] = np.maximum(weight, 0)
    return Raster(
        triangle_id.reshape(height, width),
        barycentric.reshape(height, width, 3),
        depth.reshape(height, width),
    )
