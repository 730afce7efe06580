"""The mean of several looks is in the crop's pixels, whatever the looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet import Reconstructor
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropTransform
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.network.looks import (
    ACCURATE,
    ONE_LOOK,
    Look,
    looks_of,
    mean_of,
    mirrored_share,
    seen_by,
)
from prnet.network.position_map_network import VARIANTS, Prediction, network_file

CROP = CropTransform(40.0, 55.0, 90.0, 128, roll=20.0)
BOX = Box(150, 20, 300, 200)


@pytest.mark.parametrize(
    "look", [Look(), Look(roll=8), Look(zoom=0.1), Look(mirrored=True), Look(-7, -0.2, True)]
)
def test_a_network_that_is_right_in_every_look_is_right_in_the_mean(look: Look) -> None:
    """What it is shown, mirrored or not, is the same surface."""
    true = np.random.default_rng(0).uniform(0, 100, (256, 256, 3))
    seen = look.of(CROP)
    said = seen.to_crop(true)
    spread = np.full((256, 256), 2.0, np.float32)
    spread[:, :100] = 3.0
    if look.mirrored:
        said = (said * [-1, 1, 1] + [seen.size - 1, 0, 0])[:, ::-1]
        spread = spread[:, ::-1]
    prediction = Prediction(
        np.stack([said.astype(np.float32), CROP.to_crop(true).astype(np.float32)]),
        np.array([0.5, 0.9], np.float32),
        np.stack([spread, np.zeros((256, 256), np.float32)]),
    )
    maps, presence, deviations = mean_of((look, Look()), prediction, [CROP])
    assert maps.shape == (1, 256, 256, 3)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps[0], CROP.to_crop(true), atol=1e-3)
    assert presence == pytest.approx(np.array([0.7]))
    assert deviations is not None
    unit = np.exp(look.zoom) / 2
    np.testing.assert_allclose(deviations[0, 0, [0, 255]], [3 * unit, 2 * unit], rtol=1e-5)


def test_looks_are_stacked_crop_by_crop(sample_image: NDArray[np.uint8]) -> None:
    other = CropTransform(200.0, 120.0, 150.0, 128)
    looks = (Look(), Look(mirrored=True))
    seen = seen_by(looks, sample_image, [CROP, other])
    np.testing.assert_array_equal(seen[2], other.crop_image(sample_image))
    np.testing.assert_array_equal(seen[3], seen[2][:, ::-1])


def test_accurate_answers_a_mirrored_photo_with_the_mirrored_face(
    sample_image: NDArray[np.uint8],
) -> None:
    wide = sample_image.shape[1]
    mirrored = Box(wide - 1 - BOX.x1, BOX.y0, wide - 1 - BOX.x0, BOX.y1)
    off = {}
    for name in VARIANTS:
        reconstruct = Reconstructor(name, passes=1)
        (face,) = reconstruct(sample_image, boxes=[BOX])
        (other,) = reconstruct(sample_image[:, ::-1].copy(), boxes=[mirrored])
        back = other.landmarks[MIRRORED_LANDMARKS] * [-1, 1, 1] + [wide - 1, 0, 0]
        off[name] = np.abs(back - face.landmarks).mean()
    assert off["accurate"] < 0.1 < off["fast"]


@pytest.mark.parametrize(("yaw", "share"), [(0, 0), (-50, 0), (55, 0.25), (-60, 0.5), (89, 0.5)])
def test_the_mirror_images_share_grows_with_the_yaw(yaw: float, share: float) -> None:
    assert mirrored_share(yaw) == share


@pytest.mark.parametrize(("yaw", "twice"), [(45, False), (70, True), (-70, True)])
def test_heads_turned_far_are_seen_mirrored_too(
    sample_image: NDArray[np.uint8], yaw: float, twice: bool
) -> None:
    (frontal,) = Reconstructor()(sample_image)
    photo = frontal.render(yaw=yaw, size=300, background=(90, 90, 90))
    (face,) = Reconstructor()(photo)
    plain = Reconstructor(passes=1)
    (first,) = plain.from_crops(photo, [face.box], [face.crop])
    crop = replace(face.crop, centre_x=299 - face.crop.centre_x, roll=-face.crop.roll)
    (other,) = plain.from_crops(photo[:, ::-1].copy(), [face.box], [crop])
    back = other.position_map[:, ::-1] * np.array([-1, 1, 1]) + np.array([299, 0, 0])
    assert np.abs(first.position_map - back).mean() > 0.1, "else this says nothing"
    expected = (first.position_map + back) / 2 if twice else first.position_map
    np.testing.assert_allclose(face.position_map, expected, atol=0.02)
    assert face.presence == first.presence
    seen = [cast(NDArray[np.float32], it.deviation) for it in (face, first, other)]
    spread = (seen[1] + seen[2][:, ::-1]) / 2 if twice else seen[1]
    np.testing.assert_allclose(seen[0], spread, rtol=1e-3)
    points = [face.landmarks]
    (given,), (once,) = Reconstructor()(photo, landmarks=points), plain(photo, landmarks=points)
    assert np.array_equal(given.position_map, once.position_map) != twice
    (followed,) = Reconstructor().from_crops(photo, [face.box], [face.crop])
    np.testing.assert_array_equal(followed.position_map, face.position_map)


def test_a_folder_goes_before_a_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("accurate", Path("accurate")):
        assert looks_of(name) == ACCURATE
        assert network_file(name) == network_file()
    assert looks_of(None) == looks_of("fast") == ONE_LOOK
    monkeypatch.chdir(tmp_path)
    (tmp_path / "accurate").mkdir()
    assert looks_of("accurate") == ONE_LOOK
    assert network_file("accurate") == Path("accurate/network.onnx")
