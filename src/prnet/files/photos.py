"""Labelled photos, from folders or from zip files."""

from __future__ import annotations

import filecmp
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.image import load_image
from prnet.files.zips import open_zip, read_member


class PhotoStore:
    """Photos by the names that the labels use, below folders or inside their zip files."""

    def __init__(self, *folders: str | Path) -> None:
        self._folders = list(dict.fromkeys(map(Path, folders)))
        self._archives: dict[str, zipfile.ZipFile] = {}
        self._in_two: dict[str, str] = {}  # names of two photos in archives: where these are
        for folder in self._folders:
            if not folder.is_dir():
                raise PrnetError(f"{folder}: expected a folder of photos or of zip files of photos")
            for path in sorted(folder.glob("*.zip")):
                self._add(open_zip(path))

    def __contains__(self, name: str) -> bool:
        return name in self._archives or bool(self._files(name))

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        """The photo (H, W, 3) uint8 RGB. Raises PrnetError for missing and damaged ones."""
        if twice := self._twice(name):
            raise PrnetError(f"{name}: expected one photo of this name, got {twice}")
        if name not in self._archives:
            found = self._files(name) or [self._folders[0] / name]
            return load_image(found[0])
        data = read_member(self._archives[name], name)
        try:
            return load_image(data)
        except PrnetError as error:
            raise PrnetError(f"{self._archives[name].filename}, {name}: {error}") from error

    def stamp(self, name: str) -> tuple[str, int, int] | None:
        """What changes with the photo: its place, its size, and its time of change or, inside a zip
        file, its checksum; None where there is no such photo."""
        if twice := self._twice(name):
            return twice, 0, 0
        if name in self._archives:
            archive = self._archives[name]
            member = archive.getinfo(name)
            return str(archive.filename), member.file_size, member.CRC
        found = self._files(name)
        if not found:
            return None
        state = found[0].stat()
        return str(found[0]), state.st_size, state.st_mtime_ns

    def _add(self, archive: zipfile.ZipFile) -> None:
        """Zip files whose members of a name are the same photo may both have it."""
        for member in archive.infolist():
            name = member.filename
            before = self._archives.setdefault(name, archive)
            known = before.getinfo(name)
            same = (known.CRC, known.file_size) == (member.CRC, member.file_size)
            if before is not archive and not same:
                self._in_two[name] = f"others in {before.filename} and {archive.filename}"

    def _files(self, name: str) -> list[Path]:
        return [path for folder in self._folders if (path := folder / name).is_file()]

    def _twice(self, name: str) -> str | None:
        """Where two photos of that name lie that are not the same one."""
        if name in self._archives:
            return self._in_two.get(name)
        found = self._files(name)
        for other in found[1:]:
            if not filecmp.cmp(found[0], other, shallow=False):
                return f"others in {found[0].parent} and {other.parent}"
        return None
