from __future__ import annotations

import numpy as np
import pytest

from prnet.geometry.sampling import bilinear_weights, sample_area, sample_bilinear


def test_bilinear_is_exact_on_planes_and_clipped_outside() -> None:
    rows, columns = np.mgrid[:20, :30]
    array = np.stack([2 * columns - rows, rows + 5], axis=-1)
    points = np.random.default_rng(0).uniform(-5, 35, (200, 2))
    x, y = np.clip(points.T, 0, [[29], [19]])
    expected = np.stack([2 * x - y, y + 5], axis=1)
    np.testing.assert_allclose(sample_bilinear(array, points), expected, atol=1e-4)


def test_single_rows_and_pixels_can_be_sampled() -> None:
    points = np.array([[-1.0, 0.0], [0.5, 0.2], [9.0, 9.0]])
    row = sample_bilinear(np.array([[[10], [20]]]), points)
    np.testing.assert_allclose(row[:, 0], [10, 15, 20])
    assert (sample_bilinear(np.array([[[7]]]), points) == 7).all()


@pytest.mark.parametrize("footprint", [0.2, 1.0])
def test_small_footprints_are_bilinear(footprint: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    points = np.random.default_rng(1).uniform(-3, 52, (100, 2))
    area = sample_area(image, points, np.full(100, footprint))
    np.testing.assert_allclose(area, sample_bilinear(image, points), atol=1e-3)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_powers_of_two_average_their_square(level: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    side = 2**level
    blocks = image.reshape(64 // side, side, 64 // side, side, 3).mean(axis=(1, 3))
    rows, columns = np.mgrid[: 64 // side, : 64 // side]
    centres = np.stack([columns, rows], axis=-1).reshape(-1, 2) * side + (side - 1) / 2
    area = sample_area(image, centres, np.full(len(centres), float(side)))
    assert np.abs(area - blocks.reshape(-1, 3)).max() <= 0.51


def test_footprints_between_levels_mix_them_and_slopes_stay() -> None:
    rows, columns = np.mgrid[:200, :200]
    image = np.stack([columns, rows, columns // 2 + 20], axis=-1).astype(np.uint8)
    points = np.random.default_rng(0).uniform(60, 140, (300, 2))
    footprint = np.random.default_rng(1).uniform(0.5, 9, 300)
    np.testing.assert_allclose(sample_area(image, points, footprint)[:, :2], points, atol=0.6)


def test_weights_of_pixels_give_the_bilinear_sample() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(5, 7, 3)).astype(np.float32)
    points = random.uniform([-1, -1], [8, 6], (40, 2))
    pixels, shares = bilinear_weights(points, 5, 7)
    mixed = (values.reshape(-1, 3)[pixels] * shares[..., None]).sum(axis=1)
    np.testing.assert_allclose(mixed, sample_bilinear(values, points), atol=1e-5)
