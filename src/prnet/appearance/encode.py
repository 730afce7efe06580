"""Depth and normal maps as pictures to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def depth_preview(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Depth (H, W) -> uint8: 0 where no face is, else 1 (farthest) .. 255 (nearest)."""
    seen = ~np.isnan(depth)
    if not seen.any():
        return np.zeros(depth.shape, np.uint8)
    low, high = float(depth[seen].min()), float(depth[seen].max())
    grey = 1 + 254 * (np.where(seen, depth, low) - low) / max(high - low, 1e-6)
    return np.where(seen, np.rint(grey), 0).astype(np.uint8)


def encode_normals(normals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Unit normals (H, W, 3), image axes -> RGB: -1..1 as 0..255, x right, y up, z toward the
    viewer (the usual axes of normal maps); black where no face is."""
    seen = normals.any(axis=-1, keepdims=True)
    colours = np.rint((normals * [1, -1, 1] + 1) * 127.5)
    return np.where(seen, colours, 0).astype(np.uint8)
