"""Depth and normal maps as the integers of picture files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def encode_depth(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth (H, W), NaN where no face is -> uint16: 0 where no face is, else 1..65535 with
    z = (value / 65536 - 0.5) max(H, W). Larger |z| are clipped."""
    value = np.clip(np.rint((depth / max(depth.shape) + 0.5) * 65536), 1, 65535)
    return np.where(np.isnan(depth), 0, np.nan_to_num(value)).astype(np.uint16)


def decode_depth(values: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The inverse of :func:`encode_depth`, to half a step: max(H, W) / 131072."""
    depth = (values / np.float32(65536) - np.float32(0.5)) * np.float32(max(values.shape))
    return np.where(values == 0, np.float32(np.nan), depth)


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
