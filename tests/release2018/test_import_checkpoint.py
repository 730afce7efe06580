import numpy as np
import numpy_oracle as oracle
import pytest
from bundle_writer import write_bundle
from uv_folder import write_folder

pytest.importorskip("torch", reason="needs prnet[train]")
pytest.importorskip("onnx", reason="needs prnet[train]")

import torch

from prnet.errors import PrnetError
from prnet.layout.uv_layout import UVLayout
from prnet.network.crop_rules import RULES_2018, load_crop_rules
from prnet.network.position_map_network import PositionMapNetwork, layout_file
from prnet.release2018.import_checkpoint import import_checkpoint
from prnet.release2018.tf_checkpoint import read_index
from prnet.training.networks.resfcn256 import ResFCN256, load_tensorflow, tensorflow_views

INDEX = "256_256_resfcn256_weight.index"
DATA = "256_256_resfcn256_weight.data-00000-of-00001"


@pytest.fixture
def uv_folder(tmp_path):
    folder = tmp_path / "uv-data"
    folder.mkdir()
    write_folder(folder)
    return folder


@pytest.mark.shared
def test_names_and_shapes_are_those_of_the_release(shared):
    """All 245 tensors of the network; what else the index holds is the optimiser's."""
    shards, entries = read_index(shared / "prnet-2018" / INDEX)
    ours = {name: view.shape for name, view in tensorflow_views(ResFCN256()).items()}
    theirs = {
        name: entry.shape
        for name, entry in entries.items()
        if "/Adam" not in name and name not in ("beta1_power", "beta2_power")
    }
    assert shards == 1
    assert len(ours) == 245
    assert ours == theirs


@pytest.fixture
def release_with_random_data(shared, tmp_path):
    """The real index beside a data file of random numbers at its offsets, and the numbers.

    Adam's slots stay holes; the checksums cannot fit.
    """
    folder = tmp_path / "net-data"
    folder.mkdir()
    index = shared / "prnet-2018" / INDEX
    (folder / INDEX).write_bytes(index.read_bytes())
    _, entries = read_index(index)
    tensors = oracle.random_tensors(
        {name: view.shape for name, view in tensorflow_views(ResFCN256()).items()}
    )
    with (folder / DATA).open("wb") as file:
        file.truncate(max(entry.offset + entry.size for entry in entries.values()))
        for name, value in tensors.items():
            file.seek(entries[name].offset)
            file.write(value.tobytes())
    return folder, tensors


@pytest.mark.shared
def test_import_is_the_network_of_the_tensors(shared, tmp_path, release_with_random_data):
    """`test_resfcn256.py` holds that network beside the oracle."""
    net_data, tensors = release_with_random_data
    out = tmp_path / "models" / "prnet-2018"
    difference = import_checkpoint(net_data, shared / "prnet-2018", out, skip_checksums=True)
    assert difference < 0.0256
    names = sorted(file.name for file in out.iterdir())
    assert names == ["MODEL_CARD.md", "crop_rules.json", "network.onnx", "uv_layout.npz"]
    assert load_crop_rules(out) == RULES_2018

    crop = np.random.default_rng(7).integers(0, 256, (256, 256, 3), np.uint8)
    maps = PositionMapNetwork(out, threads=1)(crop[None])[0]
    network = ResFCN256().eval()
    load_tensorflow(network, tensors)
    with torch.no_grad():
        expected = network(torch.from_numpy(crop).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    assert expected.std() > 5
    np.testing.assert_allclose(maps, expected, atol=1e-4 * 256)

    layout = UVLayout.load(layout_file(out))
    assert len(layout.vertex_pixels) == 43_867
    assert layout.z_rule == "minimum"


@pytest.mark.shared
def test_checksums_are_checked_unless_skipped(tmp_path, uv_folder, release_with_random_data):
    net_data, _ = release_with_random_data
    with pytest.raises(PrnetError, match="checksum of resfcn256/Conv"):
        import_checkpoint(net_data, uv_folder, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_other_checkpoint_is_refused(tmp_path, uv_folder):
    write_bundle(tmp_path / "net", {"vgg/weights": np.zeros((3, 3), np.float32)})
    with pytest.raises(PrnetError, match="expected a resfcn256 checkpoint, got one without"):
        import_checkpoint(tmp_path / "net", uv_folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folder_with_something_in_it_is_kept(tmp_path, uv_folder):
    with pytest.raises(PrnetError, match="expected a new or empty folder"):
        import_checkpoint(tmp_path / "net", uv_folder, uv_folder)
    assert (uv_folder / "face_ind.txt").exists()
