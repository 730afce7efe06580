"""What JPEG does to pictures, batched in torch: 8 x 8 cosine transforms, the standard's example
tables (ITU-T T.81, annex K) scaled as libjpeg scales them, chroma at half the resolution."""

from __future__ import annotations

from functools import lru_cache
from math import pi

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
]
CHROMA = [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    *[[99] * 8] * 4,
]
YCC = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]


def as_jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Images (N, 3, S, S) in 0..1, S a multiple of 16, as they come back from JPEG files of
    ``quality`` (N,) int64 in 1..100: as Pillow writes and reads them, to a level of 255 or two."""
    matrix, inverse, tables = _constants(images.device)
    scale = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    luma, chroma = ((tables * scale[:, None, None] + 50) // 100).clamp(1, 255).unbind(1)
    levels = torch.einsum("ij,njyx->niyx", matrix, (images * 255).round()).round()
    light = _quantised(levels[:, :1] - 128, luma) + 128
    small = _quantised(F.avg_pool2d(levels[:, 1:], 2), chroma)
    colour = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False).round()
    back = torch.einsum("ij,njyx->niyx", inverse, torch.cat([light, colour], dim=1))
    return back.round().clamp(0, 255) / 255


def _quantised(planes: Tensor, table: Tensor) -> Tensor:
    """Planes (N, C, S, S) of levels around 0, the cosine transforms of whose blocks of 8 x 8 are
    rounded to multiples of ``table`` (N, 64)."""
    count, channels, size, _ = planes.shape
    cosines = _cosines(planes.device)
    split = (count, channels, size // 8, 8, size // 8, 8)
    blocks = planes.reshape(split).transpose(3, 4)
    steps = table[:, None].to(planes)
    waves = ((blocks.reshape(count, -1, 64) @ cosines.T) / steps).round() * steps
    back = (waves @ cosines).reshape(blocks.shape).transpose(3, 4).reshape(planes.shape)
    return back.round().clamp(-128, 127)


@lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """RGB to YCbCr, its inverse (3, 3); both tables at quality 50 (2, 64) int64."""
    tables = torch.tensor([LUMA, CHROMA]).reshape(2, 64)
    matrix = np.array(YCC)
    pair = (torch.from_numpy(each).float() for each in (matrix, np.linalg.inv(matrix)))
    return *(each.to(device) for each in pair), tables.to(device)  # type: ignore[return-value]


@lru_cache
def _cosines(device: torch.device) -> Tensor:
    """(64, 64): a block of 8 x 8, row by row, -> its orthonormal cosine transform."""
    at = np.arange(8)
    waves = np.cos((2 * at + 1) * at[:, None] * pi / 16) / 2
    waves[0] /= np.sqrt(2)
    return torch.from_numpy(np.kron(waves, waves)).float().to(device)
