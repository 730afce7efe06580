"""Small filters on maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def smooth_step(value: NDArray[np.floating], low: float, high: float) -> NDArray[np.float32]:
    """0 up to ``low``, 1 from ``high``, a cubic without corners between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def closed(seen: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """A map (H, W) in which low spots narrower than 2 radius + 1 pixels are filled."""
    return extreme(np.min, extreme(np.max, seen, radius), radius)


def extreme(
    least_or_largest: Callable[..., Any], values: NDArray[np.float32], radius: int
) -> NDArray[np.float32]:
    """np.min or np.max over squares of 2 radius + 1 pixels, edges repeated."""
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (radius, radius)
        padded = np.pad(values, padding, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis)
        values = np.asarray(least_or_largest(windows, axis=-1), np.float32)
    return values


def box_sum(array: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Sums over squares of 2 radius + 1 pixels of (H, W) or (H, W, C), zeros beyond the edge."""
    for axis in (0, 1):
        padding = [(0, 0)] * array.ndim
        padding[axis] = (radius + 1, radius)
        total = np.swapaxes(np.cumsum(np.pad(array, padding), axis, dtype=np.float64), 0, axis)
        sums = total[2 * radius + 1 :] - total[: -2 * radius - 1]
        array = np.swapaxes(sums, 0, axis).astype(np.float32)
    return array
