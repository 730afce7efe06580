"""Two pictures into one without a visible seam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST = 8
"""Pixels of the shorter side below which a pyramid has no further level."""

Floats = NDArray[np.float32]


def blend_bands(
    below: NDArray[np.uint8], above: Floats, opacity: Floats, *, levels: int
) -> NDArray[np.uint8]:
    """``above`` over ``below``, both (H, W, 3) with values 0..255, each band of detail with a
    transition as wide as the detail is coarse; ``opacity`` (H, W) in 0..1 -> (H, W, 3) uint8.

    Source: Burt and Adelson, "A multiresolution spline with application to image mosaics", 1983.
    """
    mixed = _blended_difference(above - below, opacity[..., None], levels)
    return np.asarray(np.rint(np.clip(below + mixed, 0, 255)), np.uint8)


def _blended_difference(difference: Floats, opacity: Floats, levels: int) -> Floats:
    """The pyramid is linear: blending two pictures is adding their difference, band by band."""
    if levels <= 0 or min(difference.shape[:2]) < 2 * SMALLEST:
        return difference * opacity
    height, width = difference.shape[:2]
    coarse = _at_size(difference, (height + 1) // 2, (width + 1) // 2)
    coarse_opacity = _at_size(opacity, *coarse.shape[:2])
    detail = difference - _at_size(coarse, height, width)
    low = _blended_difference(coarse, coarse_opacity, levels - 1)
    return detail * opacity + _at_size(low, height, width)


def _at_size(values: Floats, height: int, width: int) -> Floats:
    """(H, W, C) resized with a triangle filter, which also averages when it shrinks."""
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
        for plane in np.ascontiguousarray(np.moveaxis(values, -1, 0))
    ]
    return np.stack(planes, axis=-1)
