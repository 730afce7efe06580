"""The cubic B-spline surface that the compact network's maps are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAP_SIZE = 256
CONTROL_SIZE = 64


def spline_weights(positions: NDArray[Any]) -> NDArray[np.float32]:
    """Rows or columns (N,) of the 256 map -> (N, 64) cubic B-spline weights of the control points.

    Control point i lies at map coordinate 4 i + 1.5 (its cell's centre); beyond the first and
    last the surface continues with the edge's control point repeated.
    """
    step = MAP_SIZE / CONTROL_SIZE
    t = (np.asarray(positions, np.float64) - (step - 1) / 2) / step
    cell = np.floor(t).astype(int)
    f = t - cell
    kernel = [(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3]
    weights = np.zeros((len(t), CONTROL_SIZE))
    for offset, value in zip(range(-1, 3), kernel, strict=True):
        index = np.clip(cell + offset, 0, CONTROL_SIZE - 1)
        np.add.at(weights, (np.arange(len(t)), index), value / 6)
    return weights.astype(np.float32)
