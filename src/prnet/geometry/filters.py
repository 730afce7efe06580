"""Small filters on maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_step(value: NDArray[np.floating], low: float, high: float) -> NDArray[np.float32]:
    """0 up to ``low``, 1 from ``high``, a cubic without corners between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def closed(seen: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """A map (H, W) in which low spots narrower than 2 radius + 1 pixels are filled."""
    return extreme(np.minimum, extreme(np.maximum, seen, radius), radius)


def extreme(
    least_or_largest: np.ufunc, values: NDArray[np.float32], radius: int
) -> NDArray[np.float32]:
    """np.minimum or np.maximum over squares of 2 radius + 1 pixels of (H, W), edges repeated."""
    return _over_squares(least_or_largest, np.pad(values, radius, mode="edge"), 2 * radius + 1)


def box_sum(array: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Sums over squares of 2 radius + 1 pixels of (H, W) or (H, W, C), zeros beyond the edge."""
    around = [(radius, radius)] * 2 + [(0, 0)] * (array.ndim - 2)
    return _over_squares(np.add, np.pad(array, around), 2 * radius + 1)


def _over_squares(combine: np.ufunc, array: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """``combine`` over all squares of ``side`` pixels that lie in (H, W, ...), along one axis and
    then the other: over 1, 2, 4, 8 ... neighbours, of which those are put together that make up
    ``side``."""
    for axis in (0, 1):
        windows, width, done = np.swapaxes(array, 0, axis), 1, 0
        length = len(windows) - side + 1
        total = windows
        while width <= side:
            if side & width:
                part = windows[done : done + length]
                total = combine(total, part) if done else part
                done += width
            windows = combine(windows[:-width], windows[width:])
            width *= 2
        array = np.swapaxes(total, 0, axis)
    return np.asarray(array, np.float32)
