"""What is too dark for the network is stretched, what is not stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet import Reconstructor
from prnet.network.contrast import STRETCHED, _percentile, stretched


def test_crops_with_contrast_stay_as_they_are() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), np.uint8)
    assert stretched(crops) is crops
    assert stretched(crops[:0]).shape == (0, 128, 128, 3)


def test_dark_crops_are_stretched_and_their_neighbours_not() -> None:
    bright = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    dark = (bright // 16 + 3).astype(np.uint8)
    seen = stretched(np.stack([bright, dark]))
    np.testing.assert_array_equal(seen[0], bright)
    grey = seen[1].mean(axis=2)
    assert np.percentile(grey, (1, 99)) == pytest.approx(np.array(STRETCHED), abs=15)
    order = np.argsort(dark.ravel(), kind="stable")
    assert (np.diff(seen[1].ravel()[order].astype(int)) >= 0).all()


def test_noise_is_not_made_a_picture() -> None:
    crops = np.random.default_rng(0).integers(7, 10, (1, 128, 128, 3), np.uint8)
    assert stretched(crops) is crops


def test_a_photo_in_the_dark_gives_the_face_of_the_photo(sample_image: NDArray[np.uint8]) -> None:
    reconstruct = Reconstructor()
    (face,) = reconstruct(sample_image, boxes=[(150, 20, 300, 200)])
    dark = np.round(sample_image * 0.05).astype(np.uint8)
    (other,) = reconstruct(dark, boxes=[(150, 20, 300, 200)])
    off = np.linalg.norm(other.landmarks - face.landmarks, axis=1).mean()
    assert off < 0.02 * np.ptp(face.landmarks[:, 0])


@pytest.mark.parametrize("percent", [0, 1, 37.5, 99, 100])
def test_percentiles_are_those_of_numpy(percent: float) -> None:
    rows = np.sort(np.random.default_rng(0).normal(size=(3, 1024)), axis=1)
    expected = np.percentile(rows, percent, axis=1)
    np.testing.assert_allclose(_percentile(rows, percent), expected, rtol=1e-12)
