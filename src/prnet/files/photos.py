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
        self._twice: dict[str, str] = {}  # names of two photos, and where these are
        for folder in self._folders:
            if not folder.is_dir():
                raise PrnetError(f"{folder}: expected a folder of photos or of zip files of photos")
            for path in sorted(folder.glob("*.zip")):
                self._add(open_zip(path))

    def __contains__(self, name: str) -> bool:
        return name in self._archives or self._file(name) is not None

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        """The photo (H, W, 3) uint8 RGB. Raises PrnetError for missing and damaged ones."""
        path = None if name in self._archives else self._file(name)
        if name in self._twice:
            raise PrnetError(f"{name}: expected one photo of this name, got {self._twice[name]}")
        if name not in self._archives:
            return load_image(path or self._folders[0] / name)
        data = read_member(self._archives[name], name)
        try:
            return load_image(data)
        except PrnetError as error:
            raise PrnetError(f"{self._archives[name].filename}, {name}: {error}") from error

    def _add(self, archive: zipfile.ZipFile) -> None:
        """Zip files whose members of a name are the same photo may both have it."""
        for member in archive.infolist():
            name = member.filename
            before = self._archives.setdefault(name, archive)
            known = before.getinfo(name)
            same = (known.CRC, known.file_size) == (member.CRC, member.file_size)
            if before is not archive and not same:
                self._twice[name] = f"others in {before.filename} and {archive.filename}"

    def stamp(self, name: str) -> tuple[str, int, int] | None:
        """What changes with the photo: its place, its size, and its time of change or, inside a zip
        file, its checksum; None where there is no such photo."""
        path = None if name in self._archives else self._file(name)
        if name in self._twice:
            return self._twice[name], 0, 0
        if name in self._archives:
            archive = self._archives[name]
            member = archive.getinfo(name)
            return str(archive.filename), member.file_size, member.CRC
        if path is None:
            return None
        state = path.stat()
        return str(path), state.st_size, state.st_mtime_ns

    def _file(self, name: str) -> Path | None:
        """The same photo may lie in several folders."""
        paths = [path for folder in self._folders if (path := folder / name).is_file()]
        for other in paths[1:]:
            if not filecmp.cmp(paths[0], other, shallow=False):
                self._twice[name] = f"others in {paths[0].parent} and {other.parent}"
        return paths[0] if paths else None
