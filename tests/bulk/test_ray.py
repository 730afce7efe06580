"""Ray Data gives what processes give. Runs where Ray is installed."""

from __future__ import annotations

import io
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import contents
from PIL import Image
from standins import write_model

from prnet.bulk import SampleOptions, reconstruct_dataset
from prnet.bulk.shards import rows_path
from prnet.cli import main
from prnet.errors import PrnetWarning
from prnet.reconstruct import Reconstructor

ray = pytest.importorskip("ray")
PHOTOS = 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, a broken one among them, a network, and what processes make of them."""
    folder = tmp_path_factory.mktemp("ray")
    write_model(folder / "model", judges=True)
    (folder / "photos").mkdir()
    for number in range(PHOTOS):
        picture = Image.new("RGB", (80 + number, 60), (60 + 20 * number, 200, 60))
        picture.save(folder / "photos" / f"{number}.png")
    (folder / "photos" / "4.png").write_bytes(b"no picture")
    assert main(_command(folder, "processes")) == 0
    return folder


@pytest.fixture(params=[2, 8])
def cluster(request: pytest.FixtureRequest) -> Iterator[int]:
    ray.init(num_cpus=request.param, include_dashboard=False, log_to_driver=False)
    yield request.param
    ray.shutdown()


def _command(folder: Path, out: str, *more: str) -> list[str]:
    words = ["dataset", str(folder / "photos"), "--out", str(folder / out), "--save", "crops,maps"]
    words += ["--shard-size", "2", "--model", str(folder / "model"), "--detector", "none"]
    return [*words, *(more or ("--workers", "1"))]


def test_shards_are_those_of_processes(folder: Path, cluster: int) -> None:
    """To the last byte, on two logical processors and on eight; what is there is left alone."""
    command = _command(folder, f"ray{cluster}", "--engine", "ray")
    assert main(command) == 0
    expected = contents(folder / "processes")
    assert contents(folder / f"ray{cluster}") == expected
    rows_path(folder / f"ray{cluster}", 1).unlink()
    assert main(command) == 0
    assert contents(folder / f"ray{cluster}") == expected


@pytest.mark.parametrize("cluster", [2], indirect=True)
def test_from_python(folder: Path, cluster: int) -> None:
    """Bytes, paths and addresses; columns go along, faces' files are columns."""
    import pyarrow.parquet as pq

    paths = sorted((folder / "photos").iterdir())
    reconstruct = Reconstructor(folder / "model", detector="none")
    expected = pq.read_table(folder / "processes" / "rows").to_pylist()
    for image in ("bytes", "where"):
        given = ray.data.from_items(
            [
                {
                    "bytes": path.read_bytes(),
                    "where": path.as_uri() if number % 2 else str(path),
                    "id": path.name,
                    "person": number,
                }
                for number, path in enumerate(paths)
            ]
        )
        found: list[dict[str, Any]] = reconstruct_dataset(
            given,
            image=image,
            key="id",
            keep=["person"],
            reconstruct=reconstruct,
            samples=SampleOptions(("crops",)),
            actors=1,
        ).take_all()
        found.sort(key=lambda row: row["person"])
        for row, twin in zip(found, expected, strict=True):
            assert row["key"] == twin["key"]
            for name in ("faces", "face", "box", "landmarks", "presence", "yaw", "crop", "width"):
                assert np.array_equal(row[name], twin[name]), name
            assert bool(row["error"]) == bool(twin["error"])
            assert bool(row["crop.jpg"]) == (row["face"] is not None)
        assert [row["person"] for row in found] == list(range(PHOTOS))


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_cluster_that_is_not_there(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = address.format(nobody.getsockname()[1])
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr(ray, "init", pytest.fail)
    assert main(_command(folder, "nowhere", "--engine", "ray")) == 2
    assert capsys.readouterr().err == (
        f"prnet dataset: expected a Ray cluster at RAY_ADDRESS {address}, got: Connection refused\n"
    )


@pytest.mark.parametrize("cluster", [2], indirect=True)
def test_what_actors_warn_of_is_told(folder: Path, cluster: int) -> None:
    photo = (folder / "photos" / "0.png").read_bytes()
    with (folder / "unclosed.tar").open("wb") as file:
        member = tarfile.TarInfo("0.png")
        member.size = len(photo)
        tar = tarfile.open(fileobj=file, mode="w")  # noqa: SIM115
        tar.addfile(member, io.BytesIO(photo))
    command = _command(folder, "warned", "--engine", "ray")
    command[1] = str(folder / "unclosed.tar")
    with pytest.warns(PrnetWarning, match="unclosed.tar: expected a tar that ends with zeros"):
        assert main(command) == 0


@pytest.mark.parametrize("cluster", [2], indirect=True)
def test_what_actors_raise_is_one_line(
    folder: Path, cluster: int, capfd: pytest.CaptureFixture[str]
) -> None:
    command = _command(folder, "closed", "--engine", "ray")
    (folder / "closed").mkdir()
    (folder / "closed" / "rows").write_text("a file")
    assert main(command) == 2
    assert "got one with rows" in capfd.readouterr().err
    (folder / "closed" / "rows").unlink()
    assert main(command) == 0
    rows = folder / "closed" / "rows"
    rows.rename(folder / "moved")
    rows.mkdir()
    (rows / "00000").write_text("a file")
    assert main(command) == 2
    said = capfd.readouterr().err
    assert "expected a place that can be written" in said
    assert "Traceback" not in said
