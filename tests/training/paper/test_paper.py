"""The presets of the paper's recipe: its numbers, its loss, its labels, runs that go on."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)
pytest.importorskip("scipy", reason="needs prnet[train]")

import small_bfm  # noqa: E402
import tiny_network  # noqa: E402
from uv_folder import write_folder  # noqa: E402

from prnet.cli import main  # noqa: E402
from prnet.commands.training.train import SHIPPED_COMMAND  # noqa: E402
from prnet.errors import PrnetError  # noqa: E402
from prnet.geometry.crop import CropTransform  # noqa: E402
from prnet.geometry.mirror import MIRRORED_LANDMARKS  # noqa: E402
from prnet.layout.uv_layout import default_layout  # noqa: E402
from prnet.network.crop_rules import RULES_2018, load_crop_rules  # noqa: E402
from prnet.network.position_map_network import PositionMapNetwork  # noqa: E402
from prnet.training.config import PRESETS, TrainConfig  # noqa: E402
from prnet.training.data.dataset import PreparedData  # noqa: E402
from prnet.training.data.draws import Draws  # noqa: E402
from prnet.training.paper.recipe import (  # noqa: E402
    CHANNELS,
    ROTATION,
    SCALE,
    TRANSLATION,
    PaperLoss,
    augmented,
    undisturbed,
)
from prnet.training.paper.sources import PreparedMaps  # noqa: E402
from prnet.training.recipes import make_recipe  # noqa: E402
from prnet.training.schedule import Schedule  # noqa: E402
from prnet.training.train import make_optimizer, train  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def lp300w(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """Two drawn photos with fits, a small face model in the files' formats and small UV files."""
    folder = tmp_path_factory.mktemp("paper")
    for name in ("bfm", "uv-data"):
        (folder / name).mkdir()
    small_bfm.write_face3d(folder / "bfm")
    region, _, _ = write_folder(folder / "uv-data")
    weights = np.full(region.shape, 48, np.uint8)  # outside the face, too, as in the release
    weights[110:120, 90:100] = 64
    weights[115, 95] = 255
    from PIL import Image

    Image.fromarray(weights).save(folder / "uv-data" / "uv_weight_mask.png")
    for name, yaw in (("one", -0.5), ("two", 0.3)):
        pose = [0.2, yaw, 0.1, 140, 150, -30, 0.9 * small_bfm.PIXELS_PER_UNIT]
        small_bfm.write_sample(folder / "300W_LP" / "AFW", name, pose, [2e5, -1e5, 3e5], [1, -0.5])
    return replace(
        PRESETS["paper"],
        data=folder / "300W_LP", face_model=folder / "bfm", uv_data=folder / "uv-data",
        batch=2, threads=1, loaders=0,
    )  # fmt: skip


@pytest.fixture
def ict(prepared: Path) -> TrainConfig:
    return replace(PRESETS["paper-ict"], data=prepared, batch=2, threads=1, loaders=0)


def test_the_presets_have_the_papers_numbers() -> None:
    for name in ("paper", "paper-ict"):
        config = PRESETS[name]
        assert (config.learning_rate, config.halve_every, config.batch) == (1e-4, 5, 16)
        assert (config.optimizer, config.weight_decay) == ("adam", 2e-4)
    assert (ROTATION, TRANSLATION, SCALE, CHANNELS) == (45, 0.1, (0.9, 1.2), (0.6, 1.4))


def test_settings_are_printed_with_their_sections(lp300w: TrainConfig) -> None:
    recipe = make_recipe(replace(lp300w, batch=16), CPU)
    lines = ["{}: {} ({})".format(*setting) for setting in recipe.settings()]
    for line in (
        "network: resfcn256, 13,353,618 parameters (section 3.2)",
        "data: 300W-LP, 2 photos (section 3.3)",
        "weights: 16:4:3:0, 0 outside the face (section 3.2)",
        "rotation: +-45 degrees (section 3.3)",
        "scale: x 0.9..1.2 (section 3.3)",
        "optimiser: Adam, halved every 5 epochs (section 3.3)",
        "batch: 16 (section 3.3)",
        "L2 term: 0.0002 on convolutions (the released graph)",
    ):
        assert line in lines
    changed = replace(lp300w, optimizer="adamw", halve_every=0)
    told = {setting.name: setting.value for setting in make_recipe(changed, CPU).settings()}
    assert told["optimiser"] == "AdamW, a cosine over the last 60%"
    assert told["weight decay"] == "0.0002 on convolutions"
    assert "L2 term" not in told


def test_the_rate_halves_every_five_epochs() -> None:
    config = replace(PRESETS["paper"], batch=10)
    schedule = Schedule.of(replace(config, learning_rate=1), epoch=20)
    assert [schedule.rate(step) for step in (0, 9, 10, 19, 20, 40)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.0625,
    ]


def test_the_l2_term_is_on_convolutions_alone(ict: TrainConfig) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1, bias=False), torch.nn.BatchNorm2d(1))
    first, second = make_optimizer(ict, network, 1e-4).param_groups
    assert (first["weight_decay"], second["weight_decay"]) == (2e-4, 0)
    assert [len(group["params"]) for group in (first, second)] == [1, 2]


def test_the_loss_weighs_squares_and_ignores_the_outside(lp300w: TrainConfig) -> None:
    recipe = make_recipe(lp300w, CPU)
    loss = PaperLoss(recipe.layout, recipe._source.weights, CPU)  # type: ignore[attr-defined]
    maps = torch.zeros(1, 3, 256, 256)
    maps[:, :, ~recipe.layout.region] = 1e6
    truth = torch.zeros(1, int(recipe.layout.region.sum()), 3)
    assert loss(maps, truth)["total"] == 0
    maps[0, 0, 115, 95] = 281.6  # the landmark's pixel; 99 others have weight 4, the rest 3
    count = len(truth[0])
    expected = 16 / (16 + 99 * 4 + (count - 100) * 3)
    assert float(loss(maps, truth)["total"]) == pytest.approx(expected, rel=1e-5)


def test_landmarks_are_read_between_the_pixels_of_the_map() -> None:
    """Of a map that holds its own columns and rows, the landmarks are the layout's."""
    layout = default_layout()
    loss = PaperLoss(layout, np.ones(int(layout.region.sum()), np.float32), CPU)
    rows, columns = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    places = torch.stack([columns, rows, columns - rows])[None]
    grid, landmarks = loss.predict(torch.nn.Identity(), places)
    np.testing.assert_allclose(landmarks[0, :, :2], layout.landmarks, atol=1e-3)
    np.testing.assert_array_equal(grid[0, :, :2], layout.vertex_pixels[:, ::-1])
    depth = layout.landmarks[:, 0] - layout.landmarks[:, 1]
    np.testing.assert_allclose(landmarks[0, :, 2], depth - depth.mean(), atol=1e-3)
    columns_less_rows = grid[0, :, 0] - grid[0, :, 1]
    np.testing.assert_allclose(grid[0, :, 2], columns_less_rows - depth.mean(), atol=1e-3)


@pytest.mark.parametrize("index", [4, 5])
def test_labels_follow_the_image(ict: TrainConfig, index: int) -> None:
    """Wherever the drawn disc goes (index 5: mirrored), the landmarks' middle goes with it."""
    source = PreparedMaps(ict)
    for seed in range(4):
        batch = augmented(source.example(index, 0), Draws(seed))
        landmarks = batch.landmarks[0].numpy()
        assert batch.grid[..., 2].min() == pytest.approx(0, abs=1e-3)
        assert landmarks[39, 0] < landmarks[42, 0]
    batch = undisturbed(source.example(index, 0))
    weight = (batch.crops[0].mean(dim=0) > 0.4).numpy()
    y, x = np.nonzero(weight)
    middle = batch.landmarks[0, :, :2].numpy().mean(axis=0)
    assert np.linalg.norm([x.mean() - middle[0], y.mean() - middle[1]]) < 1.5
    columns, rows = np.rint(default_layout().landmarks).astype(int).T
    position_map = np.zeros((256, 256, 3), np.float32)
    position_map[source.layout.region] = batch.grid[0].numpy()
    np.testing.assert_allclose(position_map[rows, columns], batch.landmarks[0], atol=4)


def test_mirrored_samples_mirror(ict: TrainConfig) -> None:
    source = PreparedMaps(ict)
    plain, mirrored = (undisturbed(source.example(index, 0)) for index in (6, 7))
    assert torch.allclose(plain.crops.flip(3), mirrored.crops, atol=1e-3)
    flipped = mirrored.landmarks * torch.tensor([-1.0, 1, 1]) + torch.tensor([255.0, 0, 0])
    assert torch.allclose(flipped[:, MIRRORED_LANDMARKS], plain.landmarks, atol=0.1)


def test_undisturbed_300w_lp_is_the_data_set_itself(lp300w: TrainConfig) -> None:
    source = make_recipe(lp300w, CPU)._source  # type: ignore[attr-defined]
    batch = undisturbed(source.example(1, 3))
    crop, position_map = source._dataset[1]
    np.testing.assert_allclose(batch.crops[0].permute(1, 2, 0) * 255, crop, atol=0.01)
    np.testing.assert_allclose(batch.grid[0], source.layout.vertices(position_map), atol=0.01)


def test_shares_make_up_the_batch(ict: TrainConfig, lp300w: TrainConfig) -> None:
    for config in (ict, lp300w):
        recipe = make_recipe(replace(config, batch=4), CPU)
        whole, first, second = (recipe.batch(2, slice(*ends)) for ends in ((0, 4), (0, 2), (2, 4)))
        for all_of_it, one, other in zip(whole, first, second, strict=True):
            assert torch.equal(all_of_it, torch.cat([one, other]))


@pytest.mark.parametrize("preset", ["paper", "paper-ict"])
def test_an_interrupted_run_equals_an_uninterrupted_one(
    preset: str,
    ict: TrainConfig,
    lp300w: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny_network.use(monkeypatch)
    config = {"paper": lp300w, "paper-ict": ict}[preset]
    config = replace(config, samples=6, batch=2, validate_every=6)
    train(replace(config, out=tmp_path / "whole"))
    train(replace(config, out=tmp_path / "parts"), stop_after=1)
    train(replace(config, out=tmp_path / "parts"))
    whole, parts = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["network"]
        for name in ("whole", "parts")
    )
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name
    assert PositionMapNetwork(tmp_path / "whole").crop_size == 256
    rules = RULES_2018 if preset == "paper" else {}
    assert load_crop_rules(tmp_path / "whole") == rules
    with pytest.raises(PrnetError, match="expected a checkpoint of this preset"):
        train(replace(TrainConfig(), data=ict.data, out=tmp_path / "whole", loaders=0))


def test_a_short_run_lowers_the_loss(ict: TrainConfig, tmp_path: Path) -> None:
    """The mean of the second three steps is below that of the first; the real network."""
    config = replace(ict, out=tmp_path, samples=6, batch=1, validate_every=3, learning_rate=1e-3)
    train(config)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["losses"]["total"] for line in lines if "step" in line]
    assert losses[1] < 0.8 * losses[0]


def test_a_folder_without_whole_maps_is_refused(ict: TrainConfig, tmp_path: Path) -> None:
    shutil.copy(ict.data / "samples.npz", tmp_path)
    with pytest.raises(PrnetError, match=r"full_basis.npz: expected .* \(run `prnet prepare`"):
        PreparedMaps(replace(ict, data=tmp_path))


@pytest.mark.shared
def test_prepared_in_full(shared: Path, tmp_path: Path) -> None:
    """`prnet prepare --stored-size 384 --full-maps`: labels lie on the photos' landmarks."""
    photos = tmp_path / "photos"
    with zipfile.ZipFile(shared / "faces" / "ytf-0.zip") as archive:
        for name in archive.namelist()[:300:75]:
            archive.extract(name, photos)
    table = shared / "faces" / "labels.npz"
    model = shared / "facemodel" / "ict_facekit.npz"
    options = f"--stored-size 384 --full-maps --shards 0:1 --out {tmp_path}"
    command = f"prepare {table} --photos {photos} --face-model {model} {options}"
    assert main(command.split()) == 0
    data = PreparedData(tmp_path, full_maps=True)
    assert [part.crops.shape[1:] for part in data.parts] == [(384, 384, 3)] * 2
    assert int(data.grid_inside.sum()) == int(default_layout().region.sum())
    _, labels = data.gather(data.rows(0, [0]))
    landmarks = data.positions(labels)[0, -68:, :2].numpy()
    with np.load(tmp_path / "samples.npz") as samples:
        x, y, side = samples["crop"][0].tolist()
        expected = samples["landmarks68"][0, :, :2]
    placed = CropTransform(x, y, side, 384).to_image(landmarks)
    size = np.sqrt(np.ptp(expected, axis=0).prod())
    assert np.linalg.norm(placed - expected, axis=1).mean() < 0.03 * size


def test_help_states_the_command_of_the_shipped_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    text = capsys.readouterr().out
    for line in SHIPPED_COMMAND.splitlines():
        assert line in text
    assert "paper: 16" in text
