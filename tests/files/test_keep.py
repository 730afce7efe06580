"""Nothing is written over a file that was given, whatever name leads to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from prnet.errors import PrnetError
from prnet.files.atomic import write_bytes
from prnet.files.keep import keep_files


def _itself(photo: Path) -> Path:
    return photo


def _link(photo: Path) -> Path:
    link = photo.with_name("link.jpg")
    link.symlink_to(photo)
    return link


def _hard_link(photo: Path) -> Path:
    link = photo.with_name("hard.jpg")
    link.hardlink_to(photo)
    return link


def _through_a_linked_folder(photo: Path) -> Path:
    folder = photo.parent.with_name("folder")
    folder.symlink_to(photo.parent)
    return folder / photo.name


def _roundabout(photo: Path) -> Path:
    return photo.parent / ".." / photo.parent.name / photo.name


@pytest.mark.parametrize(
    "other", [_itself, _link, _hard_link, _through_a_linked_folder, _roundabout]
)
def test_by_any_name(tmp_path: Path, other: Callable[[Path], Path]) -> None:
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "a.jpg"
    photo.write_bytes(b"photo")
    target = other(photo)
    with keep_files([photo, None, tmp_path / "gone.jpg"]):
        with pytest.raises(PrnetError, match="expected a place for a result, got one of the"):
            write_bytes(target, b"result")
        write_bytes(tmp_path / "gone.jpg", b"result")
    assert photo.read_bytes() == b"photo"
    write_bytes(photo, b"new")  # once the block is left, it is a file as others
    assert target.read_bytes() in (b"new", b"photo")


def test_blocks_in_blocks_and_in_threads(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"photo")
    refused = []

    def write() -> None:
        try:
            write_bytes(photo, b"result")
        except PrnetError as error:
            refused.append(error)

    with keep_files([photo]):
        with keep_files([photo]):
            pass
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert photo.read_bytes() == b"photo"


def test_names_that_no_system_has(tmp_path: Path) -> None:
    with keep_files(["nul\0byte", "x" * 5000, os.fspath(tmp_path)]):
        write_bytes(tmp_path / "a", b"")
