"""The 2018 release's crops, to the pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule, CropTransform
from prnet.geometry.sampling import sample_bilinear
from prnet.release2018.given import SIZE


def crop_2018(box: Box, rule: CropRule) -> CropTransform:
    """The release's crop: its side is cut to whole pixels, and its corners' centres, not edges,
    meet those of the 256 pixels."""
    side = int((box.width + box.height) / 2 * rule.scale)
    x, y = box.centre + (box.width + box.height) / 2 * np.array([rule.shift_x, rule.shift_y])
    return CropTransform(float(x), float(y), side=max(side, 1) * SIZE / (SIZE - 1), size=SIZE)


def reached(box: Box, wanted: CropRule, rule: CropRule) -> Box:
    """The box whose crop by ``rule`` is that of ``box`` by ``wanted``."""
    mean = (box.width + box.height) / 2
    x, y = box.centre + mean * np.array([wanted.shift_x, wanted.shift_y])
    half = mean * wanted.scale / rule.scale / 2
    return Box(float(x) - half, float(y) - half, float(x) + half, float(y) + half)


def cropped_2018(image: NDArray[np.uint8], crop: CropTransform) -> NDArray[np.float32]:
    """(256, 256, 3) in 0..1: bilinear without averaging, black outside, as the release crops."""
    rows, columns = np.mgrid[:SIZE, :SIZE].reshape(2, -1)
    black = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    points = crop.to_image(np.stack([columns, rows], axis=1)) + 1
    return sample_bilinear(black, points).reshape(SIZE, SIZE, 3) / np.float32(255)
