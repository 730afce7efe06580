"""A finished network learns what its maps are worth: its heads move, its maps do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from prnet.layout.uv_layout import default_layout
from prnet.training.config import TrainConfig
from prnet.training.data.augment import NO_AUGMENTATION, cut_by_frame, flattened
from prnet.training.data.dataset import Batch, PreparedData
from prnet.training.data.draws import Draws
from prnet.training.judging import Judging, judge, misplaced
from prnet.training.networks.compact import CompactNetwork
from prnet.training.networks.judge import Judge
from prnet.training.recipes import CompactRecipe
from prnet.training.validate import Validation


@pytest.fixture(scope="module")
def recipe(prepared: Path) -> CompactRecipe:
    torch.set_num_threads(1)
    return CompactRecipe(TrainConfig(data=prepared, loaders=0), torch.device("cpu"))


def test_heads_learn_and_maps_stay(recipe: CompactRecipe) -> None:
    torch.manual_seed(0)
    network = CompactNetwork().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    held_out = Validation(recipe.data, recipe._loss, crop_size=128).batches
    settings = Judging(samples=320, batch=16, seed=0, shares={})
    scores = judge(network, recipe.data, recipe._loss, settings, held_out)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith("judge."), name
    assert scores["presence"] > 0.9
    assert scores["within deviation"] == pytest.approx(0.6827, abs=0.03)
    assert not any(weight.requires_grad for weight in network.judge.parameters())


def test_a_batch_of_one_is_judged(recipe: CompactRecipe) -> None:
    network = CompactNetwork().eval()
    held_out = Validation(recipe.data, recipe._loss, crop_size=128).batches
    scores = judge(network, recipe.data, recipe._loss, Judging(1, 1, 0, {}), held_out)
    assert np.isfinite([*scores.values()]).all()


def _judging(recipe: CompactRecipe, data: PreparedData) -> tuple[CompactNetwork, list[Batch]]:
    """A network that has learned to judge itself, and what is held out."""
    torch.manual_seed(0)
    network = CompactNetwork().eval()
    held_out = Validation(data, recipe._loss, crop_size=128).batches
    judge(network, data, recipe._loss, Judging(640, 16, 0, {}), held_out)
    return network, held_out


def test_photos_without_faces_are_learned_too(recipe: CompactRecipe, prepared: Path) -> None:
    """Stripes, which no misplaced crop of a disc shows."""
    data = PreparedData(prepared)
    stripes = np.zeros((6, 192, 192, 3), np.uint8)
    stripes[:, ::16] = stripes[:, 1::16] = 255
    data.negatives = stripes
    network, held_out = _judging(recipe, data)
    crops = torch.from_numpy(stripes[:2, :128, :128]).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        assert network.judged(crops)[1].max() < 0.5
        assert network.judged(held_out[0].crops)[1].median() > 0.5


def test_what_a_detector_found_is_learned_as_people_said(
    recipe: CompactRecipe, prepared: Path
) -> None:
    """Bright frames are faces here, and what fills them is none."""
    data = PreparedData(prepared)
    data.found_others = np.zeros((6, 192, 192, 3), np.uint8)
    data.found_others[:, 56:136, 56:136] = 255
    data.found_faces = 255 - data.found_others
    network, _ = _judging(recipe, data)
    seen = []
    for stored in (data.found_faces, data.found_others):
        crops = torch.from_numpy(stored[:2, 32:160, 32:160]).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            seen.append(float(network.judged(crops)[1].mean()))
    assert seen[0] > 0.5 > seen[1], seen


def test_misplaced_crops_are_off_by_much(recipe: CompactRecipe) -> None:
    """The drawn disc is a third of the stored crop: half a crop beside it, much larger, or turned,
    which a disc does not show."""
    rows = recipe.data.rows(0, [*range(48)] * 4)
    crops, labels = recipe.data.gather(rows)
    wrong = misplaced(recipe.data, crops, labels, Draws(1))
    right = recipe.data.batch(crops, labels, Draws(1), NO_AUGMENTATION, crop_size=128).crops
    lit = wrong.mean(dim=(1, 2, 3)) / right.mean(dim=(1, 2, 3))
    beside_or_far, near = (lit < 0.75).float().mean(), (lit > 1.3).float().mean()
    assert 0.3 < beside_or_far < 0.7
    assert 0.08 < near < 0.3


def test_the_frame_cuts_up_to_four_tenths() -> None:
    images = torch.ones(200, 3, 32, 32)
    cut = cut_by_frame(images, Draws(0), 0.5)
    lit = cut.mean(dim=(1, 2, 3))
    assert 0.3 < (lit < 1).float().mean() < 0.6
    assert 0.59 < lit.min() < 0.75
    sides = [(cut[:, 0, at[0], at[1]] == 0).any() for at in ((0, 16), (31, 16), (16, 0), (16, 31))]
    assert all(sides), "every side"
    assert images.min() == 1, "the caller's stay"


def test_some_are_dark_some_grey_and_all_in_8_bits() -> None:
    images = torch.rand(200, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    flat = flattened(images, Draws(0), 0.5)
    changed = [i for i in range(200) if not torch.equal(flat[i], images[i])]
    assert 70 < len(changed) < 130
    spread = flat[changed].std(dim=(1, 2, 3)) / images[changed].std(dim=(1, 2, 3))
    assert 0.04 < spread.min() < 0.1 < 0.4 < spread.max() < 0.52
    dark = flat[changed].mean(dim=(1, 2, 3)) < 0.28
    assert 0.35 < dark.float().mean() < 0.65
    torch.testing.assert_close(flat[changed] * 255, (flat[changed] * 255).round())


def test_deviations_scale() -> None:
    torch.manual_seed(0)
    heads = Judge(4, 3)
    features = torch.rand(1, 4, 4, 4), torch.rand(1, 3)
    before = heads(*features)[1]
    heads.scale_deviation(2.5)
    torch.testing.assert_close(heads(*features)[1], 2.5 * before, rtol=0.05, atol=0)


def test_deviations_that_are_told_are_those_beside_others_truth() -> None:
    """More along the outline than around the nose, alike on both sides; the head learns those
    beside its labels."""
    network, crops = CompactNetwork().eval(), torch.zeros(1, 3, 128, 128)
    with torch.no_grad():
        told = network.judged(crops)[2][0].numpy()
        learned = network.judge(*network.features(crops)[:2])[1][0].numpy()
    assert learned == pytest.approx(1), "before it has learned anything"
    of_points = default_layout().sample_landmarks(told[..., None])[:, 0]
    assert of_points[27:68] == pytest.approx(1.4, abs=0.1)
    assert of_points[[0, 1, 2, 3, 13, 14, 15, 16]] == pytest.approx(2.2, abs=0.01)
    assert told == pytest.approx(told[:, ::-1], abs=0.03)
