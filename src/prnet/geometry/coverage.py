"""Which pixels triangles cover, for the z-buffer of :mod:`prnet.geometry.rasterize`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

_SUBPIXEL = 1024.0
"""Vertices are snapped to 1/1024 pixel, so that edge functions are exact in float64."""
_CHUNK = 1 << 14
"""Rows of triangles that are tried together."""
_WIDE = 4
"""Of wider boxes the pixels between the edges are tried, not all of a row."""

Floats = NDArray[np.float64]
_Real = TypeVar("_Real", bound=np.floating)


@dataclass(frozen=True)
class Vertices:
    """x, y: (V,) float64, snapped.  depth: (V,), z.  broken: (V,) bool, those that are not
    finite, if any."""

    x: Floats
    y: Floats
    depth: NDArray[np.floating]
    broken: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Triangles:
    """Triangles that may cover pixels, of either sense.

    start, right, down: (2, N) float64, the edge functions opposite the first two corners at the
    box's first pixel, and how much larger they are a pixel further right, or down; positive inside.
    area: (N,) float64, twice the area in square pixels, the sum of all three edge functions.
    depth: (3, N), the corners' z.  box: (4, N) integers, first column and row, columns,
    rows.  index: (N,) into the caller's triangles.
    """

    start: Floats
    right: Floats
    down: Floats
    area: Floats
    depth: NDArray[np.floating]
    box: NDArray[np.int32]
    index: NDArray[np.intp]


@dataclass(frozen=True)
class Fragments:
    """Pixels that triangles cover. pixel: (F,) flat.  index: (F,) of the triangles.  first, second:
    (F,) float64 weights of the first two corners; the third's is what is left.  z: (F,) float64."""

    pixel: NDArray[np.int64]
    index: NDArray[np.intp]
    first: Floats
    second: Floats
    z: Floats


def placed(vertices: NDArray[np.floating]) -> Vertices:
    if vertices.dtype != np.float32:  # whole numbers, too
        vertices = np.asarray(vertices, np.float64)
    finite, broken = np.isfinite(vertices), None
    if not finite.all():
        vertices, broken = np.where(finite, vertices, 0), ~finite.all(axis=1)
    x, y = np.asarray(snapped(vertices), np.float64)
    return Vertices(x, y, np.ascontiguousarray(vertices[:, 2]), broken)


def snapped(vertices: NDArray[_Real]) -> NDArray[_Real]:
    """(2, V): x and y of (V, 3) in whole parts of a pixel, as triangles are drawn; a power of two
    takes nothing from float32."""
    places = np.array(vertices.T[:2], order="C")
    places *= _SUBPIXEL
    np.rint(places, out=places)
    places /= _SUBPIXEL
    return places


def set_up(
    known: Vertices,
    triangles: NDArray[np.integer],
    height: int,
    width: int,
    cull: Literal["none", "back"],
) -> Triangles:
    corners = np.asarray(triangles.T, np.intp, order="C")  # looked up with as they are
    x, y = known.x.take(corners), known.y.take(corners)
    area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    if known.broken is not None:
        area[known.broken[corners].any(axis=0)] = 0
    column, columns = _pixels(x, width)
    row, rows = _pixels(y, height)
    drawn = (columns > 0) & (rows > 0)
    drawn &= area < 0 if cull == "back" else area != 0
    index = np.flatnonzero(drawn)
    area, corners = area.take(index), corners.take(index, axis=1)
    box = np.stack([each.take(index) for each in (column, row, columns, rows)])
    x, y = x.take(index, axis=1) - box[0], y.take(index, axis=1) - box[1]
    sign = np.sign(area)
    start, right, down = (np.empty((2, len(index))) for _ in range(3))
    for corner, (after, before) in enumerate(((1, 2), (2, 0))):
        start[corner] = (x[after] * y[before] - y[after] * x[before]) * sign
        right[corner] = (y[after] - y[before]) * sign
        down[corner] = (x[before] - x[after]) * sign
    return Triangles(start, right, down, area * sign, known.depth.take(corners), box, index)


def _pixels(places: Floats, size: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The first pixel and the number of those between the least and the largest of (3, N)."""
    low = np.minimum(np.minimum(places[0], places[1]), places[2])
    high = np.maximum(np.maximum(places[0], places[1]), places[2])
    first = np.ceil(low).clip(0, size).astype(np.int32)
    return first, np.floor(high).clip(-1, size - 1).astype(np.int32) + 1 - first


def fragments(drawn: Triangles, width: int) -> Iterator[Fragments]:
    """Covered pixels, some at a time: those in the first rows of all triangles, which need no
    looking up, then those in further rows."""
    column, row, columns, rows = drawn.box
    pixel = row * np.int64(width) + column
    (a, b), (a_right, b_right), (a_down, b_down) = drawn.start, drawn.right, drawn.down
    spans = _Spans(
        np.arange(len(rows)),
        pixel.copy(),
        a.copy(),
        b.copy(),
        a_right,
        b_right,
        drawn.area,
        columns.copy(),
    )
    yield from _covered(drawn, spans.narrowed())
    more = np.flatnonzero(rows > 1)
    ends = np.cumsum(rows[more] - 1, dtype=np.int64)
    start = 0
    while start < len(ends):
        limit = _CHUNK + (ends[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(ends, limit, "right")))
        which, below = _counted(rows[more[start:stop]] - 1)
        which, below = more[start + which], below + 1
        spans = _Spans(
            which,
            pixel.take(which) + below * width,
            a.take(which) + below * a_down.take(which),
            b.take(which) + below * b_down.take(which),
            a_right.take(which),
            b_right.take(which),
            drawn.area.take(which),
            columns.take(which),
        )
        yield from _covered(drawn, spans.narrowed())
        start = stop


@dataclass
class _Spans:
    """Pixels of a row that a triangle may cover. triangle, pixel (the first), a, b (its edge
    functions), a_right, b_right, area, count: (S,)."""

    triangle: NDArray[np.intp]
    pixel: NDArray[np.int64]
    a: Floats
    b: Floats
    a_right: Floats
    b_right: Floats
    area: Floats
    count: NDArray[np.integer]

    def some(self, which: NDArray[np.intp]) -> _Spans:
        return _Spans(*(values.take(which) for values in vars(self).values()))

    def narrowed(self) -> _Spans:
        """Wide ones between the edges alone; rounding adds a few pixels."""
        wide = np.flatnonzero(self.count > _WIDE)
        if not len(wide):
            return self
        part = self.some(wide)
        low, high = np.zeros(len(wide)), part.count - 1.0
        c, c_right = part.area - part.a - part.b, -part.a_right - part.b_right
        for edge, right in ((part.a, part.a_right), (part.b, part.b_right), (c, c_right)):
            zero = np.divide(-edge, right, out=np.zeros(len(wide)), where=right != 0)
            np.maximum(low, zero - 1 / _SUBPIXEL, out=low, where=right > 0)
            np.minimum(high, zero + 1 / _SUBPIXEL, out=high, where=right < 0)
        low = np.ceil(low)
        self.pixel[wide] += low.astype(np.int64)
        self.a[wide] += low * part.a_right
        self.b[wide] += low * part.b_right
        self.count[wide] = np.maximum(np.floor(high) - low + 1, 0)
        return self


def _covered(drawn: Triangles, spans: _Spans) -> Iterator[Fragments]:
    """The pixels inside, of all spans the first, then of all the second and so on."""
    step, going = 0, spans.count > 0
    while going.any():
        c = spans.area - spans.a - spans.b
        least = np.minimum(np.minimum(spans.a, spans.b), c)
        found = np.flatnonzero((least >= 0) & going)
        on = np.flatnonzero(least[found] == 0)
        if len(on):
            found = np.delete(found, on[~_top_left(drawn, spans, c, found[on])])
        if len(found):
            which, area = spans.triangle[found], spans.area[found]
            edges = spans.a[found], spans.b[found], c[found]
            z = sum(edge * z.take(which) for z, edge in zip(drawn.depth, edges, strict=True))
            first, second = edges[0] / area, edges[1] / area
            yield Fragments(spans.pixel[found] + step, drawn.index[which], first, second, z / area)
        step += 1
        going = spans.count > step
        if 2 * np.count_nonzero(going) < len(going):
            spans = spans.some(np.flatnonzero(going))
            going = np.ones(len(spans.count), bool)
        spans.a += spans.a_right
        spans.b += spans.b_right


def _top_left(
    drawn: Triangles, spans: _Spans, c: Floats, on: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Of pixels on an edge, whether it is a top or a left one."""
    which = spans.triangle[on]
    right, down = drawn.right[:, which], drawn.down[:, which]
    kept = np.ones(len(on), bool)
    for edge, across, along in (
        (spans.a[on], right[0], down[0]),
        (spans.b[on], right[1], down[1]),
        (c[on], -right[0] - right[1], -down[0] - down[1]),
    ):
        kept &= (edge != 0) | (across > 0) | ((across == 0) & (along > 0))
    return kept


def _counted(counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts 2, 0, 3 -> owners 0, 0, 2, 2, 2 and running numbers 0, 1, 0, 1, 2."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
