"""A layout's surface in quadrangles along the UV grid."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.sampling import sample_bilinear
from prnet.layout.openings import Openings, opening_mask
from prnet.layout.uv_layout import UVLayout

_FARTHEST: Final = 1.1
"""Of its distance from the region's middle, to which an outermost corner is moved: more than two
cells of 57 along the sides."""


@lru_cache(maxsize=4)
def quad_grid(
    layout: UVLayout, cells: int, openings: Openings = "closed"
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """``cells`` along each side of the map: places (N, 2), column and row, quads (Q, 4) of them.
    The outermost places lie on the region's border; all is as symmetric as the region. The diagonal
    from a quad's first corner halves it well, also where a corner on the border is flat. Read-only.
    """
    lines = np.linspace(0, layout.size - 1, cells + 1)
    places = np.stack(np.meshgrid(lines, lines), axis=-1).reshape(-1, 2)
    corner = np.arange(len(places)).reshape(cells + 1, cells + 1)
    around = [corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]]
    quads = np.stack(around, axis=-1).reshape(-1, 4)
    column, row = np.rint(places).astype(int).T
    quads = quads[layout.region[row, column][quads].all(axis=1)]
    outermost = np.flatnonzero(np.isin(np.bincount(quads.ravel()), (1, 2, 3)))
    places[outermost] = _on_border(layout, places[outermost])
    if openings == "open":
        quads = quads[~opening_mask(layout)[row, column][quads].any(axis=1)]
    flat = _smallest_half(places[quads]) < 0.5 * _smallest_half(places[np.roll(quads, -1, axis=1)])
    quads[flat] = np.roll(quads[flat], -1, axis=1)
    used, numbers = np.unique(quads, return_inverse=True)
    grid = places[used], numbers.reshape(-1, 4).astype(np.int32)
    for array in grid:
        array.setflags(write=False)
    return grid


def _smallest_half(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(Q,): of quads (Q, 4, 2), the smaller one of the triangles beside the diagonal from the first
    corner, times two; below 0 where it is turned over."""
    (x1, y1), (x2, y2), (x3, y3) = (corners[:, 1:] - corners[:, :1]).transpose(1, 2, 0)
    return np.asarray(np.minimum(x2 * y1 - x1 * y2, x3 * y2 - x2 * y3))


def _on_border(layout: UVLayout, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (N, 2) inside the region, moved away from its middle as far as it goes."""
    middle = (layout.size - 1) / 2
    steps = np.linspace(1, _FARTHEST, 500)[:, None, None]
    rays = middle + steps * (places - middle)
    inside = sample_bilinear(layout.region[..., None], rays.reshape(-1, 2)).reshape(rays.shape[:2])
    in_map = (np.abs(rays - middle) <= middle).all(axis=2)
    whole = np.logical_and.accumulate((inside > 0.999) & in_map, axis=0)
    farthest: NDArray[np.intp] = np.maximum(whole.sum(axis=0) - 1, 0)
    return np.asarray(rays[farthest, np.arange(len(places))])
