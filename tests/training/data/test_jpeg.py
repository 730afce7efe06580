"""What our JPEG makes of pictures is what Pillow's makes of them."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs prnet[train]")

import torch
from PIL import Image

from prnet.training.data.jpeg import as_jpeg

SIZE = 128


def picture() -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: waves, colours, a hard edge, some noise."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(14 * y), np.sin(25 * x * y)], axis=2)
    levels = 128 + 90 * waves + np.random.default_rng(0).normal(0, 6, waves.shape)
    levels[40:90, 30:70] = [200, 60, 40]
    return np.clip(levels, 0, 255).astype(np.uint8)


def by_pillow(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def ours(image: np.ndarray, *qualities: int) -> np.ndarray:
    images = torch.from_numpy(image).permute(2, 0, 1).float().expand(len(qualities), -1, -1, -1)
    made = as_jpeg(images / 255, torch.tensor(qualities)) * 255
    torch.testing.assert_close(made, made.round(), atol=1e-3, rtol=0)
    return made.round().permute(0, 2, 3, 1).numpy()


def test_pictures_come_back_as_from_pillow() -> None:
    """All in one batch. What JPEG itself loses is 10 levels at quality 12 and 5 at 69; where the
    two differ by more than one, a wave lay in the middle between two steps."""
    image, qualities = picture(), (12, 30, 49, 50, 69)
    for quality, made in zip(qualities, ours(image, *qualities), strict=True):
        pillow = by_pillow(image, quality).astype(float)
        lost = np.abs(pillow - image).mean()
        apart = np.abs(made - pillow)
        assert apart.mean() < 0.1 * lost
        assert np.quantile(apart, 0.95) <= 2


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (30, 120, 200)])
def test_flat_colours_are_pillows(colour: tuple[int, int, int]) -> None:
    flat = np.full((16, 16, 3), colour, np.uint8)
    for quality in (12, 60):
        assert np.abs(ours(flat, quality)[0] - by_pillow(flat, quality)).max() <= 1
