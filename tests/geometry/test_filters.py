"""Filters over squares against sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from prnet.geometry.filters import box_sum, extreme


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4, 5, 8])
def test_squares_are_summed_and_searched(radius: int) -> None:
    values = np.random.default_rng(radius).normal(size=(11, 14, 2)).astype(np.float32)
    wide = np.pad(values, [(radius, radius), (radius, radius), (0, 0)])
    squares = np.lib.stride_tricks.sliding_window_view(wide, [2 * radius + 1] * 2, axis=(0, 1))
    np.testing.assert_allclose(box_sum(values, radius), squares.sum(axis=(-1, -2)), atol=1e-4)
    wide = np.pad(values[..., 0], radius, mode="edge")
    squares = np.lib.stride_tricks.sliding_window_view(wide, [2 * radius + 1] * 2)
    expected = squares.max(axis=(-1, -2))
    np.testing.assert_array_equal(extreme(np.maximum, values[..., 0], radius), expected)
