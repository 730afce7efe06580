"""Depth and normal maps as pictures to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.render import picture_raster, picture_shape
from prnet.geometry.camera import FLIP_Y
from prnet.geometry.rasterize import interpolate
from prnet.layout.uv_layout import UVLayout
from prnet.mapped import MappedFace


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


def coordinate_codes(layout: UVLayout) -> NDArray[np.float32]:
    """(V, 3) in 0..1: x to the image's right, y up, z nearer, of the mean face's box."""
    head = layout.canonical_vertices * FLIP_Y
    low, high = head.min(axis=0), head.max(axis=0)
    return np.asarray((head - low) / (high - low), np.float32)


def pncc(face: MappedFace, *, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of the photo, or of ``shape`` (height, width): the codes as red, green, blue
    from 1 to 255, black where the face is not. Turned away parts are left out.

    Source: Zhu et al., "Face alignment across large poses: a 3D solution", CVPR 2016."""
    height, width = picture_shape(face, shape)
    raster, seen = picture_raster(face, height, width)
    codes = interpolate(raster, face.triangles, coordinate_codes(face.layout))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[seen][raster.mask] = np.rint(1 + 254 * codes[raster.mask])
    return picture
