"""The crop: where pixels come from, to a fraction of a pixel."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prnet.geometry.boxes import Box
from prnet.geometry.crop import LANDMARK_CROP_FACTOR, CropRule, CropTransform

transforms = st.builds(
    CropTransform,
    centre_x=st.floats(-500, 500),
    centre_y=st.floats(-500, 500),
    side=st.floats(1, 2000),
    size=st.integers(1, 512),
    roll=st.floats(-180, 180),
)


def ramp(width: int, height: int, *, x: float, y: float, start: float) -> NDArray[np.uint8]:
    """Grey value start + x * column + y * row."""
    rows, columns = np.mgrid[:height, :width]
    grey = np.rint(start + x * columns + y * rows).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def rotated(offset: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """An image offset (2,) turned clockwise as one sees it."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([c * offset[0] - s * offset[1], s * offset[0] + c * offset[1]])


@given(transforms)
def test_points_there_and_back(transform: CropTransform) -> None:
    points = np.random.default_rng(0).uniform(-100, 100, (20, 3))
    back = transform.to_image(transform.to_crop(points))
    np.testing.assert_allclose(back, points, atol=1e-6)


@given(transforms)
def test_the_squares_edges_map_to_the_crops_edges(transform: CropTransform) -> None:
    half = np.full(2, transform.side / 2)
    centre = np.array([transform.centre_x, transform.centre_y])
    turned = rotated(half, transform.roll)
    edges = transform.to_crop(np.stack([centre - turned, centre, centre + turned]))
    expected = np.array([-0.5, (transform.size - 1) / 2, transform.size - 0.5])
    np.testing.assert_allclose(edges, np.stack([expected, expected], axis=1), atol=1e-6)


def test_depth_is_scaled_and_not_moved() -> None:
    transform = CropTransform(centre_x=70, centre_y=30, side=64, size=128)
    np.testing.assert_allclose(transform.to_crop(np.array([70.0, 30.0, 5.0])), [63.5, 63.5, 10])


def test_same_size_on_whole_pixels_is_slicing(sample_image: NDArray[np.uint8]) -> None:
    transform = CropTransform(centre_x=223.5, centre_y=115.5, side=128, size=128)
    np.testing.assert_array_equal(transform.crop_image(sample_image), sample_image[52:180, 160:288])


@pytest.mark.parametrize(
    ("side", "roll"),
    [(21.3, 0), (64.0, 0), (77.3, 0), (100.0, 0), (64.0, 20), (77.3, -130), (100.0, 90)],
)
@pytest.mark.parametrize("centre", [(60.2, 58.7), (61.7, 59.1)])
def test_crop_of_a_ramp_is_the_ramp_up_to_its_border(
    side: float, roll: float, centre: tuple[float, float]
) -> None:
    image = ramp(120, 120, x=1.1717, y=0.7393, start=5)
    transform = CropTransform(*centre, side=side, size=64, roll=roll)
    columns, rows = np.meshgrid(np.arange(64), np.arange(64))
    x, y = np.moveaxis(transform.to_image(np.stack([columns, rows], axis=-1)), -1, 0)
    error = transform.crop_image(image)[:, :, 0] - (5 + 1.1717 * x + 0.7393 * y)
    error += 0.5 * (roll % 90 != 0)  # Pillow's turn cuts fractions off
    assert np.abs(error).max() < 1.5  # grey values are rounded three times, turned ones four
    assert abs(error.mean()) < 0.2
    assert abs(error[:, 0].mean()) < 0.5
    assert abs(error[-1].mean()) < 0.5


@pytest.mark.parametrize("side", [20.0, 64.0, 200.0])
def test_mirrored_image_gives_the_mirrored_crop(
    sample_image: NDArray[np.uint8], side: float
) -> None:
    transform = CropTransform(centre_x=30.25, centre_y=118.4, side=side, size=64)
    width = sample_image.shape[1]
    mirrored = CropTransform(width - 1 - 30.25, 118.4, side, 64).crop_image(sample_image[:, ::-1])
    difference = mirrored[:, ::-1].astype(int) - transform.crop_image(sample_image)
    assert np.abs(difference).max() <= 1


def test_outside_is_black() -> None:
    white = np.full((40, 60, 3), 255, np.uint8)
    crop = CropTransform(centre_x=-0.5, centre_y=19.5, side=40, size=40).crop_image(white)
    assert not crop[:, :20].any()
    assert (crop[:, 20:] == 255).all()
    for x, y in [(-500, 20), (500, 20), (30, -500), (30, 500)]:
        assert not CropTransform(x, y, side=40, size=40).crop_image(white).any()


@settings(deadline=None)
@given(
    st.floats(-150, 210),
    st.floats(-150, 190),
    st.floats(1, 400),
    st.integers(1, 64),
    st.sampled_from([0.0, 30.0]),
)
def test_only_what_sees_the_image_is_resampled(
    x: float, y: float, side: float, size: int, roll: float
) -> None:
    """As if the image lay on a black table that reaches beyond every square."""
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    table = np.zeros((1240, 1260, 3), np.uint8)
    table[600:640, 600:660] = image
    crop = CropTransform(x, y, side, size, roll).crop_image(image)
    expected = CropTransform(x + 600, y + 600, side, size, roll).crop_image(table)
    assert np.abs(crop.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("roll", [0.0, 45.0])
def test_memory_is_that_of_the_visible_part(roll: float) -> None:
    """A square of 20,000 pixels around an image of 320 took 2.9 GB."""
    image = np.full((320, 320, 3), 255, np.uint8)
    tracemalloc.start()
    crop = CropTransform(centre_x=9000, centre_y=9000, side=20_000, size=128, roll=roll)
    cropped = crop.crop_image(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    seen = cropped[..., 0].sum() / 255 * (20_000 / 128) ** 2
    assert seen == pytest.approx(0 if roll else 320**2, rel=0.05)


def test_one_pixel_image() -> None:
    crop = CropTransform(0, 0, side=1, size=8).crop_image(np.full((1, 1, 3), 200, np.uint8))
    assert crop.shape == (8, 8, 3)
    assert crop[3:5, 3:5].min() > 150


def test_reduction_keeps_the_mean_and_does_not_alias() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2048, 2048, 3), np.uint8)
    crop = CropTransform(1023.5, 1023.5, side=2048, size=16).crop_image(noise)
    assert abs(crop[2:-2, 2:-2].mean() - noise.mean()) < 0.6
    assert crop[2:-2, 2:-2].std() < 2  # single pixels would have 74
    blocks = ramp(2048, 2048, x=0.1, y=0, start=10)
    reduced = CropTransform(1023.5, 1023.5, side=2048, size=16).crop_image(blocks)
    means = blocks.reshape(16, 128, 16, 128, 3).mean(axis=(1, 3))
    assert np.abs(reduced[2:-2, 2:-2] - means[2:-2, 2:-2]).max() < 1


def test_rule_and_landmarks_agree_for_a_square_box() -> None:
    corners = np.array([[10.0, 30.0], [110.0, 130.0]])
    box = Box(10, 30, 110, 130)
    by_rule = CropTransform.from_box(box, CropRule(scale=LANDMARK_CROP_FACTOR), size=64)
    assert by_rule == CropTransform.from_landmarks(corners, size=64)


def test_shifts_are_in_mean_sides_right_and_down() -> None:
    crop = CropTransform.from_box(Box(0, 0, 80, 120), CropRule(2.0, 0.1, -0.2), size=64)
    assert (crop.centre_x, crop.centre_y, crop.side) == (50, 40, 200)


@pytest.mark.parametrize("axis", [0, 1])
def test_landmarks_give_one_and_a_half_times_their_longer_side(axis: int) -> None:
    landmarks = np.full((68, 3), 500.0)  # z does not count
    landmarks[:, axis] = np.linspace(100, 180, 68)
    landmarks[:, 1 - axis] = np.linspace(10, 50, 68)
    crop = CropTransform.from_landmarks(landmarks, size=128)
    assert crop.side == pytest.approx(120)
    assert (crop.centre_x, crop.centre_y)[axis] == pytest.approx(140)
    assert (crop.centre_x, crop.centre_y)[1 - axis] == pytest.approx(30)


def test_a_quarter_turn_turns_the_crop_back(sample_image: NDArray[np.uint8]) -> None:
    upright = CropTransform(230.3, 120.4, side=140, size=96).crop_image(sample_image)
    turned = CropTransform(230.3, 120.4, side=140, size=96, roll=90).crop_image(sample_image)
    assert np.abs(np.rot90(upright).astype(int) - turned).max() <= 1


def test_turned_photo_with_its_turned_box_gives_the_same_crop(
    sample_image: NDArray[np.uint8],
) -> None:
    box = Box(180, 70, 270, 190)
    rule = CropRule(1.5, 0.1, -0.1)
    upright = CropTransform.from_box(box, rule, size=64)
    turn = CropTransform(255.5, 255.5, side=600, size=600, roll=-40)  # clockwise by 40 degrees
    x, y = turn.to_crop(np.array(box.centre))
    w, h = box.width / 2, box.height / 2
    there = CropTransform.from_box(Box(x - w, y - h, x + w, y + h, roll=40), rule, size=64)
    crops = [upright.crop_image(sample_image), there.crop_image(turn.crop_image(sample_image))]
    difference = np.abs(crops[0].astype(int) - crops[1])
    assert difference.mean() < 3  # each turn blurs; the photo beside it differs by 50


def test_box_around_turned_points_is_the_upright_box_turned() -> None:
    points = np.array([[10.0, 20.0, 1], [50, 25, 2], [30, 90, 3]])
    upright = Box.around(points)
    assert upright.xyxy == (10, 20, 50, 90)
    turn = CropTransform(0, 0, side=200, size=200, roll=-75)
    turned = Box.around(turn.to_crop(points), roll=75)
    assert (turned.width, turned.height, turned.roll) == pytest.approx((40, 70, 75))
    np.testing.assert_allclose(turned.centre, turn.to_crop(np.array(upright.centre)))


@pytest.mark.parametrize("roll", [0.0, 17.0])
def test_maps_go_to_the_image_as_points_do(roll: float) -> None:
    crop = CropTransform(1900.25, 700.5, side=330.0, size=128, roll=roll)
    crop_map = np.random.default_rng(0).uniform(-20, 150, (16, 16, 3)).astype(np.float32)
    before = crop_map.copy()
    found = crop.map_to_image(crop_map)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, crop.to_image(crop_map), atol=1e-3)
    np.testing.assert_array_equal(crop_map, before)
    from_seven = crop.map_to_image(crop_map, zero=7)
    np.testing.assert_allclose(from_seven, crop.to_image(crop_map - [0, 0, 7]), atol=1e-3)
