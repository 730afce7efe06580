"""``prnet reconstruct`` on many photos: workers, lists, subfolders, and what is done already."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from folders import contents
from PIL import Image

import prnet.commands.reconstruct as command
from prnet.bulk.photos import PhotoResult
from prnet.cli import main
from prnet.formats.save import saved_whole

BOXES = ["--box", "20,10,50,50", "--box", "10,5,30,40"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five photos in three folders; two of them of one name."""
    folder = tmp_path / "photos"
    for place, name in enumerate(["a.png", "b.png", "one/a.png", "one/a.bmp", "two/deep/c.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 60), (40 * place, 0, 0)).save(path)
    return folder


def _run(*arguments: object, model: Path) -> int:
    return main(["reconstruct", *(str(argument) for argument in arguments), "--model", str(model)])


def test_workers_change_nothing(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines, names and bytes; the folders of the photos are those of the results."""
    (photos / "one" / "broken.jpg").write_bytes(b"no picture")
    said = []
    for workers in ("1", "2"):
        given = ["--recursive", "--out", tmp_path / workers, *BOXES, "--save", "csv,ply,overlay"]
        assert _run(photos, *given, "--workers", workers, model=model) == 1
        heard = capsys.readouterr()
        said.append((heard.out.replace(str(tmp_path / workers), "OUT"), heard.err))
    assert said[0] == said[1]
    one, two = contents(tmp_path / "1"), contents(tmp_path / "2")
    assert one == two
    folders = {"", "one", "two/deep"}
    assert {Path(name).parent.as_posix().replace(".", "") for name in one} == folders
    assert "one/a_png_0.ply" in one
    assert "a_0.ply" in one


def test_lists(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of files and folders, in a file and on standard input, as Windows writes them, too."""
    lines = [str(photos / "one"), "", str(photos / "b.png"), str(tmp_path / "gone.png")]
    (tmp_path / "list.txt").write_text("\r\n".join(lines), encoding="utf-8-sig")
    given = ["--out", tmp_path / "out", *BOXES, "--save", "csv", "--json"]
    assert _run(f"@{tmp_path / 'list.txt'}", *given, model=model) == 1
    expected = ["a.bmp", "a.png", "b.png", "gone.png"]
    assert _files(capsys) == expected
    for data in (b"\n".join(map(os.fsencode, lines)), b"\0".join(map(os.fsencode, lines))):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert _run("-", *given, model=model) == 1
        assert _files(capsys) == expected
    # Windows PowerShell's > writes UTF-16; cmd's dir, bytes that are no UTF-8.
    (tmp_path / "list.txt").write_text("\r\n".join(lines), encoding="utf-16")
    assert _run(f"@{tmp_path / 'list.txt'}", *given, model=model) == 1
    assert _files(capsys) == expected
    (tmp_path / "list.txt").write_bytes("照片.jpg".encode("gbk"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsdecode", lambda name: name.decode("utf-8", "surrogatepass"))
        assert _run(f"@{tmp_path / 'list.txt'}", *given, model=model) == 2
    told = "expected a list of files in UTF-8, got a line of bytes: \\xd5\\xd5\\xc6\\xac.jpg"
    assert told in json.loads(capsys.readouterr().out.splitlines()[0])["error"]
    assert _run("@nowhere.txt", photos / "b.png", *given, model=model) == 1
    assert "nowhere.txt: expected a list of files, got" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    (photos / "b.png").rename(tmp_path / "@b.png")
    assert _run("@b.png", *given, model=model) == 0, "a file of that name is no list"


@pytest.mark.parametrize("command", ["reconstruct", "dataset"])
def test_empty_lists_are_said_to_be(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if command == "dataset":
        pytest.importorskip("pyarrow")
    (tmp_path / "empty.txt").write_text("\n \n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    for given, name in ((f"@{tmp_path / 'empty.txt'}", None), ("-", "- (standard input)")):
        assert main([command, given, "--out", str(tmp_path / "out")]) in (1, 2)
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            f"prnet {command}: expected at least one path in {name or given}, got an empty list"
        )
        assert contents(tmp_path / "out") == {}


def test_a_picture_on_standard_input_stays_one(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.dup(0)
    try:
        with (photos / "b.png").open("rb") as stream:
            os.dup2(stream.fileno(), 0)
        monkeypatch.setattr(sys, "stdin", os.fdopen(0, closefd=False))
        given = ["--out", tmp_path / "out", *BOXES, "--save", "csv", "--workers", "2"]
        assert _run("-", *given, model=model) == 0
    finally:
        os.dup2(before, 0)
        os.close(before)
    assert {"stdin_0_landmarks.csv", "stdin_1_landmarks.csv"} == set(contents(tmp_path / "out"))


@pytest.mark.parametrize("faces", [1, 2])
def test_results_beside_their_photos_are_no_photos(
    photos: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    faces: int,
) -> None:
    """In folders; a file that is named is taken, and kept as any photo."""
    given = ["--recursive", "--out", photos, *BOXES[: 2 * faces], "--save", "pose,overlay,normals"]
    shown = []
    for more in ([], [], ["--skip-existing"]):
        assert _run(photos, *given, *more, model=model) == 0
        shown.append(contents(photos))
        assert "photos given: 5," in capsys.readouterr().out
    assert shown[0] == shown[1] == shown[2]
    told = f"{photos}: left out: pictures of earlier results, {5 * (1 + faces)}"
    assert {str(each.message) for each in recwarn} == {told}
    elsewhere = ["--recursive", "--out", photos.parent / "out", *BOXES, "--save", "csv"]
    assert _run(photos, *elsewhere, model=model) == 0
    assert f"photos given: {5 * (2 + faces)}," in capsys.readouterr().out
    assert _run(photos, photos / "b_overlay.jpg", *given, "--json", model=model) == 1
    assert "b_overlay.jpg" in _files(capsys)


def test_pictures_alone_beside_photos_are_warned_of(
    photos: Path, model: Path, recwarn: pytest.WarningsRecorder
) -> None:
    folder = photos / "one"
    for save, warned in (("obj", 0), ("overlay,csv", 0), ("overlay,obj", 1)):
        recwarn.clear()
        assert _run(folder, "--out", folder, *BOXES, "--save", save, model=model) == 0
        assert len(recwarn) == warned
        for path in [*folder.glob("*_overlay.jpg"), *folder.glob("*.csv")]:
            path.unlink()


def _files(capsys: pytest.CaptureFixture[str]) -> list[str]:
    *photos, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return sorted(Path(photo["file"]).name for photo in photos)


@pytest.mark.parametrize("save", ["csv,pose,overlay", "csv,pose", "overlay"])
@pytest.mark.parametrize("faces", [1, 2])
def test_what_is_there_is_not_done_again(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    save: str,
    faces: int,
) -> None:
    out = tmp_path / "out"
    given = [photos / "a.png", "--out", out, *BOXES[: 2 * faces], "--save", save, "--json"]
    given += ["--skip-existing"]

    def status() -> str:
        assert _run(*given, model=model) == 0
        photo, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert last["summary"]["skipped"] == (photo["status"] == "skipped")
        return str(photo["status"])

    assert [status(), status()] == ["ok", "skipped"]
    for path in sorted(out.iterdir()):
        kept = path.read_bytes()
        path.unlink()
        assert status() == "ok", path
        assert path.read_bytes() == kept
        path.write_bytes(b"")
        assert [status(), status()] == ["ok", "skipped"], path
    later = (photos / "a.png").stat().st_mtime + 100
    os.utime(photos / "a.png", (later, later))
    assert status() == "ok", "the photo is newer"


def test_all_files_of_a_kind_count(tmp_path: Path) -> None:
    """A textured OBJ with its material and picture, whose names the formats change."""
    for name in ("a b_textured.obj", "a_b_textured-34e256.mtl", "a_b_textured-34e256.png"):
        assert not saved_whole("a b", tmp_path, save=["obj-texture"], since=0)
        (tmp_path / name).write_text("x")
    assert saved_whole("a b", tmp_path, save=["obj-texture"], since=0)


def test_faces_are_saved_from_the_last_to_the_first(tmp_path: Path) -> None:
    """So that a run killed between two faces is seen: with the first, all are there."""
    for name in ("a_1.csv", "a_0.csv"):
        assert not saved_whole("a", tmp_path, save=["csv"], since=0)
        (tmp_path / name.replace(".csv", "_landmarks.csv")).write_text("x")
    assert saved_whole("a", tmp_path, save=["csv"], since=0)
    assert not saved_whole("a", tmp_path, save=["csv", "overlay"], since=0)


def test_many_photos_are_a_line_of_progress(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "MANY", 3)
    monkeypatch.setattr("prnet.bulk.progress.EVERY_SECONDS", -1.0)
    (photos / "broken.png").write_bytes(b"")
    given = ["--recursive", "--out", tmp_path / "out", *BOXES, "--save", "csv"]
    assert _run(photos, *given, model=model) == 1
    said = capsys.readouterr()
    (last,) = said.out.splitlines()
    assert last.startswith("photos given: 6, faces: 10, without a face: 0, failed: 1; results")
    lines = said.err.splitlines()
    assert sum("broken.png: expected" in line for line in lines) == 1
    assert lines[-1].startswith("6 of 6 photos, ")
    assert lines[-1].endswith("0:00 left; faces: 10, failed: 1")


def test_interrupted_says_how_to_go_on(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def work(self: object, photo: object) -> PhotoResult:
        calls.append(photo)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return PhotoResult("x", "no_face")

    monkeypatch.setattr("prnet.bulk.photos.PhotoWork.__call__", work)
    assert _run(photos, "--recursive", "--out", tmp_path / "out", *BOXES, model=model) == 130
    assert "stopped after 2 of 5 photos; the same command with --skip-existing goes on" in (
        capsys.readouterr().err
    )


def test_wrong_numbers_of_workers(photos: Path, model: Path, tmp_path: Path) -> None:
    for wrong in ("0", "-1", "many"):
        with pytest.raises(SystemExit, match="2"):
            _run(photos, "--out", tmp_path / "out", f"--workers={wrong}", model=model)
    assert not (tmp_path / "out").exists()
