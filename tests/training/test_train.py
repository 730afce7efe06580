"""Training: labels follow the image, a resumed run equals an uninterrupted one, errors fall."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

torch.set_num_threads(1)

from prnet.errors import PrnetError  # noqa: E402
from prnet.facemodel.position_map import MapBasis  # noqa: E402
from prnet.geometry.camera import (  # noqa: E402
    Pose,
    project_head,
    rotation_from_pose,
    yaw_degrees,
)
from prnet.geometry.mirror import MIRRORED_LANDMARKS  # noqa: E402
from prnet.layout.uv_layout import UVLayout, default_layout  # noqa: E402
from prnet.network.position_map_network import PositionMapNetwork  # noqa: E402
from prnet.training.config import PRESETS, TrainConfig  # noqa: E402
from prnet.training.data.augment import NO_AUGMENTATION, Augmentation  # noqa: E402
from prnet.training.data.dataset import LABELS, Kind, PreparedData  # noqa: E402
from prnet.training.data.draws import Draws  # noqa: E402
from prnet.training.data.prepared_files import HEAD  # noqa: E402
from prnet.training.networks.compact import CompactNetwork  # noqa: E402
from prnet.training.recipes import CompactRecipe, make_recipe  # noqa: E402
from prnet.training.schedule import Schedule  # noqa: E402
from prnet.training.train import batches, train, update_average  # noqa: E402


@pytest.fixture
def config(prepared: Path, tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        data=prepared, out=tmp_path / "run", samples=96, batch=8, warmup=8, threads=1, loaders=0,
        validate_every=48,
    )  # fmt: skip


def test_an_interrupted_run_equals_an_uninterrupted_one(config: TrainConfig) -> None:
    train(config)
    other = replace(config, out=config.out.parent / "other")
    train(other, stop_after=5)
    train(other)
    states = [torch.load(run.out / "checkpoint.pt", weights_only=True) for run in (config, other)]
    assert states[0]["step"] == states[1]["step"] == 12
    for key in ("network", "averaged"):
        for name, value in states[0][key].items():
            assert torch.equal(value, states[1][key][name]), name
    assert PositionMapNetwork(config.out).crop_size == 128
    assert UVLayout.load(config.out / "uv_layout.npz").name == default_layout().name
    lines = [json.loads(line) for line in (config.out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "step" in line] == [6, 12]


def test_a_run_of_networks_that_did_not_look_closer_does_not_go_on(config: TrainConfig) -> None:
    train(config, stop_after=1)
    path = config.out / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    for key in ("network", "averaged"):
        state[key] = {k: v for k, v in state[key].items() if not k.startswith("closer.")}
    del state["optimizer"]["param_groups"][0]["params"][-20:]
    torch.save(state, path)
    with pytest.raises(PrnetError, match=r"this preset and version, got another's .*--init "):
        train(config, stop_after=1)
    train(replace(config, out=config.out.parent / "new", init=str(config.out)), stop_after=1)


def test_the_average_is_what_is_validated_and_exported(config: TrainConfig) -> None:
    """Of two steps, the second of which counts ten twelfths, as averages begin."""
    config = replace(config, learning_rate=2e-2)  # which makes the two differ
    train(config, stop_after=1)
    first = torch.load(config.out / "checkpoint.pt", weights_only=True)
    result = train(config, stop_after=1)
    second = torch.load(config.out / "checkpoint.pt", weights_only=True)
    for name in ("head.weight", "encoder.1.running_mean"):
        assert not torch.equal(first["network"][name], second["network"][name])
        expected = (2 * first["averaged"][name] + 10 * second["network"][name]) / 12
        torch.testing.assert_close(second["averaged"][name], expected)
    crops = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), np.uint8)
    exported = PositionMapNetwork(config.out)(crops)
    validate = make_recipe(config, torch.device("cpu")).validation()
    told, differences = {}, {}
    for which in ("averaged", "network"):
        network = CompactNetwork().eval()
        network.load_state_dict(second[which])
        told[which] = validate(network)
        with torch.no_grad():
            maps = network(torch.from_numpy(crops).permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1)
        differences[which] = float(np.abs(exported - maps.numpy()).max())
    assert result["photos"] == pytest.approx(told["averaged"]["photos"], rel=1e-4)
    assert result["photos"] != pytest.approx(told["network"]["photos"], rel=1e-3)
    assert 10 * differences["averaged"] < differences["network"]


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(
    config: TrainConfig,
) -> None:
    """At its first line, and where it is stopped before."""
    train(config, stop_after=1)
    before = (config.out / "checkpoint.pt").read_bytes()
    for steps in (3, None):
        with pytest.raises(PrnetError, match="the loss is not finite; try a lower --learning-rate"):
            train(replace(config, learning_rate=1e30), stop_after=steps)
        assert (config.out / "checkpoint.pt").read_bytes() == before


def test_weights_that_are_no_numbers_are_not_saved(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the step that saves, whose loss was told by the weights before."""
    train(config, stop_after=1)
    before = (config.out / "checkpoint.pt").read_bytes()

    def learn(losses_of: torch.nn.Module, *_: object, **__: object) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            next(losses_of.parameters()).fill_(float("nan"))
        return {"total": torch.tensor(1.0)}

    monkeypatch.setattr("prnet.training.train.learn", learn)
    with pytest.raises(PrnetError, match="step 2: the weights are not finite; try a lower"):
        train(config, stop_after=1)
    assert (config.out / "checkpoint.pt").read_bytes() == before


def test_averages_keep_what_they_are_told_to_keep() -> None:
    averaged, network = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    changed = {"weight": torch.tensor([5.0]), "num_batches_tracked": torch.tensor(7)}
    network.load_state_dict({**network.state_dict(), **changed})
    update_average(averaged, network, 0.75, 1000)
    assert averaged.weight.tolist() == [0.75 * 1 + 0.25 * 5]
    assert int(averaged.state_dict()["num_batches_tracked"]) == 7


def test_a_short_run_lowers_the_error(config: TrainConfig) -> None:
    config = replace(
        config, samples=768, validate_every=768, learning_rate=2e-3, warmup=64, average=0.8
    )
    first = train(replace(config, learning_rate=0.0), stop_after=1)
    last = train(config)
    assert last["photos"] < 0.9 * first["photos"]


def test_bfloat16_computes_nearly_the_same(config: TrainConfig) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        recipe = make_recipe(replace(config, precision=precision), torch.device("cpu"))
        torch.manual_seed(0)
        network = recipe.network()
        losses[precision] = recipe.losses(network, recipe.batch(0, slice(0, 8)))
        assert losses[precision]["total"].dtype == torch.float32
    one, other = (float(each["total"].detach()) for each in losses.values())
    assert one != other
    assert one == pytest.approx(other, rel=0.02)
    with pytest.raises(PrnetError, match="expected --precision float32 for preset paper"):
        make_recipe(replace(config, preset="paper", precision="bfloat16"), torch.device("cpu"))


def test_batches_do_not_depend_on_how_many_processes_make_them(config: TrainConfig) -> None:
    recipe = make_recipe(config, torch.device("cpu"))
    alone = list(batches(config, recipe, 3, 6, share=slice(0, 8)))
    together = list(batches(replace(config, loaders=2), recipe, 3, 6, share=slice(0, 8)))
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.crops, other.crops)
        assert torch.equal(one.grid, other.grid)


def test_spawned_loaders_map_the_crops_themselves(config: TrainConfig, tmp_path: Path) -> None:
    """What they are sent is smaller than the crops, and what they make is the same."""
    folder = Path(shutil.copytree(config.data, tmp_path / "data"))
    shutil.copy(folder / "crops.npy", folder / "negatives.npy")
    config = replace(config, data=folder)
    recipe = make_recipe(config, torch.device("cpu"))
    assert isinstance(recipe, CompactRecipe)
    crops = recipe.data.parts[0].crops
    sent = pickle.dumps(recipe.data)
    assert len(sent) < crops.nbytes / 2
    got = pickle.loads(sent)
    for mapped in (got.parts[0].crops, got.negatives):
        assert isinstance(mapped, np.memmap)
        assert np.array_equal(mapped, crops)
    loader = batches(replace(config, loaders=1), recipe, 0, 1, share=slice(0, 8))
    assert isinstance(loader, DataLoader)
    loader.multiprocessing_context = "spawn"
    (made,) = loader
    assert torch.equal(made.crops, recipe.batch(0, slice(0, 8)).crops)


def _disc_centre(image: torch.Tensor) -> np.ndarray:
    weight = image.mean(dim=0).numpy()
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_labels_follow_the_image(prepared: Path, mirror: float) -> None:
    """Wherever the drawn disc goes, the centre of the landmarks' model goes with it."""
    data = PreparedData(prepared)
    augmentation = Augmentation(
        **{**NO_AUGMENTATION.__dict__, "rotation": 45, "translation": 0.1, "scale": 0.1,
           "mirror": mirror}
    )  # fmt: skip
    crops, labels = data.gather(data.rows(0, range(16)))
    batch = data.batch(crops, labels, Draws(3), augmentation, crop_size=128)
    for image, landmarks in zip(batch.crops, batch.landmarks.numpy(), strict=True):
        assert np.linalg.norm(_disc_centre(image) - landmarks[:, :2].mean(axis=0)) < 1.0
        # The person's right eye is on the image's left unless the head is upside down.
        assert landmarks[39, 0] < landmarks[42, 0]


def test_mirroring_twice_gives_the_sample_back(prepared: Path) -> None:
    data = PreparedData(prepared)
    crops, labels = data.gather(data.rows(0, [1]))
    plain, mirrored = (
        data.batch(
            crops,
            labels,
            Draws(0),
            Augmentation(**{**NO_AUGMENTATION.__dict__, "mirror": mirror}),
            crop_size=128,
        )
        for mirror in (0.0, 1.0)
    )
    assert torch.allclose(plain.crops.flip(3), mirrored.crops, atol=1e-4)
    flipped = mirrored.landmarks * torch.tensor([-1.0, 1, 1]) + torch.tensor([127.0, 0, 0])
    assert torch.allclose(flipped[:, MIRRORED_LANDMARKS], plain.landmarks, atol=0.05)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    config = TrainConfig(samples=100_000, batch=100, learning_rate=2, warmup=10_000, decay=0.5)
    steps = (0, 50, 100, 499, 750, 1000)
    rates = [Schedule.of(config, epoch=1).rate(step) for step in steps]
    assert rates == pytest.approx([0.02, 1.02, 2, 2, 1.01, 0.02], abs=4e-3)
    flat = Schedule.of(replace(config, warmup=0, decay=0), epoch=1)
    assert [flat.rate(step) for step in steps] == [2] * 6


@pytest.mark.parametrize(
    ("preset", "epoch", "samples", "warmup"),
    [
        ("compact", 243, 4_860, 486),  # 27 photos with 8 views each: not 320,000
        ("compact", 1, 64, 6.4),  # a whole batch at least
        ("compact", 43_000, 320_000, 10_000),
        ("paper", 122_450, 3_673_500, 10_000),
        ("paper-ict", 86_000, 1_500_000, 10_000),
    ],
)
def test_a_run_is_as_long_as_its_data_are_many(
    preset: str, epoch: int, samples: int, warmup: float
) -> None:
    schedule = Schedule.of(PRESETS[preset], epoch=epoch)
    assert (schedule.samples, schedule.warmup) == (samples, warmup)
    given = Schedule.of(replace(PRESETS[preset], samples=1000, warmup=500), epoch=epoch)
    assert (given.samples, given.warmup) == (1000, 500)


def test_the_optimiser_is_told_as_it_is_set(config: TrainConfig) -> None:
    recipe = make_recipe(replace(config, optimizer="adam", halve_every=3), torch.device("cpu"))
    told = {setting.name: setting.value for setting in recipe.settings()}
    assert told["optimiser"] == "Adam, halved every 3 epochs"


def test_the_drawn_photo_is_not_black(prepared: Path) -> None:
    """Guards the tests above: a black disc would make them pass with anything."""
    assert np.asarray(Image.fromarray(np.load(prepared / "crops.npy")[0])).max() == 200


def test_true_positions_are_the_cameras(prepared: Path) -> None:
    """The projection in torch is the one in NumPy, rotations and coefficients included."""
    data = PreparedData(prepared)
    random = np.random.default_rng(4)
    poses = [Pose(*random.uniform(-50, 50, 3)) for _ in range(3)]
    coefficients = random.normal(size=(3, 4)).astype(np.float32)
    rotation = np.array([rotation_from_pose(pose) for pose in poses], np.float32)
    scale = random.uniform(4, 9, 3).astype(np.float32)
    translation = random.uniform(60, 120, (3, 2)).astype(np.float32)
    with np.load(prepared / "basis.npz") as basis:
        mean = np.concatenate([basis["grid_mean"], basis["landmark_mean"]])
        offsets = np.concatenate([basis["grid_offsets"], basis["landmark_offsets"]], axis=1)
    apart = random.normal(size=(3, 4)).astype(np.float32)
    first = np.array([rotation_from_pose(Pose(20, 10, 5))] * 3, np.float32)
    names = ("coefficients", "apart", "view", "scale", "rotation", "translation")
    values = (coefficients, apart, first[:, 2], scale, rotation, translation)
    assert names == LABELS
    basis_at = MapBasis(mean.astype(np.float32), offsets.astype(np.float32))
    heads = basis_at.positions(coefficients, apart, first[:, 2])
    expected = project_head(heads, scale, rotation, translation)
    found = data.positions([torch.from_numpy(value) for value in values]).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_batches_have_the_shares_that_are_asked_for(prepared: Path, tmp_path: Path) -> None:
    """Photos are held out, renders of heads belong to none."""
    shutil.copytree(prepared, tmp_path / "data")
    folder = tmp_path / "data"
    with np.load(folder / "samples.npz") as arrays:
        samples = {key: arrays[key] for key in arrays}
    turned = np.arange(len(samples["files"])) % 4 == 1
    samples["rotation"] = np.where(
        turned[:, None, None], rotation_from_pose(Pose(50, 0, 0)), np.eye(3)
    ).astype(np.float32)
    np.savez(folder / "samples.npz", **samples)
    crops = np.load(folder / "crops.npy")
    for name, sample in (("turned", np.arange(len(crops))), ("heads", np.full(len(crops), HEAD))):
        np.save(folder / f"{name}-000.npy", np.full_like(crops, {"turned": 1, "heads": 2}[name]))
        labels = {key: samples[key] for key in LABELS}
        np.savez(folder / f"{name}-000.npz", sample=sample, **labels)
    data = PreparedData(folder)
    shares: dict[Kind, float] = {"views": 0.5, "heads": 0.25, "profiles": 0.125}
    images, drawn = data.draw(Draws(0), 400, shares)
    shown = images.flatten(1)
    assert (shown == 1).all(dim=1).sum() == 200
    assert (shown == 2).all(dim=1).sum() == 100
    photos = ~((shown == 1) | (shown == 2)).all(dim=1)
    yaw = yaw_degrees(drawn[LABELS.index("rotation")].numpy()[photos])
    assert (yaw > 30).sum() >= 50
    assert (yaw < 30).any()
    assert len(data.training_rows(2)) == len(crops)


def test_validation_rows_are_binned_by_the_cameras_yaw(prepared: Path) -> None:
    photos = PreparedData(prepared).parts[0]
    poses = [Pose(0, 20, 20), Pose(-40, -20, 30)]
    rotations = np.array([rotation_from_pose(pose) for pose in poses], np.float32)
    turned = replace(photos, rotation=rotations)
    np.testing.assert_allclose(turned.yaw, [0, -40], atol=1e-3)
