"""Which of a layout's triangles can be in a picture at all, by the grid of its pixels: sooner than
by looking at each triangle."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.coverage import snapped
from prnet.layout.uv_layout import UVLayout, squares_triangles


def facing_triangles(layout: UVLayout, vertices: NDArray[np.floating]) -> NDArray[np.int32]:
    """(N, 3) int32: the layout's triangles without most of those that, over ``vertices`` (V, 3) of
    a picture, turn away from the viewer or have no pixel's centre in the box around them."""
    if layout.explicit_triangles is not None:
        return layout.triangles
    sorts, rest = _sorts(layout)
    found = [rest]
    with np.errstate(invalid="ignore"):  # what is not finite is not drawn anyway
        places = [layout.spread(axis) for axis in snapped(vertices)]
        right, down = ([np.diff(place, axis=axis) for place in places] for axis in (1, 0))
        low, high = ([limit(place) for place in places] for limit in (np.ceil, np.floor))
        low_pair = [np.minimum(each[:, :-1], each[:, 1:]) for each in low]  # of a row
        high_pair = [np.maximum(each[:, :-1], each[:, 1:]) for each in high]
        for (row, column), columns, index in sorts:
            # The missing corner is in this row and column of the square; the whole row is opposite.
            shifted = slice(columns.start + 1 - column, columns.stop + 1 - column)
            pair, corner = (slice(1 - row, 256 - row), columns), (slice(row, 255 + row), shifted)
            across = slice(None), shifted
            kept = right[0][pair] * down[1][across] >= right[1][pair] * down[0][across]
            for axis in (0, 1):
                least = np.minimum(low_pair[axis][pair], low[axis][corner])
                kept &= least <= np.maximum(high_pair[axis][pair], high[axis][corner])
            found.append(index[kept])
    chosen = np.concatenate(found)
    return _corners(layout).take(chosen[chosen >= 0], axis=1).T


@lru_cache(maxsize=4)
def _corners(layout: UVLayout) -> NDArray[np.int32]:
    """(3, T): the layout's triangles, corner by corner."""
    return np.ascontiguousarray(layout.triangles.T)


@lru_cache(maxsize=4)
def _sorts(
    layout: UVLayout,
) -> tuple[list[tuple[tuple[int, int], slice, NDArray[np.int32]]], NDArray[np.int32]]:
    """Of triangles, by the corner of a square that they leave out: its row and column in the
    square, the map's columns that have most of them, and their index there (255, columns), -1 where
    there is none; the index of all others."""
    kept = squares_triangles(layout.region)
    stacked = np.stack(list(kept.values()), axis=2)
    index = np.full(stacked.shape, -1, np.int32)
    index[stacked] = np.arange(np.count_nonzero(stacked))
    half = len(index) // 2
    sorts, rest = [], []
    for place, name in enumerate(kept):
        row, column = int("bottom" in name), int("right" in name)
        columns, others = slice(0, half), slice(half, None)
        if row != column:
            columns, others = slice(half, len(index)), slice(0, half)
        sorts.append(((row, column), columns, np.ascontiguousarray(index[:, columns, place])))
        rest.append(index[:, others, place].ravel())
    outside = np.concatenate(rest)
    return sorts, outside[outside >= 0]
