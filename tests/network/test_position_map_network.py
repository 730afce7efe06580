from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from standins import write_model, write_network

from prnet.errors import PrnetError
from prnet.network.position_map_network import PositionMapNetwork, layout_file

MAP = np.random.default_rng(0).uniform(0, 128, (256, 256, 3)).astype(np.float32)


def test_batch_rows_are_independent(tmp_path: Path) -> None:
    network = PositionMapNetwork(write_network(tmp_path / "n.onnx", MAP), threads=1)
    assert network.crop_size == 128
    crops = np.zeros((3, 128, 128, 3), np.uint8)
    crops[1, ..., 0] = 200  # red comes first
    crops[2, ..., 2] = 200
    expected = np.stack([MAP, MAP + np.array([200, 0, 0], np.float32), MAP])
    np.testing.assert_allclose(network(crops), expected, atol=1e-3)
    np.testing.assert_array_equal(network(crops)[1:2], network(crops[1:2]))
    assert network(crops[:0]).shape == (0, 256, 256, 3)


def test_folder_and_file_name_the_same_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    assert PositionMapNetwork(folder).path == PositionMapNetwork(folder / "network.onnx").path
    assert layout_file(folder) == layout_file(folder / "network.onnx") == folder / "uv_layout.npz"


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match=r"gone\.onnx: expected a network file .* got no file"):
        PositionMapNetwork(tmp_path / "gone.onnx")
    with pytest.raises(PrnetError, match=r"network\.onnx: expected a network file"):
        PositionMapNetwork(tmp_path)
    text = tmp_path / "text.onnx"
    text.write_text("not a network")
    with pytest.raises(PrnetError, match=r"text\.onnx: expected an ONNX network, got: .*"):
        PositionMapNetwork(text)


def test_foreign_network_is_refused(tmp_path: Path) -> None:
    small = write_network(tmp_path / "small.onnx", MAP[:64, :64])
    assert small.is_file()
    import onnx

    model = onnx.load(small)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 64
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 64
    onnx.save(model, small)
    with pytest.raises(PrnetError, match=r"expected input crops .* got crops .*64, 64, 3"):
        PositionMapNetwork(small)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 64, 64, 3), np.uint8),
        np.zeros((128, 128, 3), np.uint8),
        np.zeros((1, 128, 128, 3), np.float32),
    ],
)
def test_wrong_crops_are_refused(tmp_path: Path, crops: np.ndarray) -> None:
    network = PositionMapNetwork(write_network(tmp_path / "n.onnx", MAP))
    with pytest.raises(PrnetError, match=r"expected crops of uint8 \(B, 128, 128, 3\), got"):
        network(crops)


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "n.onnx", MAP)
    with pytest.raises(PrnetError, match="1 to 1024 threads, got 0"):
        PositionMapNetwork(path, threads=0)
    with pytest.raises(PrnetError, match=r"providers out of .*CPU.*, got Wrong"):
        PositionMapNetwork(path, providers=["Wrong"])
