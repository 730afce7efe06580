"""Batched quadratic problems with bounds on some of the unknowns."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROUNDS: Final = 12


def solve_bounded(
    matrix: NDArray[np.float64],
    right: NDArray[np.float64],
    bounded: NDArray[np.bool_],
    bounds: tuple[float, float],
) -> NDArray[np.float64]:
    """Minimise x' A x / 2 - b' x for A (B, N, N), b (B, N), with ``bounded`` (N,) x in bounds.

    The unbounded unknowns are eliminated; the others are found by the primal-dual active set
    method (Hintermueller, Ito, Kunisch 2002): a few solves, exact when the set settles.
    """
    free = ~bounded
    inner, cross = _part(matrix, free, free), _part(matrix, free, bounded)
    known = np.linalg.solve(inner, np.concatenate([cross, right[:, free, None]], axis=2))
    toward, start = known[..., :-1].copy(), known[..., -1:].copy()
    back = _part(matrix, bounded, free)
    schur = _part(matrix, bounded, bounded) - back @ toward
    goal = right[:, bounded] - (back @ start)[..., 0]
    limited = _active_set(schur, goal, bounds)
    solution = np.empty_like(right)
    solution[:, bounded] = limited
    solution[:, free] = (start - toward @ limited[..., None])[..., 0]
    return solution


def _part(
    matrix: NDArray[np.float64], rows: NDArray[np.bool_], columns: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The rows and columns (B, R, C), contiguous: equal strides make equal bits in any batch."""
    return np.ascontiguousarray(matrix[:, rows][:, :, columns])


def _active_set(
    matrix: NDArray[np.float64], right: NDArray[np.float64], bounds: tuple[float, float]
) -> NDArray[np.float64]:
    low, high = bounds
    stiffness = np.diagonal(matrix, axis1=1, axis2=2)
    identity = np.eye(matrix.shape[1])
    values = np.linalg.solve(matrix, right[..., None])[..., 0]
    push, held = np.zeros_like(values), np.zeros(values.shape, bool)
    for _ in range(_ROUNDS):
        moved = values + push / stiffness
        before, held = held, (moved < low) | (moved > high)
        if (held == before).all():
            break  # a row whose set has settled no longer changes: others' rows do not matter
        fixed = np.clip(moved, low, high) * held
        loose = ~held
        reduced = np.where(loose[:, :, None] & loose[:, None], matrix, identity)
        goal = right - (matrix @ fixed[..., None])[..., 0]
        values = np.linalg.solve(reduced, np.where(loose, goal, fixed)[..., None])[..., 0]
        push = held * (right - (matrix @ values[..., None])[..., 0])
    return np.clip(values, low, high)
