"""Finding input files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from prnet.errors import PrnetError

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib"),
    *(".tif", ".tiff", ".gif", ".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""What counts as an image when a folder is given, in lower case."""


def expand_inputs(arguments: Iterable[str | Path]) -> list[Path]:
    """Files, folders and glob patterns -> files, in the order given, each once.

    A folder stands for the images in it (not in its subfolders), sorted by name; a pattern for
    the files it matches, sorted, as shells that leave patterns alone (Windows) need it; ``**``
    crosses folders. A name that does not exist is kept: reading it reports it, and the other
    files go on. Raises PrnetError for a folder without images and a pattern without matches.
    """
    unique: dict[str, Path] = {}
    for argument in arguments:
        for path in _expand(Path(argument)):
            unique.setdefault(os.path.abspath(path), path)
    return list(unique.values())


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        images = [file for file in path.iterdir() if _is_image(file)]
        if not images:
            raise PrnetError(f"{path}: expected a folder with images, got none in it")
        return sorted(images, key=lambda file: (file.name.lower(), file.name))
    if glob.has_magic(str(path)) and not path.exists():
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]
        files = sorted(match for match in matches if match.is_file())
        if not files:
            raise PrnetError(f"{path}: expected a pattern that matches files, got no match")
        return files
    return [path]


def _is_image(file: Path) -> bool:
    visible = not file.name.startswith(".")
    return visible and file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()
