"""Output files appear whole or not at all; inputs are found as shells and Windows give them."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from prnet.errors import PrnetError, PrnetWarning
from prnet.files.atomic import write_atomically
from prnet.files.inputs import expand_inputs, read_lists


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return [folder / name for name in names]


def write_half(path: Path, error: Exception) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text("half")
        raise error


def test_write_replaces_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "face.obj"
    path.write_text("old")
    with write_atomically(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".obj"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "face.obj"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half(path, ZeroDivisionError())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_makes_the_folder_and_honours_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / ("long" * 50 + ".txt")
    with write_atomically(path) as temporary:
        temporary.write_text("text")
    plain = tmp_path / "plain.txt"
    plain.write_text("text")
    assert path.stat().st_mode == plain.stat().st_mode


def test_write_below_a_file_names_the_path(tmp_path: Path) -> None:
    (file,) = touch(tmp_path, "file")
    path = file / "face.obj"
    with pytest.raises(PrnetError, match="expected a place that can be written") as caught:
        write_half(path, AssertionError("the block must not run"))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_write_over_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="got a folder"), write_atomically(tmp_path):
        pytest.fail("the block must not run")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user whom rights bind"
)
def test_write_into_a_locked_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PrnetError, match="ermission"):
        write_half(tmp_path / "face.obj", AssertionError("the block must not get here"))
    tmp_path.chmod(0o700)


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="No space left"):
        write_half(tmp_path / "face.obj", OSError(28, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_folder_gives_its_images_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.jpeg", "C.png", "notes.txt", "._b.JPG", "d.tiff")
    touch(tmp_path / "deeper.png", "notes.txt")
    assert [path.name for path in expand_inputs([tmp_path])] == [
        "a.jpeg",
        "b.JPG",
        "C.png",
        "d.tiff",
    ]


def test_subfolders_are_read_when_asked_for(tmp_path: Path) -> None:
    touch(tmp_path / "b", "2.png")
    touch(tmp_path / "b" / "a", "1.HEIC")
    touch(tmp_path / ".thumbnails", "3.png")
    (tmp_path / "round").symlink_to(tmp_path)
    with pytest.raises(PrnetError, match=r"got none in it; its subfolders hold some .*--recursive"):
        expand_inputs([tmp_path])
    deep = [tmp_path / "b" / "2.png", tmp_path / "b" / "a" / "1.HEIC"]
    assert expand_inputs([tmp_path], recursive=True) == deep
    (top,) = touch(tmp_path, "z.jpg")
    assert expand_inputs([tmp_path], recursive=True) == [top, *deep]
    with pytest.warns(PrnetWarning, match=r"left out: its subfolders hold more .*--recursive"):
        assert expand_inputs([tmp_path]) == [top]


def test_what_a_folder_holds_beside_is_named(tmp_path: Path) -> None:
    """HEIC is a photo like others, whether or not its reader is there; raw files and films are
    named."""
    touch(tmp_path, "IMG_1.HEIC", "a.jpg", *(f"{i}.MOV" for i in range(6)), "raw.dng", "notes.txt")
    named = r"left out: cannot be read: 0\.MOV, 1\.MOV, 2\.MOV, 3\.MOV, 4\.MOV and 2 more$"
    with pytest.warns(PrnetWarning, match=named):
        found = expand_inputs([tmp_path])
    assert [path.name for path in found] == ["a.jpg", "IMG_1.HEIC"]


def test_addresses_and_streams(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match=r"https://a\.org/b\.jpg: expected a file, got a URL"):
        expand_inputs(["https://a.org/b.jpg"])
    if os.path.exists("/dev/stdin"):
        assert expand_inputs(["-"]) == [Path("/dev/stdin")]


def test_order_of_arguments_is_kept_and_repeats_are_dropped(tmp_path: Path) -> None:
    a, b, c = touch(tmp_path, "a.png", "b.png", "c.png")
    assert expand_inputs([c, tmp_path, tmp_path / "*.png"]) == [c, a, b]


def test_patterns(tmp_path: Path) -> None:
    _, b = touch(tmp_path, "a1.png", "a2.dat")
    (deep,) = touch(tmp_path / "x" / "y", "a2.png")
    assert expand_inputs([str(tmp_path / "a*2.dat")]) == [b]
    assert expand_inputs([str(tmp_path / "**" / "a2.png")]) == [deep]


def test_name_with_brackets_is_a_name_when_it_exists(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "a[1].png")
    assert expand_inputs([path]) == [path]


def test_missing_file_is_left_to_the_reader(tmp_path: Path) -> None:
    missing = tmp_path / "no.png"
    assert expand_inputs([missing]) == [missing]


def test_nothing_matches(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="pattern that matches files, got no match"):
        expand_inputs([tmp_path / "*.jpg"])
    with pytest.raises(PrnetError, match="folder with images, got none"):
        expand_inputs([tmp_path])


def test_results_inside_the_photos_folder_are_no_photos(tmp_path: Path) -> None:
    photos = touch(tmp_path, "a.jpg")
    touch(tmp_path / "results", "a.json")
    touch(tmp_path / "results" / "more", "b.jpg")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "results")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for recursive in (True, False):
            assert expand_inputs([tmp_path], recursive=recursive, results=link) == photos
    touch(tmp_path / "results", "a_overlay.jpg")
    with pytest.warns(PrnetWarning, match="left out: the images in .*link, where results go"):
        assert expand_inputs([tmp_path], recursive=True, results=link) == photos


def test_results_that_are_not_there_yet_or_no_folder(tmp_path: Path) -> None:
    photos = touch(tmp_path, "a.jpg")
    for results in (tmp_path / "labels", *photos):
        assert expand_inputs([tmp_path], recursive=True, results=results) == photos


def test_links_to_nothing_are_kept_so_that_reading_reports_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    for name in ("gone.jpg", "loop.jpg"):
        (tmp_path / name).symlink_to(tmp_path / name if name[0] == "l" else tmp_path / "nowhere")
    names = [path.name for path in expand_inputs([tmp_path])]
    assert names == ["a.jpg", "gone.jpg", "loop.jpg"]


@pytest.mark.parametrize("order", ["le", "be"])
def test_lists_in_utf_16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    """As PowerShell writes them; of \u0101 one byte is 1, which UTF-8 text has not."""
    names = ["\u0101 \u4e2d.jpg", "photos/b.png"]
    data = ("\ufeff" + "\r\n".join([*names, "", ""])).encode(f"utf-16-{order}")
    (tmp_path / "list.txt").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    for given in (f"@{tmp_path / 'list.txt'}", "-"):
        assert list(read_lists([given])) == names


def test_a_closed_subfolder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "deep" / "closed"
    closed.mkdir(parents=True)
    seen = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        if folder == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return seen(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(PrnetError) as told:
        expand_inputs([tmp_path], recursive=True)
    assert str(told.value) == f"{closed}: expected a folder to read, got: Permission denied"
    photos = touch(tmp_path, "a.jpg")
    assert expand_inputs([tmp_path]) == photos, "what is not asked for may be closed"
