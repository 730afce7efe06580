"""Which pixels triangles cover, for the z-buffer of :mod:`prnet.geometry.rasterize`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_SUBPIXEL = 1024.0
"""Vertices are snapped to 1/1024 pixel, so that edge functions are exact in float64."""
_CHUNK = 1 << 15
"""Pixels of boxes that are tried together."""
_WIDE = 4
"""Of wider boxes the pixels between the edges are tried, not all of a row."""


@dataclass(frozen=True)
class Vertices:
    """points: (V,) complex128, x + iy, snapped.  depth: (V,) float64, z.  broken: (V,) bool, those
    that are not finite, if any.  bounds: (V,), each four int32 in one, as 16 bytes are looked up as
    soon as 4: first column, last column, first row, last row of pixels that a box may have whose
    corner the vertex is, the last ones negative, so that the box of several has the least values.
    """

    points: NDArray[np.complex128]
    depth: NDArray[np.float64]
    broken: NDArray[np.bool_] | None
    bounds: NDArray[np.complex128]


@dataclass(frozen=True)
class Triangles:
    """Triangles that may cover pixels, clockwise on screen.

    places: (3, N) complex128, the corners' x + iy.  depth: (3, N) float64, their z.  area: (N,)
    float64, twice the area in square pixels.  box: (4, N) int32, first column and row, columns,
    rows.  index: (N,) into the caller's triangles.
    """

    places: NDArray[np.complex128]
    depth: NDArray[np.float64]
    area: NDArray[np.float64]
    box: NDArray[np.int32]
    index: NDArray[np.intp]


def placed(vertices: NDArray[np.floating], height: int, width: int) -> Vertices:
    finite, broken = np.isfinite(vertices), None
    if not finite.all():
        vertices, broken = np.where(finite, vertices, 0), ~finite.all(axis=1)
    x, y = np.rint(np.multiply(vertices.T[:2], _SUBPIXEL, dtype=np.float64)) / _SUBPIXEL
    bounds = np.empty((len(x), 4), np.int32)
    for place, values, size in ((0, x, width), (2, y, height)):
        bounds[:, place] = np.ceil(values).clip(0, size)
        bounds[:, place + 1] = -np.floor(values).clip(-1, size - 1)
    depth = np.asarray(vertices[:, 2], np.float64)
    return Vertices(x + 1j * y, depth, broken, bounds.view(np.complex128)[:, 0])


def set_up(
    known: Vertices, triangles: NDArray[np.integer], cull: Literal["none", "back"]
) -> Triangles:
    corners = triangles.T[[0, 2, 1]] if cull == "back" else np.ascontiguousarray(triangles.T)
    first, second, third = (known.bounds.take(corner).view(np.int32) for corner in corners)
    boxes = np.minimum(np.minimum(first, second), third).reshape(-1, 4)
    index = np.flatnonzero((boxes[:, 0] + boxes[:, 1] <= 0) & (boxes[:, 2] + boxes[:, 3] <= 0))
    corners = corners.take(index, axis=1)
    places = known.points.take(corners)
    area = cross(places[1] - places[0], places[2] - places[0])
    if known.broken is not None:
        area[known.broken[corners].any(axis=0)] = 0
    kept = np.flatnonzero(area > 0 if cull == "back" else area != 0)
    area, index = area[kept], index[kept]
    places, depth = places.take(kept, axis=1), known.depth.take(corners.take(kept, axis=1))
    if cull != "back":
        for values in (places, depth):
            values[1:] = np.where(area < 0, values[:0:-1], values[1:])
    column, right, row, bottom = boxes.take(index, axis=0).T  # right, bottom: negative
    box = np.stack([column, row, 1 - right - column, 1 - bottom - row])
    return Triangles(places, depth, np.abs(area), box, index)


def fragments(
    drawn: Triangles, width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.float64]]]:
    """Covered pixels (flat), the triangles' index and their z there, some at a time."""
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
        edges = edge_functions(drawn.places.take(which, axis=1), x, y)
        inside = _inside(drawn, which, edges)
        which = which[inside]
        z = sum(z[which] * edge[inside] for z, edge in zip(drawn.depth, edges, strict=True))
        z = np.asarray(z / drawn.area[which], np.float64)
        yield y[inside] * width + x[inside], drawn.index[which], z
        start = stop


def _narrowed(
    drawn: Triangles, which: NDArray[np.int64], y: NDArray[np.int64]
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
    drawn: Triangles, which: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.complex128], NDArray[np.complex128]]]:
    """For each corner the edge opposite it: where it starts, and the way along it."""
    places = drawn.places[:, which]
    for corner in range(3):
        start, end = places[(corner + 1) % 3], places[(corner + 2) % 3]
        yield start, end - start


def edge_functions(
    places: NDArray[np.complex128], x: NDArray[np.int64], y: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """For each corner of triangles ``places`` (3, N) the edge function opposite it at pixels x, y:
    twice an area in square pixels, exact, of the triangle's own sign inside."""
    pixel = np.empty(len(x), np.complex128)
    pixel.real, pixel.imag = x, y
    a, b, c = places - pixel
    return [cross(b, c), cross(c, a), cross(a, b)]


def _inside(
    drawn: Triangles, which: NDArray[np.int64], edges: list[NDArray[np.float64]]
) -> NDArray[np.intp]:
    """Pixels inside; of those on an edge, where that is a top or a left one."""
    least = np.minimum(np.minimum(edges[0], edges[1]), edges[2])
    inside = least >= 0
    on = np.flatnonzero(least == 0)
    for edge, (_, along) in zip(edges, _sides(drawn, which[on]), strict=True):
        top_left = (along.imag < 0) | ((along.imag == 0) & (along.real > 0))
        inside[on] &= top_left | (edge[on] != 0)
    return np.flatnonzero(inside)


def cross(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.asarray(a.real * b.imag - a.imag * b.real, np.float64)


def _counted(counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts 2, 0, 3 -> owners 0, 0, 2, 2, 2 and running numbers 0, 1, 0, 1, 2."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
