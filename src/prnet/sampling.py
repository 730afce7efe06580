"""Reading arrays between their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sample_bilinear(
    array: NDArray[np.generic], points: NDArray[np.floating]
) -> NDArray[np.float32]:
    """``array`` (H, W, C) at ``points`` (N, 2 or more: x = column, y = row) -> (N, C) float32.

    Pixel centres are on integers; points outside take the value of the nearest edge.
    """
    height, width = array.shape[:2]
    x = np.clip(points[:, 0], 0, width - 1)
    y = np.clip(points[:, 1], 0, height - 1)
    x0 = np.minimum(x.astype(np.intp), max(width - 2, 0))
    y0 = np.minimum(y.astype(np.intp), max(height - 2, 0))
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    right, below = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
    above_row = (1 - right) * array[y0, x0] + right * array[y0, x1]
    below_row = (1 - right) * array[y1, x0] + right * array[y1, x1]
    return np.asarray((1 - below) * above_row + below * below_row, np.float32)
