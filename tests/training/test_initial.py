"""Weights to start from: read back out of exported files, and kept by the training that follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

torch.set_num_threads(1)

from prnet.errors import PrnetError  # noqa: E402
from prnet.geometry.crop import CropTransform  # noqa: E402
from prnet.network.position_map_network import PositionMapNetwork, network_file  # noqa: E402
from prnet.training.config import TrainConfig  # noqa: E402
from prnet.training.networks.compact import CROP_SIZE, CompactNetwork  # noqa: E402
from prnet.training.networks.export import export_onnx  # noqa: E402
from prnet.training.networks.read_onnx import calibrate, load_onnx  # noqa: E402
from prnet.training.networks.resfcn256 import (  # noqa: E402
    ConvBlock,
    ResidualBlock,
    SameConv,
    UpsamplingConv,
)
from prnet.training.train import train  # noqa: E402


@pytest.fixture(scope="module")
def crops(sample_image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(16, 128, 128, 3) uint8: the sample's face in crops of several places and sizes."""
    random = np.random.default_rng(0)
    places = random.uniform((216, 108, 150), (232, 122, 190), (16, 3)).tolist()
    return np.stack(
        [CropTransform(x, y, side, CROP_SIZE).crop_image(sample_image) for x, y, side in places]
    )


def as_input(crops: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255


def weights_of(path: Path) -> list[NDArray[np.generic]]:
    tensors = onnx.load(str(path)).graph.initializer
    return [numpy_helper.to_array(each) for each in tensors if each.name.endswith(".half")]


def test_the_shipped_network_comes_back_exact_to_its_storage(
    crops: NDArray[np.uint8], tmp_path: Path
) -> None:
    network = CompactNetwork()
    folded = load_onnx(network, network_file(), as_input(crops))
    assert len(folded) == 22
    calibrate(network, folded, as_input(crops))
    export_onnx(network, tmp_path / "again.onnx", crop_size=CROP_SIZE)
    shipped, again = weights_of(network_file()), weights_of(tmp_path / "again.onnx")
    assert len(shipped) == len(again) == 34
    for one, other in zip(shipped, again, strict=True):
        np.testing.assert_array_equal(one, other)
    maps = [PositionMapNetwork(file)(crops) for file in (None, tmp_path / "again.onnx")]
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-3)


def test_training_begins_where_the_exported_network_was(crops: NDArray[np.uint8]) -> None:
    """Batch norm by the batch's own statistics says nearly what it says by those of the file."""
    network = CompactNetwork()
    folded = load_onnx(network, network_file(), as_input(crops))
    with torch.no_grad():
        expected = network.eval()(as_input(crops))
        before = (network.train()(as_input(crops)) - expected).abs().mean()
        load_onnx(network, network_file(), as_input(crops))
        calibrate(network, folded, as_input(crops))
        after = (network.train()(as_input(crops)) - expected).abs().mean()
    assert after < 0.2
    assert before > 10 * after


class Mixed(nn.Module):
    """A norm after a sum, which is not folded, and convolutions of all kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBlock(SameConv(3, 4), 4)
        self.block = ResidualBlock(4, 8, 2)
        self.up = ConvBlock(UpsamplingConv(8, 3), 3)

    def forward(self, crops: Tensor) -> Tensor:
        return nn.functional.interpolate(self.up(self.block(self.stem(crops))), size=256)


def test_layers_of_all_kinds_come_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, second = Mixed(), Mixed()
    noise = torch.rand(8, 3, 32, 32)
    first.train()(noise)
    for norm in first.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
    export_onnx(first, tmp_path / "n.onnx", crop_size=32, half_storage=False)
    folded = load_onnx(second, tmp_path / "n.onnx", noise)
    calibrate(second, folded, noise)
    torch.testing.assert_close(second.eval()(noise), first.eval()(noise), atol=1e-5, rtol=1e-4)


@pytest.fixture
def config(prepared: Path, tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        data=prepared, out=tmp_path / "run", samples=16, batch=8, warmup=0, threads=1, loaders=0
    )


def test_a_run_starts_from_what_it_is_given(config: TrainConfig, tmp_path: Path) -> None:
    train(config)
    given = torch.load(config.out / "checkpoint.pt", weights_only=True)["averaged"]
    still = replace(config, learning_rate=0.0, out=tmp_path / "still")
    for init in (config.out, config.out / "checkpoint.pt"):
        train(replace(still, init=str(init), out=tmp_path / f"from-{init.name}"), stop_after=1)
        state = torch.load(tmp_path / f"from-{init.name}" / "checkpoint.pt", weights_only=True)
        for name, parameter in CompactNetwork().named_parameters():
            assert torch.equal(state["network"][name], given[name]), name
            assert parameter.shape == given[name].shape
    train(replace(still, init="shipped"), stop_after=1)
    shipped = weights_of(network_file())
    half = weights_of(tmp_path / "still" / "network.onnx")
    assert all(np.array_equal(*pair) for pair in zip(shipped[:3], half[:3], strict=True))
    step = torch.load(tmp_path / "still" / "checkpoint.pt", weights_only=True)["step"]
    train(replace(still, init="no longer read"))
    assert torch.load(tmp_path / "still" / "checkpoint.pt", weights_only=True)["step"] == step + 1


def test_a_run_goes_on_as_it_was_begun(config: TrainConfig) -> None:
    """Without --init its rate would be that of a network that knows nothing; with another --batch
    the steps that are done would count as other samples."""
    train(replace(config, init="shipped"), stop_after=1)
    with pytest.raises(PrnetError, match="run: expected --init shipped, as this run was begun"):
        train(config)
    new = replace(config, out=config.out / "new")
    train(new, stop_after=1)
    with pytest.raises(PrnetError, match="expected no --init, as this run was begun, got shipped"):
        train(replace(new, init="shipped"))
    with pytest.raises(PrnetError, match="expected --batch 8, as this run was begun, got 4"):
        train(replace(new, batch=4))
    state = torch.load(new.out / "checkpoint.pt", weights_only=True)
    torch.save({**state, "batch": None}, new.out / "checkpoint.pt")  # of one that does not tell
    train(replace(new, batch=4), stop_after=1)


def test_weights_that_do_not_fit_are_refused(config: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    export_onnx(Mixed(), tmp_path / "other.onnx", crop_size=32)
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    (tmp_path / "noise.pt").write_bytes(b"noise")
    for name, said in (
        ("missing.onnx", "expected weights to start from"),
        ("other.onnx", "expected the weights of CompactNetwork, got none of shape"),
        ("noise.onnx", "expected an exported network, got"),
        ("noise.pt", "expected a checkpoint of this preset, got"),
    ):
        with pytest.raises(PrnetError, match=said):
            train(replace(config, init=str(tmp_path / name)))
    assert not list(config.out.glob("*"))
