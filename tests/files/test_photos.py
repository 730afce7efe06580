"""Photos by name, from folders and zip files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from prnet.errors import PrnetError
from prnet.files.photos import PhotoStore


def grey(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (4, 4), level).save(stream, "png")
    return stream.getvalue()


def test_a_name_of_two_photos_in_zip_files_is_neither(tmp_path: Path) -> None:
    for name, own in (("a", 10), ("b", 20)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("photos/1.png", grey(own))
            archive.writestr("photos/same.png", grey(30))
    store = PhotoStore(tmp_path)
    assert store["photos/same.png"][0, 0, 0] == 30
    with pytest.raises(PrnetError, match=r"^photos/1\.png: expected one photo of this name, got"):
        store["photos/1.png"]
    stamp = store.stamp("photos/1.png")
    (tmp_path / "b.zip").unlink()
    alone = PhotoStore(tmp_path)
    assert alone["photos/1.png"][0, 0, 0] == 10
    assert alone.stamp("photos/1.png") != stamp


def test_a_name_of_two_photos_in_folders_is_neither(tmp_path: Path) -> None:
    for folder, level in (("a", 10), ("b", 20)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(grey(level))
        (tmp_path / folder / "same.png").write_bytes(grey(30))
    store = PhotoStore(tmp_path / "a", tmp_path / "b")
    assert store["same.png"][0, 0, 0] == 30
    with pytest.raises(
        PrnetError, match=r"^1\.png: expected one photo of this name, got others in"
    ):
        store["1.png"]
    assert PhotoStore(tmp_path / "a")["1.png"][0, 0, 0] == 10
