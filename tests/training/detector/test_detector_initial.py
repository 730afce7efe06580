"""``prnet train-detector --init``: the package's networks come back, a run goes on from another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from prnet.detection.anchorfree import FIRST, SECOND  # noqa: E402
from prnet.errors import PrnetError  # noqa: E402
from prnet.files.onnx_session import OnnxSession  # noqa: E402
from prnet.packaged import DATA  # noqa: E402
from prnet.training.detector import train  # noqa: E402
from prnet.training.detector.config import DetectorConfig  # noqa: E402
from prnet.training.detector.pools import (  # noqa: E402
    LabelledFace,
    write_face_pool,
    write_scene_pool,
)


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory, sample_image: NDArray[np.uint8]) -> Path:
    """The sample photo as a face, as a scene and, its upper corner, as a place without one."""
    folder, none = tmp_path_factory.mktemp("pools"), np.zeros((0, 4))
    landmarks = np.random.default_rng(0).uniform((180, 70), (260, 160), (68, 2))
    write_face_pool(folder / "utk", [LabelledFace(sample_image, landmarks, 0.0)], alone=True)
    corner = np.ascontiguousarray(sample_image[:128, :128])
    write_scene_pool(folder / "negatives", [corner], [none], [none], [none[:, 0]])
    box = np.array([[180.0, 70, 260, 160]])
    write_scene_pool(folder / "scenes", [sample_image], [box], [none], [np.ones(1)])
    return folder


def started(part: Any, pools: Path) -> Any:
    network = train.PARTS[part].network()
    train.start_from(network, "shipped", DetectorConfig(part=part, data=pools, batch=2))
    return network


def test_the_shipped_first_step_comes_back(pools: Path, sample_image: NDArray[np.uint8]) -> None:
    """But for the 8 bits of the file's activations."""
    shown = np.ascontiguousarray(sample_image[:256, 96:352])
    pixels = torch.from_numpy(shown)[None].permute(0, 3, 1, 2).float() / 255
    network = started("first", pools).eval()
    with torch.no_grad():
        said = torch.cat([grid.reshape(17, -1) for grid in network(pixels)], dim=1).numpy()
    shipped = OnnxSession(DATA / FIRST).run(["candidates"], {"image": shown})[0]
    assert np.abs(said - shipped).mean() < 0.03
    face = shipped[0].argmax()
    assert shipped[0, face] > 0
    np.testing.assert_allclose(said[:, face], shipped[:, face], atol=0.15)


def test_the_shipped_second_step_comes_back(pools: Path, sample_image: NDArray[np.uint8]) -> None:
    crops = np.stack([sample_image[y : y + 64, 190:254] for y in (40, 80, 120)])
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        said = started("second", pools).eval()(pixels).numpy()
    shipped = OnnxSession(DATA / SECOND).run(["candidates"], {"crops": crops})[0]
    np.testing.assert_allclose(said, shipped, atol=1e-3)


@pytest.mark.parametrize("part", ["first", "second"])
def test_a_run_starts_from_another(part: Any, pools: Path, tmp_path: Path) -> None:
    config = DetectorConfig(part=part, data=pools, out=tmp_path / "a", steps=1, batch=1, loaders=0)
    train.train_detector(config)
    given = torch.load(tmp_path / "a" / "checkpoint.pt", weights_only=True)["averaged"]
    still = replace(config, learning_rate=0.0, out=tmp_path / "b", init=str(tmp_path / "a"))
    train.train_detector(still)
    state = torch.load(tmp_path / "b" / "checkpoint.pt", weights_only=True)["averaged"]
    for name, weight in train.PARTS[part].network().named_parameters():
        assert torch.equal(state[name], given[name]), name
        assert not torch.equal(state[name], weight) or name.endswith("bias")


def test_the_other_part_is_refused(pools: Path, tmp_path: Path) -> None:
    config = DetectorConfig(part="first", data=pools, out=tmp_path / "c", init=str(DATA / SECOND))
    with pytest.raises(PrnetError, match="expected the weights of DetectorNetwork, got none of"):
        train.train_detector(config)
    assert not list((tmp_path / "c").glob("checkpoint*"))
