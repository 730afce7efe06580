"""Light of one colour is made white, other light is not touched."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet import Reconstructor
from prnet.light import COLOURED, crops_in_white_light, in_white_light, mean_colour

BLUE, GREEN, MAGENTA = (0, 0, 1), (0, 1, 0), (1, 0, 1)


def lit(image: NDArray[np.uint8], colour: tuple[float, float, float]) -> NDArray[np.uint8]:
    return np.floor(image * np.array(colour)).astype(np.uint8)


def test_the_mean_colour_is_of_pixels_all_over_the_picture() -> None:
    image = np.zeros((320, 640, 3), np.uint8)
    image[:, :160], image[160:, :, 2] = (200, 100, 0), 40
    assert mean_colour(image) == (50, 25, 20)


def test_coloured_light_is_as_bright_as_its_brightest_channel(
    sample_image: NDArray[np.uint8],
) -> None:
    seen = in_white_light(lit(sample_image, BLUE))
    for channel in range(3):
        np.testing.assert_array_equal(seen[..., channel], sample_image[..., 2])
    assert in_white_light(sample_image) is sample_image


def test_warm_light_is_not_coloured() -> None:
    low = 29
    high = round(COLOURED * (low + 1)) - 1
    coloured = np.full((40, 40, 3), (high, 60, low), np.uint8)
    np.testing.assert_array_equal(in_white_light(coloured), np.full((40, 40, 3), high))
    warm = coloured - np.array([1, 0, 0], np.uint8)
    assert in_white_light(warm) is warm


def test_a_crop_in_coloured_light_leaves_its_neighbours_alone() -> None:
    white = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    crops = np.stack([white, lit(white, GREEN)])
    seen = crops_in_white_light(crops)
    np.testing.assert_array_equal(seen[0], white)
    np.testing.assert_array_equal(seen[1], np.repeat(white[..., 1:2], 3, axis=2))
    assert (crops[1, ..., 0] == 0).all(), "the caller's crops stay"


@pytest.mark.parametrize("colour", [BLUE, GREEN, MAGENTA, (0.06, 0.05, 0)])
def test_a_face_in_coloured_light_is_the_face_in_white(
    sample_image: NDArray[np.uint8], colour: tuple[float, float, float]
) -> None:
    reconstruct = Reconstructor()
    (expected,) = reconstruct(sample_image)
    photo = lit(sample_image, colour)
    (face,) = reconstruct(photo)
    off = np.linalg.norm(face.landmarks - expected.landmarks, axis=1).mean()
    assert off < 0.04 * np.ptp(expected.landmarks[:, 0])
    np.testing.assert_array_equal(face.image, photo, "textures keep the photo's colours")
