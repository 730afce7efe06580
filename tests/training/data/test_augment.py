"""What happens to training crops: each disturbance alone, where it should be and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs prnet[train]")

import torch

torch.set_num_threads(1)

from prnet.training import recipes  # noqa: E402
from prnet.training.config import TrainConfig  # noqa: E402
from prnet.training.data.augment import (  # noqa: E402
    NO_AUGMENTATION,
    Augmentation,
    augment_colours,
    occlude,
    random_crops,
    similarity_crops,
)
from prnet.training.data.dataset import PreparedData  # noqa: E402
from prnet.training.data.draws import Draws  # noqa: E402

SIZE = 64


def images_of(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("pieces", [0.0, 1.0])
def test_occlusions_cover_a_part_of_every_crop(pieces: float) -> None:
    """With noise, or with what another sample shows: here white, which noise never is."""
    images = torch.zeros(32, 3, SIZE, SIZE)
    images[1::2] = 1
    covered = occlude(
        images.clone(), Draws(0), replace(NO_AUGMENTATION, occlusion=1, pieces=pieces)
    )
    changed = (covered != images).any(dim=1).float().mean(dim=(1, 2))
    assert 0.06 < changed[changed > 0].mean() < 0.12  # discs and boxes of 0.06 to 0.28
    if pieces:
        assert 0.3 < (changed > 0).float().mean() < 0.7  # pieces of one's own colour do not show
        assert set(covered.unique().tolist()) == {0.0, 1.0}
    else:
        assert (changed > 0).all()
        assert covered[0].unique().numel() > 100


def test_the_batches_of_a_run_are_occluded(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the crops, whose labels stay; nothing after the occlusion draws numbers."""
    config = TrainConfig(data=prepared, out=tmp_path, batch=64, threads=1, loaders=0)
    recipe = recipes.make_recipe(config, torch.device("cpu"))
    occluded = recipe.batch(0, slice(0, 64))
    monkeypatch.setattr(recipes, "Augmentation", lambda: replace(Augmentation(), occlusion=0))
    bare = recipe.batch(0, slice(0, 64))
    assert torch.equal(occluded.landmarks, bare.landmarks)
    different = (occluded.crops != bare.crops).any(dim=1).float().mean(dim=(1, 2))
    assert 0.1 < (different > 0).float().mean() < 0.4
    assert different.max() < 0.5


def ramp(count: int = 8) -> torch.Tensor:
    """Images (count, 3, 90, 120) whose red is the column and whose green is the row, in 1/256."""
    rows, columns = torch.meshgrid(torch.arange(90.0), torch.arange(120.0), indexing="ij")
    return torch.stack([columns, rows, 0 * rows]).expand(count, -1, -1, -1) / 256


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_crops_show_at_each_point_what_the_image_shows_there(mirror: float) -> None:
    """To a hundredth of a pixel: the image's colours are its coordinates."""
    points = images_of(8, 30, 3) * torch.tensor([30.0, 20, 10])
    points = points + torch.tensor([45.0, 35, 0])
    centre, side = torch.tensor([[60.0, 45.0]]).expand(8, -1), torch.full((8,), 40.0)
    augmentation = replace(NO_AUGMENTATION, rotation=45, translation=0.05, scale=0.1, mirror=mirror)
    crops, moved, mirrored = random_crops(
        ramp(), points, centre, side, Draws(0), augmentation, crop_size=128
    )
    assert mirrored.all() == bool(mirror)
    grid = (2 * moved[..., :2] + 1) / 128 - 1
    within = (moved[..., :2] >= 0).all(-1) & (moved[..., :2] <= 127).all(-1)
    seen = torch.nn.functional.grid_sample(crops, grid[:, :, None], align_corners=False)[..., 0]
    seen = seen.transpose(1, 2)[..., :2] * 256
    assert within.float().mean() > 0.9
    torch.testing.assert_close(seen[within], points[..., :2][within], atol=0.01, rtol=0)


def test_depth_is_scaled_as_the_picture_is() -> None:
    points = images_of(1, 9, 3) * 40 + 20
    _, moved = similarity_crops(
        ramp(1), points, torch.tensor([[60.0, 45.0]]), torch.tensor([32.0]),
        torch.tensor([0.7]), torch.tensor([False]), crop_size=128, padding="zeros",
    )  # fmt: skip
    apart, before = (torch.cdist(each, each) for each in (moved, points))
    torch.testing.assert_close(apart, 4 * before, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", ["channels", "grey", "blur", "noise", "jpeg"])
def test_each_disturbance_does_what_its_name_says(kind: str) -> None:
    images = images_of(16, 3, SIZE, SIZE) * 0.5 + 0.25
    made = augment_colours(images.clone(), Draws(3), replace(NO_AUGMENTATION, **{kind: 1.0}))
    assert (made != images).flatten(1).any(dim=1).all()
    assert 0 <= made.min() <= made.max() <= 1
    assert (made[:, 0] == made[:, 2]).all() == (kind == "grey")
    detail = (made.diff(dim=3).abs().mean() / images.diff(dim=3).abs().mean()).item()
    assert {"blur": detail < 0.6, "noise": detail > 1.0}.get(kind, True)


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_probabilities_are_per_sample(probability: float) -> None:
    images = images_of(400, 3, 8, 8)
    made = augment_colours(images.clone(), Draws(3), replace(NO_AUGMENTATION, grey=probability))
    share = (made != images).flatten(1).any(dim=1).float().mean().item()
    assert share == pytest.approx(probability, abs=0.06)


def test_mirrored_labels_are_those_of_the_mirrored_grid(prepared: Path) -> None:
    """A grid point's mirror image lies as far from the middle column, in its row."""
    data = PreparedData(prepared)
    rows, columns = np.nonzero(data.grid_inside)
    order = data.mirror_order.numpy()[: len(rows)]
    np.testing.assert_array_equal(rows[order], rows)
    np.testing.assert_array_equal(columns[order], 63 - columns)


def test_blurred_samples_are_as_coarse_as_was_said() -> None:
    noise = images_of(40, 3, 128, 128)
    only = {**NO_AUGMENTATION.__dict__, "blur": 1.0}
    left = {}
    for coarsest in (0.1, 0.4, 0.8):
        changed = augment_colours(
            noise.clone(), Draws(1), Augmentation(**only | {"coarsest": coarsest})
        )
        left[coarsest] = changed.var(dim=(1, 2, 3))
    assert left[0.8].std() < 0.05 * left[0.8].mean(), "one resolution for all"
    assert left[0.1].min() < 0.3 * left[0.4].min()
    assert (left[0.1] <= left[0.4] * 1.01).all()
