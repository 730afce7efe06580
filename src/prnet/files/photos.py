"""Labelled photos, from folders or from zip files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.image import load_image


class PhotoStore:
    """Photos by the names that the labels use, below a folder or inside its zip files."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise PrnetError(f"{folder}: expected a folder of photos or of zip files of photos")
        self._archives: dict[str, zipfile.ZipFile] = {}
        for path in sorted(self._folder.glob("*.zip")):
            archive = zipfile.ZipFile(path)
            self._archives.update(dict.fromkeys(archive.namelist(), archive))

    def __contains__(self, name: str) -> bool:
        return name in self._archives or (self._folder / name).is_file()

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        """The photo (H, W, 3) uint8 RGB."""
        if name in self._archives:
            return load_image(self._archives[name].read(name))
        return load_image(self._folder / name)


def person_of(name: str) -> str | None:
    """The person that a file name like ``news/Ada_Lovelace_0003.jpg`` carries, else None."""
    match = re.fullmatch(r"(?:news|ytf)/(.+?)_\d+\.\w+", name)
    return match.group(1) if match else None


def is_held_out(name: str) -> bool:
    """Whether a photo is kept for validation: a fifth of the persons with a name (all their photos,
    whatever the source), and a twentieth of the others."""
    person = person_of(name)
    return _hash(name) % 20 == 0 if person is None else _hash(person) % 5 == 0


def held_out_names(names: Sequence[str]) -> NDArray[np.bool_]:
    """`is_held_out` of every name, or one in ten where that would be nobody."""
    chosen = np.array([is_held_out(name) for name in names])
    if not chosen.any():
        order = np.argsort([float(_hash(name)) for name in names])
        chosen[order[: max(1, len(names) // 10)]] = True
    return chosen


def _hash(text: str) -> int:
    return int(md5(text.encode()).hexdigest(), 16)
