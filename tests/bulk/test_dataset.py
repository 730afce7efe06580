"""``prnet dataset``: every input becomes rows, every photo once; a shard is there whole or not."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import re
import sys
import tarfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from folders import contents
from full_disk import full_disk
from numpy.typing import NDArray
from PIL import Image
from standins import make_layout, write_model

from prnet.bulk.items import items_of
from prnet.bulk.manifest import digest_of
from prnet.bulk.parquet import read_address
from prnet.bulk.plan import PHOTOS as LISTED
from prnet.bulk.plan import Columns, Part, read_plan, write_plan
from prnet.bulk.rows import schema, unpack_map
from prnet.bulk.shards import ShardDone, ShardWork, finished, rows_path, samples_path
from prnet.cli import main
from prnet.commands.bulk.dataset import _finding, add_arguments
from prnet.errors import PrnetError, PrnetWarning
from prnet.files.image import MAX_PIXELS, load_image
from prnet.formats.depth import decode_depth
from prnet.network.crop_rules import GIVEN_BOX_RULE, save_crop_rules
from prnet.reconstruct import Reconstructor

pq = pytest.importorskip("pyarrow.parquet")
pa = pytest.importorskip("pyarrow")
PHOTOS = 7


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), judges=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven photos, one of them broken, in a folder and its subfolder."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number in range(PHOTOS):
        place = folder / ("more" if number > 4 else "") / f"{number}.png"
        Image.new("RGB", (80 + number, 60), (0, 100 + 20 * number, 0)).save(place)
    (folder / "3.png").write_bytes(b"no picture")
    return folder


def _run(*arguments: object, model: Path, workers: int = 1) -> int:
    words = ["dataset", *map(str, arguments), "--detector", "none", "--model", str(model)]
    presence = [] if "--min-presence" in arguments else ["--min-presence", "0.05"]
    return main([*words, "--workers", str(workers), *presence])


def _rows(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "rows").to_pylist()
    return rows


def _good(rows: list[dict[str, Any]]) -> list[int]:
    """Widths of the photos that have a face, which number them."""
    return sorted(row["width"] - 80 for row in rows if row["face"] == 0)


EXPECTED = [0, 1, 2, 4, 5, 6]


def test_rows_without_a_face_are_read_by_every_pyarrow() -> None:
    """Before 26 a missing list of fixed length is "Expected all lists to be of size=4"."""
    lists = [field.type for field in schema() if pa.types.is_nested(field.type)]
    assert lists == [pa.list_(pa.float32())] * 6


def test_rows_are_what_a_reconstructor_says(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = [photos, "--recursive", "--out", out, "--shard-size", 3]
    assert _run(*given, "--save", "crops,depth,maps,textures", model=model) == 0
    rows = _rows(out)
    assert len(list((out / "rows").rglob("*.parquet"))) == 3
    keys = [f"{number}.png" for number in range(5)] + ["more/5.png", "more/6.png"]
    assert [row["key"] for row in rows] == keys
    bad = rows[3]
    assert (bad["faces"], bad["face"], bad["item"], bad["landmarks"]) == (0, None, 0, None)
    assert "3.png: expected an image" in bad["error"]
    reconstruct = Reconstructor(model, detector="none", min_presence=0.05)
    (face,) = reconstruct(photos / "more" / "6.png")
    row = rows[6]
    np.testing.assert_array_equal(np.reshape(row["landmarks"], (68, 3)), face.landmarks)
    np.testing.assert_array_equal(row["box"], np.array(face.box.xyxy, np.float32))
    assert row["box_roll"] == np.float32(face.box.roll)
    np.testing.assert_allclose([row["yaw"], row["pitch"], row["roll"]], face.pose, rtol=1e-6)
    assert row["presence"] == np.float32(face.presence)
    assert (row["width"], row["height"], row["error"]) == (86, 60, None)
    samples = _samples(samples_path(out, 2))
    assert set(samples) == {
        f"00000002-000000-0.{end}" for end in ("crop.jpg", "depth.png", "map.npy", "texture.jpg")
    }
    assert row["sample"] == "00000002-000000-0"
    packed = np.load(io.BytesIO(samples[f"{row['sample']}.map.npy"]))
    assert packed.dtype == np.float16
    worst = np.abs(unpack_map(packed, row["crop"]) - face.position_map).max()
    assert worst < 0.0006 * row["crop"][2] / 2, "half a step of float16 below 1"
    (tmp_path / "depth.png").write_bytes(samples[f"{row['sample']}.depth.png"])
    depth = decode_depth(tmp_path / "depth.png")
    np.testing.assert_allclose(depth, face.depth_map(crop_size=256), atol=0.01)
    crop = load_image(samples[f"{row['sample']}.crop.jpg"])
    assert crop.shape == (256, 256, 3)
    assert load_image(samples[f"{row['sample']}.texture.jpg"]).shape == (256, 256, 3)


def _samples(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["bytes", "paths", "categories", "structs", "tar", "tgz", "list"])
def test_inputs_of_every_kind(
    photos: Path, model: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(photos.rglob("*.png"), key=lambda path: path.name)
    data = [path.read_bytes() for path in files]
    out, given = tmp_path / "out", [str(tmp_path / "input.parquet"), "--key-column", "name"]
    if kind in ("tar", "tgz"):
        given = [str(tmp_path / f"input.{kind}")]
        with tarfile.open(given[0], "w" if kind == "tar" else "w:gz") as tar:
            for path in files:
                tar.add(path, f"folder/{path.name}")
            tar.add(__file__, "folder/0.cls")
    elif kind == "list":
        (tmp_path / "list").write_text("\n".join(map(str, files)))
        given = [f"@{tmp_path / 'list'}"]
    else:
        every: dict[str, Any] = {
            "bytes": data,
            "paths": (paths := [str(path.relative_to(tmp_path)) for path in files]),
            "categories": pa.array(paths).dictionary_encode(),  # as pandas writes them
            "structs": [
                {"bytes": None, "path": str(path)} if place % 2 else {"bytes": file, "path": "x"}
                for place, (path, file) in enumerate(zip(files, data, strict=True))
            ],
        }
        table = pa.table({"name": [path.name for path in files], "image": every[kind]})
        pq.write_table(table, given[0], row_group_size=2)
    assert _run(*given, "--out", out, "--shard-size", 3, model=model) == 0
    rows = _rows(out)
    assert _good(rows) == EXPECTED
    assert [Path(row["key"]).name for row in rows] == [path.name for path in files]
    assert sum(row["error"] is not None for row in rows) == 1
    assert "failed: 1" in capsys.readouterr().out
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 0


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("gs://lake/0.png", "gs://lake/0.png?retry_limit_seconds=60"),
        ("gs://lake/0.png?scheme=http", "gs://lake/0.png?scheme=http"),
        ("s3://lake/0.png", "s3://lake/0.png"),
    ],
)
def test_addresses_that_do_not_answer_are_errors(
    monkeypatch: pytest.MonkeyPatch, address: str, asked: str
) -> None:
    """Google's are asked for a quarter of an hour where nobody sets a limit."""

    def from_uri(given: str) -> tuple[Any, str]:
        raise OSError(f"asked for {given}")

    monkeypatch.setattr("pyarrow.fs.FileSystem", SimpleNamespace(from_uri=from_uri))
    with pytest.raises(PrnetError) as caught:
        read_address(address)
    assert str(caught.value) == f"{address}: expected a file to read, got: asked for {asked}"


@pytest.mark.skipif(os.name == "nt", reason="pipes have no names there")
def test_of_a_folder_files_alone_are_read(photos: Path, tmp_path: Path) -> None:
    """A pipe would be waited for; links to nothing, or to themselves, are errors, as files that
    cannot be read."""
    os.mkfifo(photos / "pipe.png")
    (photos / "folder.png").mkdir()
    (photos / "broken.png").symlink_to("nowhere.png")
    (photos / "linked.png").symlink_to("0.png")
    (photos / "loop.png").symlink_to("loop.png")
    (tmp_path / "out").mkdir()
    write_plan([str(photos)], tmp_path / "out", shard_size=9)
    planned = (tmp_path / "out" / LISTED).read_text().splitlines()
    names = [json.loads(line)[0] for line in planned]
    links = ["broken.png", "linked.png", "loop.png"]
    assert names == [*(f"{number}.png" for number in range(5)), *links]


def test_keys_are_the_same_on_windows(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose folders end with a backslash."""
    (photos / "0.png").rename(photos / "one\\0.png")
    monkeypatch.setattr(os, "sep", "\\")
    write_plan([str(photos)], tmp_path / "out", shard_size=9)
    listed = (tmp_path / "out" / LISTED).read_text(encoding="ascii").splitlines()
    assert [json.loads(line)[0] for line in listed][-1] == "one/0.png"
    line = json.dumps(["one/0.png", "C:\\photos\\one\\0.png"])
    (tmp_path / "listed").write_text(line, encoding="ascii")
    (item,) = items_of(Part(0, "photos", "listed", 0, 1), tmp_path, Columns())
    assert (item.key, item.source) == ("one/0.png", "C:\\photos")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_that_are_no_text(photos: Path, model: Path, tmp_path: Path) -> None:
    """Of photos, broken ones among them, and of tars."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"a\xe9.png")).write_bytes((photos / "0.png").read_bytes())
    (folder / os.fsdecode(b"b\xe9.png")).write_bytes(b"none")
    with tarfile.open(folder / os.fsdecode(b"c\xe9.tar"), "w") as tar:
        tar.add(photos / "1.png", "1.png")
    assert _run(folder, "--out", tmp_path / "out", model=model) == 0
    rows = _rows(tmp_path / "out")
    assert [row["key"] for row in rows] == ["a\\xe9.png", "b\\xe9.png", "1.png"]
    assert rows[1]["error"].startswith(f"{tmp_path}/caf\\xe9/b\\xe9.png: expected an image")
    assert rows[2]["source"] == f"{tmp_path}/caf\\xe9/c\\xe9.tar"
    assert main(["dataset", "--check", str(tmp_path / "out")]) == 0


def test_films(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from made_film import write_film

    film = write_film(
        tmp_path / "film.mp4", [np.full((64, 64, 3), 9 * i, np.uint8) for i in range(5)]
    )
    assert _run(film, "--out", tmp_path / "out", model=model) == 0
    rows = _rows(tmp_path / "out")
    assert len(rows) == 5
    assert [row["key"] for row in rows] == [f"{frame:06d}" for frame in range(len(rows))]
    assert rows[0]["seconds"] == 0
    assert all(np.diff([row["seconds"] for row in rows]) > 0)


def test_films_need_their_package(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is made: a rerun would not look at them again."""
    monkeypatch.setitem(sys.modules, "av", None)
    (photos / "film.mp4").write_bytes(b"")
    assert _run(photos, "--out", tmp_path / "out", model=model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("prnet dataset: expected the package 'av'")
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("damage", ["cut", "header"])
def test_a_tar_that_breaks_off_is_rows_and_an_error(
    photos: Path, model: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says so, and its status; --check as well."""
    path = tmp_path / "input.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number in (0, 1, 2, 4):
            tar.add(photos / f"{number}.png", f"{number}.png")
    whole = path.read_bytes()
    third = whole.index(b"2.png")
    damaged = {
        "cut": whole[: third + 600],
        "header": whole[:third] + b"\xff" * 512 + whole[third + 512 :],
    }
    path.write_bytes(damaged[damage])
    (tmp_path / "none.tar").write_bytes(b"no tar")
    out = tmp_path / "out"
    assert _run(path, tmp_path / "none.tar", "--out", out, model=model) == 1
    rows = _rows(out)
    assert _good(rows) == [0, 1]
    errors = [row["error"] for row in rows if row["error"]]
    assert len(errors) == 2
    assert all("expected all of it, got" in error for error in errors)
    said = capsys.readouterr().err
    assert said == "".join(f"prnet dataset: {error}\n" for error in errors)
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 1
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("name", ["notes.txt", "9.png"])
def test_a_header_of_a_tar_that_claims_terabytes_is_an_error_at_once(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def no_seek(stream: Any, position: int = 0) -> None:
        assert position - stream.tell() < 2**20, "minutes of reading behind the end"
        seek(stream, position)

    seek = tarfile._Stream.seek  # type: ignore[attr-defined]
    monkeypatch.setattr("tarfile._Stream.seek", no_seek)
    claims = tarfile.TarInfo(name)
    claims.size = 10**13
    path = tmp_path / "input.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(photos / "0.png", "0.png")
        tar.addfile(claims)
    assert _run(path, "--out", tmp_path / "out", model=model) == 1
    rows = _rows(tmp_path / "out")
    assert _good(rows) == [0]
    assert len(rows) == 2
    assert rows[-1]["error"] == f"{path}: expected all of it, got: unexpected end of data"


@pytest.mark.parametrize("packer", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("damage", ["whole", "checksum", "cut", "two"])
def test_packed_tars_are_read_to_their_checksum(
    photos: Path,
    model: Path,
    tmp_path: Path,
    packer: str,
    damage: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was packed in two pieces is read as one."""
    path = tmp_path / f"input.tar.{packer}"
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        for number in (0, 1, 2):
            tar.add(photos / f"{number}.png", f"{number}.png")
    plain = (tmp_path / "plain.tar").read_bytes()
    pack = importlib.import_module({"gz": "gzip", "bz2": "bz2", "xz": "lzma"}[packer]).compress
    whole, place = pack(plain), {"gz": -7, "bz2": -4, "xz": -20}[packer]
    made = {
        "whole": whole,
        "checksum": whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :],
        "cut": whole[:-3],
        "two": pack(plain[:2000]) + pack(plain[2000:]),
    }
    path.write_bytes(made[damage])
    broken = damage in ("checksum", "cut")
    assert _run(path, "--out", tmp_path / "out", model=model) == broken
    rows = _rows(tmp_path / "out")
    errors = [row["error"] for row in rows if row["error"]]
    assert len(errors) == broken
    assert all(error.startswith(f"{path}: expected all of it, got: ") for error in errors)
    capsys.readouterr()
    assert _run(path, "--out", tmp_path / "out", model=model) == broken, "a rerun knows it, too"
    told = capsys.readouterr()
    assert "shards: 0 of 0 (1 made before" in told.out
    assert told.err.splitlines() == [f"prnet dataset: {error}" for error in errors]
    if packer == "gz" or not broken:
        assert _good(rows) == [0, 1, 2]


@pytest.mark.parametrize("named", [True, False])
def test_rows_of_a_damaged_parquet_file_that_can_be_read_are(
    photos: Path,
    model: Path,
    tmp_path: Path,
    named: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those before the damage, and those of the next row group; each other one is counted."""
    monkeypatch.setattr("prnet.bulk.parquet.ROWS_AT_ONCE", 1)
    good = [path for path in sorted(photos.rglob("*.png")) if path.name != "3.png"]
    data = [path.read_bytes() for path in good]
    table = pa.table({"image": data, "name": [f"n{number}" for number in range(6)]})
    path, out = tmp_path / "a.parquet", tmp_path / "out"
    a_page_a_row = {"write_batch_size": 1, "data_page_size": 1, "use_dictionary": False}
    pq.write_table(table, path, row_group_size=4, compression="none", **a_page_a_row)
    whole = path.read_bytes()
    third = whole.index(data[2])
    path.write_bytes(whole[: third - 30] + b"\xff" * 30 + whole[third:])
    given = [path, "--out", out, "--shard-size", 3, *(["--key-column", "name"] * named)]
    assert _run(*given, model=model) == 1
    rows = _rows(out)
    assert _good(rows) == [0, 1, 5, 6]
    keys = ["n0", "n1", "", "", "n4", "n5"] if named else list("012345")
    assert [row["key"] for row in rows] == keys
    said = capsys.readouterr()
    assert "photos: 6, faces: 4, failed: 2 (the column error" in said.out
    lines = said.err.splitlines()
    for row, line in zip((2, 3), lines, strict=True):
        told = f"{path}: expected all of it, got rows {row} to {row} that cannot be read ("
        assert rows[row]["error"].startswith(told)
        assert line.startswith(f"prnet dataset: {told}")
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 1
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.parametrize("kind", ["folder", "list"])
@pytest.mark.parametrize("wrong", ["no parquet", "no column", "gone"])
def test_a_parquet_file_that_cannot_be_read_does_not_stop_the_others(
    photos: Path,
    model: Path,
    tmp_path: Path,
    kind: str,
    wrong: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = tmp_path / "lake", tmp_path / "out"
    folder.mkdir()
    data = [(photos / f"{number}.png").read_bytes() for number in (0, 1)]
    pq.write_table(pa.table({"image": data}), folder / "a.parquet")
    other = folder / "b.parquet"
    if wrong == "no column":
        pq.write_table(pa.table({"picture": data}), other)
    elif wrong == "no parquet":
        other.write_bytes(b"no parquet")
    elif kind == "folder":
        other.symlink_to("nowhere")
    (folder / "list").write_text(f"{folder / 'a.parquet'}\n{other}\n")
    given = folder if kind == "folder" else f"@{folder / 'list'}"
    assert _run(given, "--out", out, model=model) == 1
    rows = _rows(out)
    assert _good(rows) == [0, 1]
    error = rows[-1]["error"]
    assert error.startswith(f"{other}: expected a ")
    assert capsys.readouterr().err == f"prnet dataset: {error}\n"
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 1


@pytest.mark.parametrize(("zeros", "workers"), [(0, 1), (0, 2), (512, 1), (1024, 1)])
def test_a_tar_without_its_end_is_read_with_a_warning(
    photos: Path,
    model: Path,
    tmp_path: Path,
    recwarn: pytest.WarningsRecorder,
    zeros: int,
    workers: int,
) -> None:
    """As WebDataset's writer leaves it when it is not closed; some programs end one with one block
    of zeros, most with two or more."""
    paths = [tmp_path / f"{name}.tar" for name in "ab"]
    for path in paths:
        with path.open("wb") as file:
            tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
            for number in (0, 1, 2):
                tar.add(photos / f"{number}.png", f"{number}.png")
            file.write(bytes(zeros))
    out = tmp_path / "out"
    assert _run(*paths, "--out", out, model=model, workers=workers) == 0
    assert _good(_rows(out)) == [0, 0, 1, 1, 2, 2]
    said = sorted(str(each.message) for each in recwarn)
    assert [told.partition(": ")[0] for told in said] == ([] if zeros else [*map(str, paths)])
    assert all("expected a tar that ends with zeros, got one that ends after" in t for t in said)


def test_two_tars_in_a_row_are_read_with_a_warning(
    photos: Path, model: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """`cat a.tar b.tar`: readers of tars stop at the first one's end."""
    for number in (0, 1):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as tar:
            tar.add(photos / f"{number}.png", f"{number}.png")
    both = tmp_path / "both.tar"
    both.write_bytes(b"".join((tmp_path / f"{number}.tar").read_bytes() for number in (0, 1)))
    assert _run(tmp_path / "0.tar", both, "--out", tmp_path / "out", model=model) == 0
    assert _good(_rows(tmp_path / "out")) == [0, 0]
    (said,) = (str(each.message) for each in recwarn)
    assert said == f"{both}: expected nothing behind the tar's end, got more, left out"


def test_links_in_a_tar_are_errors(photos: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "input.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(photos / "0.png", "0.png")
        for name, kind in (("1.png", tarfile.LNKTYPE), ("2.png", tarfile.SYMTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "0.png"
            tar.addfile(link)
        tar.add(photos / "4.png", "4.png")
    assert _run(path, "--out", tmp_path / "out", model=model) == 0
    rows = _rows(tmp_path / "out")
    assert _good(rows) == [0, 4]
    assert [row["error"] for row in rows[1:3]] == [
        f"{path}, {name}: expected a file, got a link to 0.png" for name in ("1.png", "2.png")
    ]


def test_hidden_files_in_a_tar_are_left_out(photos: Path, tmp_path: Path) -> None:
    """As in a folder; macOS packs a ``._0.png`` of its own beside each photo."""
    path = tmp_path / "input.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("._0.png", "./0.png", ".d/1.png", ".d/._1.png"):
            tar.add(photos / "0.png", name)
    items = items_of(Part(0, "tar", str(path)), tmp_path, Columns())
    assert [item.key for item in items] == ["./0.png", ".d/1.png"]


def test_a_closed_subfolder_is_named(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = photos / "deep" / "closed"
    closed.mkdir(parents=True)
    seen = os.scandir

    def scandir(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return seen(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PrnetError) as told:
        write_plan([str(photos)], tmp_path, shard_size=9, recursive=True)
    assert str(told.value) == f"{closed}: expected a folder to read, got: Permission denied"


def test_a_file_in_a_tar_that_is_too_large_is_not_read(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prnet.bulk.items.LARGEST", (photos / "0.png").stat().st_size)
    path = tmp_path / "input.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(photos / "0.png", "0.png")
        large = tarfile.TarInfo("large.png")
        large.size = 1000
        tar.addfile(large, io.BytesIO(bytes(large.size)))
    assert _run(path, "--out", tmp_path / "out", model=model) == 0
    errors = [row["error"] for row in _rows(tmp_path / "out")]
    assert errors[0] is None
    assert "large.png: expected at most" in errors[1]
    assert len(errors) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rerun_makes_what_is_missing(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    out = tmp_path / "out"
    given = ["dataset", str(photos), "--recursive", "--out", str(out), "--shard-size", "2"]
    given += ["--save", "crops", "--detector", "none", "--model", str(model)]
    given += ["--workers", str(workers)]
    assert main(given) == 0
    whole = contents(out)
    rows_path(out, 1).unlink()
    samples_path(out, 3).write_bytes(b"half")
    rows_path(out, 3).unlink()
    made = rows_path(out, 0).stat().st_mtime_ns
    capsys.readouterr()
    assert main(given) == 0
    assert "shards: 2 of 2 (2 made before" in capsys.readouterr().out
    assert contents(out) == whole
    assert rows_path(out, 0).stat().st_mtime_ns == made
    assert main(given) == 0
    assert "shards: 0 of 0 (4 made before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "damage", "told"),
    [
        (samples_path, lambda path: path.unlink(), "expected it whole, got: No such file"),
        (samples_path, lambda path: os.truncate(path, 600), "expected bytes 10240, got 600"),
        (rows_path, lambda path: os.truncate(path, path.stat().st_size - 9), "expected it whole"),
        (rows_path, lambda path: path.write_bytes(b""), "expected it whole, got: "),
        (
            rows_path,
            lambda path: path.write_bytes(path.with_stem("00000000").read_bytes()),
            "expected number 1, got 0",
        ),
    ],
)
def test_a_rerun_makes_what_is_not_whole(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    place: Callable[[Path, int], Path],
    damage: Callable[[Path], object],
    told: str,
) -> None:
    """By the sizes of its files; that file is named, by --check as well."""
    out = tmp_path / "out"
    given = [photos, "--out", out, "--shard-size", 2, "--save", "crops"]
    assert _run(*given, model=model) == 0
    whole, made = contents(out), rows_path(out, 0).stat().st_mtime_ns
    damage(place(out, 1))
    capsys.readouterr()
    assert main(["dataset", "--check", str(out), "--quick", "--workers", "1"]) == 1
    assert capsys.readouterr().err.startswith(f"prnet dataset: {place(out, 1)}: {told}")
    with pytest.warns(PrnetWarning, match=re.escape(f"{place(out, 1)}: {told}")):
        assert _run(*given, model=model) == 0
    assert "shards: 1 of 1 (2 made before" in capsys.readouterr().out
    assert contents(out) == whole
    assert rows_path(out, 0).stat().st_mtime_ns == made


def test_several_shards_that_are_not_whole_are_a_line(
    photos: Path, model: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    out = tmp_path / "out"
    given = [photos, "--out", out, "--shard-size", 2, "--save", "crops"]
    assert _run(*given, model=model) == 0
    rmtree(out / "samples")
    assert _run(*given, "--part", "2/2", model=model) == 0
    assert finished(out) == {0, 1, 2}
    assert not samples_path(out, 0).exists(), "another machine's"
    assert _run(*given, model=model) == 0
    one, two = (str(each.message) for each in recwarn)
    assert one.endswith("1.tar: expected it whole, got: No such file or directory; made again")
    assert two.endswith("directory (and 1 more); made again")
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 0


def test_interrupted_says_how_to_go_on(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work, out = ShardWork.__call__, tmp_path / "out"

    def interrupted(self: ShardWork, part: Part) -> ShardDone:
        if part.number == 1:
            work(self, list(read_plan(out))[2])  # as another process does
            raise KeyboardInterrupt
        return work(self, part)

    monkeypatch.setattr(ShardWork, "__call__", interrupted)
    assert _run(photos, "--out", out, "--shard-size", 2, model=model) == 130
    said = capsys.readouterr().err
    assert said == "prnet dataset: stopped after 2 of 3 shards; the same command goes on\n"


def test_parts_for_several_machines(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = [photos, "--recursive", "--out", out, "--shard-size", 2]
    assert _run(*given, "--part", "2/2", model=model) == 0
    assert finished(out) == {1, 3}
    assert _run(*given, "--part", "1/2", model=model) == 0
    assert finished(out) == {0, 1, 2, 3}


def test_crops_of_many_photos_at_once_change_nothing(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    found = []
    for batch in (1, 4):
        out = tmp_path / str(batch)
        assert _run(photos, "--recursive", "--out", out, "--batch", batch, model=model) == 0
        found.append(contents(out / "rows"))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--save", "crops"], "save [], got ['crops']"),
        (["--shard-size", "3"], "shard_size 2, got 3"),
        (["--min-presence", "0.9"], "min_presence 0.05, got 0.9"),
        (["--crop-size", "64"], "crop_size 256, got 64"),
        (["--max-pixels", "64"], f"max_pixels {MAX_PIXELS}, got 64"),
    ],
)
def test_other_settings_are_refused(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    told: str,
) -> None:
    given = [photos, "--out", tmp_path / "out", "--shard-size", "2"]
    assert _run(*given, model=model) == 0
    before = contents(tmp_path / "out")
    assert _run(*given, *options, model=model) == 2
    assert told in capsys.readouterr().err
    assert contents(tmp_path / "out") == before
    assert _run(photos / "more", *given[1:], model=model) == 2
    assert "expected the settings of the run that began it, inputs" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["crop_rules.json", "uv_layout.npz"])
def test_other_files_beside_the_network_are_another_network(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    changed = Path(copytree(model, tmp_path / "changed"))
    given = [photos / "0.png", "--out", tmp_path / "out"]
    assert _run(*given, model=changed) == 0
    if name == "crop_rules.json":
        save_crop_rules(changed, {"none": GIVEN_BOX_RULE})
    else:
        make_layout("minimum").save(changed / name)
    assert _run(*given, model=changed) == 2
    assert "expected the settings of the run that began it, network" in capsys.readouterr().err


def test_looking_more_often_is_another_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network's file is the same."""
    Image.new("RGB", (80, 60)).save(tmp_path / "a.png")
    given = ["dataset", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert main(given) == 0
    assert main([*given, "--model", "accurate"]) == 2
    assert "model None, got 'accurate'" in capsys.readouterr().err


def test_wrong_inputs_are_one_line_each(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    pq.write_table(pa.table({"picture": [b"", b""], "n": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [1, 2]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    for given, told in {
        (empty,): "empty: expected a folder with photos, tars, Parquet files or films, got none",
        (tmp_path / "gone.tar",): "gone.tar: expected a tar file, got none of that name",
        (tmp_path / "gone",): "gone: expected a file or a folder, got none of that name",
        (tmp_path / "a.parquet",): "expected a column 'image' (Columns, --image-column), got pic",
        (tmp_path / "b.parquet",): "expected a column 'image' of bytes, paths or both, got int64",
        (tmp_path / "c.parquet",): "c.parquet: expected a Parquet file, got",
        (tmp_path / "photos.zip",): "photos.zip: expected a tar, got another archive (unpack it)",
        (tmp_path / "*.tiff",): "expected a pattern that matches, got no match",
        ("s3://bucket/photos",): "expected a path, got an address",
        (photos, "--out", tmp_path / "other"): "expected an empty folder or that of an earlier run",
    }.items():
        assert _run("--out", tmp_path / "out", *given, model=model) == 2, given
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line
        assert not (tmp_path / "out").exists()
    assert main(["dataset", "--check", str(empty)]) == 2
    assert "expected a folder of prnet dataset, got none" in capsys.readouterr().err
    assert main(["dataset"]) == 2
    assert "expected INPUT and --out DIR, or --check DIR" in capsys.readouterr().err
    assert _run(photos, "--out", tmp_path / "out", "--quick", model=model) == 2
    assert "expected --quick with --check DIR" in capsys.readouterr().err
    for option in ("--cpus-per-worker", "--gpus-per-worker"):
        assert _run(photos, "--out", tmp_path / "out", option, 1, model=model) == 2
        assert "with --engine ray, got processes" in capsys.readouterr().err
        with pytest.raises(SystemExit):
            _run(photos, "--out", tmp_path / "out", option, -1, model=model)
        assert "expected a number above 0, got '-1'" in capsys.readouterr().err
    assert contents(tmp_path / "out") == {}


def test_a_full_disk_leaves_whole_shards(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = [photos, "--out", out, "--shard-size", 3, "--save", "maps"]
    assert _run(*given, model=model) == 0
    rows_path(out, 1).unlink()
    samples_path(out, 1).unlink()
    before = contents(out)
    with full_disk(2**16):
        assert _run(*given, model=model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "00000001.tar: expected a place that can be written, got: " in line
    assert contents(out) == before
    assert _run(*given, model=model) == 0


def test_check_finds_what_is_wrong(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = [photos, "--recursive", "--out", out, "--shard-size", 3, "--save", "crops"]
    assert _run(*given, model=model) == 0
    capsys.readouterr()

    def wrong(*options: str) -> str:
        assert main(["dataset", "--check", str(out), "--workers", "1", *options]) == 1
        said = capsys.readouterr()
        assert "wrong or missing: 1;" in said.out
        (line,) = said.err.splitlines()
        return line

    def damaged(path: Path, data: bytes, *options: str) -> str:
        kept = path.read_bytes()
        path.write_bytes(data)
        said = wrong(*options)
        path.write_bytes(kept)
        return said

    tar, table = samples_path(out, 1), rows_path(out, 0)
    data = tar.read_bytes()
    assert "expected checksum" in damaged(tar, data[:600] + b"\1" + data[601:])
    assert "expected bytes" in damaged(tar, data[:-1], "--quick")
    assert "expected it whole" in damaged(table, table.read_bytes()[:-9])
    other = pq.read_table(table).slice(1)
    about = pq.ParquetFile(table).metadata.metadata
    other = other.replace_schema_metadata({b"prnet": about[b"prnet"]})
    pq.write_table(other, tmp_path / "other.parquet")
    assert "expected items in order" in damaged(table, (tmp_path / "other.parquet").read_bytes())
    table.unlink()
    assert "shard 0: expected it, got none" in wrong()
    assert _run(*given, model=model) == 0
    assert main(["dataset", "--check", str(out)]) == 0
    plan = (out / "plan.jsonl").read_text().splitlines(keepends=True)
    (out / "plan.jsonl").write_text("".join(plan[:-1]))
    capsys.readouterr()
    assert main(["dataset", "--check", str(out)]) == _run(*given, model=model) == 2
    assert capsys.readouterr().err.count("plan.jsonl: expected it as the first run wrote it") == 2


@pytest.mark.parametrize("damage", ["shard", "line", "end", "gone", "more", "middle"])
def test_a_list_of_photos_that_is_cut_off_or_changed_is_refused(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    out, listed = tmp_path / "out", tmp_path / "out" / LISTED
    given = [photos, "--out", out, "--shard-size", 2]
    assert _run(*given, model=model) == 0
    rows_path(out, 0).unlink()
    whole = listed.read_bytes()
    first = whole.index(b"\n") + 1
    damaged = {"shard": whole[:first], "line": whole[:-first], "end": whole[:-1]}
    damaged["middle"] = whole.replace(b"1.png", b"7.png")
    if damage == "gone":
        listed.unlink()
    else:
        listed.write_bytes(damaged.get(damage, whole + whole[:first]))
    before = contents(out)
    capsys.readouterr()
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 2
    assert _run(*given, model=model) == 2
    lines = capsys.readouterr().err.splitlines()
    told = "plan, got: No such file" if damage == "gone" else "it as the first run wrote it, got"
    assert len(lines) == 2
    assert all(f"{listed}: expected " in line and told in line for line in lines)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("list", "has, too: {folder}/0.png"),
        ("pattern", "has, too: {folder}/1.png"),
        ("tar", "has, too: {tmp}/a.tar/0.png and 2 more"),
        ("keys", "has, too: {tmp}/a.parquet/x"),
        ("shard", "expected every photo once, got twice: {tmp}/b.tar/0.png"),
    ],
)
def test_check_finds_photos_that_are_there_twice(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    told: str,
) -> None:
    files = [photos / f"{number}.png" for number in (0, 1, 2)]
    (tmp_path / "list").write_text("\n".join(map(str, [*files, files[0]])))
    (tmp_path / "tars").write_text(f"{tmp_path}/./a.tar")
    for name, given in (("a.tar", files), ("b.tar", [*files, files[0]])):
        with tarfile.open(tmp_path / name, "w") as tar:
            for path in given:
                tar.add(path, path.name)
    data = [path.read_bytes() for path in files]
    pq.write_table(pa.table({"image": data, "key": ["x", "y", "x"]}), tmp_path / "a.parquet")
    inputs: dict[str, list[object]] = {
        "list": [f"@{tmp_path / 'list'}"],
        "pattern": [files[1], files[0], photos / "[1].png"],
        "tar": [tmp_path / "a.tar", f"@{tmp_path / 'tars'}"],
        "keys": [tmp_path / "a.parquet", "--key-column", "key"],
        "shard": [tmp_path / "b.tar"],
    }
    out = tmp_path / "out"
    assert _run(*inputs[kind], "--out", out, "--shard-size", 2, model=model) == 0
    capsys.readouterr()
    workers = "2" if kind == "list" else "1"
    assert main(["dataset", "--check", str(out), "--quick", "--workers", workers]) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.endswith(told.format(folder=photos, tmp=tmp_path))
    assert "wrong or missing: 1;" in said.out


def test_an_input_that_is_given_twice_is_read_once(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(photos / "0.png", "0.png")
    given = [photos, tmp_path / "a.tar", f"{photos}{os.sep}", photos, tmp_path / "a.tar"]
    assert _run(*given, "--out", out, model=model) == 0
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 0


@pytest.mark.parametrize("recursive", [False, True])
def test_what_a_given_folder_holds_is_read_once(tmp_path: Path, recursive: bool) -> None:
    names = ["a.jpg", ".b.jpg", "sub/c.jpg", "sub/.hidden/d.jpg", "out/e.jpg", "notes.dat"]
    for name in names:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    (tmp_path / "set/link").symlink_to("sub", target_is_directory=True)
    (tmp_path / "list.txt").write_text(f"{tmp_path}/set/a.jpg\n{tmp_path}/set/gone.jpg\n")
    folders = [f"{tmp_path}/set/sub", f"{tmp_path}/set"]
    files = [f"{tmp_path}/set/{name}" for name in [*names, "link/c.jpg"]]
    given = [f"@{tmp_path}/list.txt", *files, *folders, f"{tmp_path}/set/*.jpg"]
    write_plan(given, tmp_path / "set/out", shard_size=99, recursive=recursive)
    lines = (tmp_path / "set/out" / LISTED).read_text().splitlines()
    listed = [json.loads(line)[1] for line in lines]
    assert sorted(listed) == sorted([*files, f"{tmp_path}/set/gone.jpg"])


def test_rows_without_a_key_are_called_by_their_numbers(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    data = [(photos / f"{number}.png").read_bytes() for number in (0, 1, 2, 4)]
    table = pa.table({"image": data, "key": [None, "x", "y", None]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    given = [tmp_path / "a.parquet", "--key-column", "key", "--shard-size", 2]
    assert _run(*given, "--out", tmp_path / "out", model=model) == 0
    assert [row["key"] for row in _rows(tmp_path / "out")] == ["0", "x", "y", "3"]
    assert main(["dataset", "--check", str(tmp_path / "out"), "--workers", "1"]) == 0


def test_photos_of_one_name_in_two_folders_differ(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    copytree(photos, tmp_path / "copies")
    (photos / "3.png").unlink()
    out = tmp_path / "out"
    assert _run(photos, tmp_path / "copies", "--out", out, "--shard-size", 2, model=model) == 0
    assert main(["dataset", "--check", str(out), "--workers", "1"]) == 0
    names = [(row["source"], row["key"]) for row in _rows(out)]
    assert names[0] == (str(photos), "0.png")
    assert names[-1] == (str(tmp_path / "copies"), "4.png")


def test_packed_maps_know_turned_crops() -> None:
    from dataclasses import replace

    from standins import make_face

    from prnet.bulk.rows import pack_map

    face = make_face()
    face = replace(face, crop=replace(face.crop, roll=40.0))
    crop: NDArray[np.float64] = np.array(
        [face.crop.centre_x, face.crop.centre_y, face.crop.side, 40.0]
    )
    found = unpack_map(pack_map(face), crop)
    assert np.abs(found - face.position_map).max() < 0.0006 * face.crop.side / 2


def test_another_file_of_the_detector_is_another_setting(model: Path, tmp_path: Path) -> None:
    file, reconstruct = tmp_path / "yunet.onnx", Reconstructor(model, detector="none")
    parser = ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["photos", "--detector", "yunet", "--detector-model", str(file)])
    told = []
    for data in (b"one", b"one", b"another"):
        file.write_bytes(data)
        told.append(_finding(args, reconstruct))
    assert told[0] == told[1] != told[2]


def test_a_detector_folder_is_known_by_its_networks(tmp_path: Path) -> None:
    names = "detector.onnx", "detector_refine.onnx"
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    alone = digest_of(tmp_path / names[0])
    first = digest_of(tmp_path)
    (tmp_path / "log.jsonl").write_text("another line")
    assert digest_of(tmp_path) == first != alone
    (tmp_path / names[1]).write_bytes(b"learned more")
    assert digest_of(tmp_path) != first
