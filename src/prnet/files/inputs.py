"""Finding input files."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from prnet.errors import PrnetError, PrnetWarning

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib"),
    *(".tif", ".tiff", ".gif", ".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    *(".heic", ".heif"),
)
"""What counts as an image when a folder is given, in lower case. HEIC without its reader is a photo
that could not be read, and said to be."""

OTHER_SUFFIXES = (
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".pef", ".jxl", ".psd"),
    *(".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm"),
)
"""Photos and films that no reader here takes: named when they lie in a folder, then left out."""

_NAMED = 5
"""How many names a line holds."""


def expand_inputs(
    arguments: Iterable[str | Path], *, recursive: bool = False, results: Path | None = None
) -> list[Path]:
    """Files, folders and glob patterns -> files, in the order given, each once.

    A folder stands for the images in it, sorted by name, with ``recursive`` for those in its
    subfolders, too, but for the folder ``results``; a pattern for the files it matches, sorted, as
    shells that leave patterns alone (Windows) need it; ``**`` crosses folders; ``-`` is standard
    input. A name that does not exist is kept: reading it reports it, and the other files go on.
    What a folder holds beside is named in a PrnetWarning. Raises PrnetError for a folder without
    images, a pattern without matches and a URL.
    """
    unique: dict[str, Path] = {}
    for argument in arguments:
        for path in _expand(str(argument), recursive, results):
            unique.setdefault(os.path.abspath(path), path)
    return list(unique.values())


def _expand(argument: str, recursive: bool, results: Path | None) -> list[Path]:
    path = Path(argument)
    if "://" in argument:
        raise PrnetError(f"{argument}: expected a file, got a URL (download it first)")
    if argument == "-":
        if not os.path.exists("/dev/stdin"):
            raise PrnetError("expected files, got - (this system cannot read pictures from there)")
        return [Path("/dev/stdin")]
    if path.is_dir():
        return _images_in(path, recursive, results)
    if glob.has_magic(argument) and not path.exists():
        matches = [Path(match) for match in glob.glob(argument, recursive=True)]
        files = sorted(match for match in matches if match.is_file())
        if not files:
            raise PrnetError(f"{path}: expected a pattern that matches files, got no match")
        return files
    return [path]


def _images_in(folder: Path, recursive: bool, results: Path | None) -> list[Path]:
    try:
        folders = _folders_in(folder, results)
        within = [folder, *folders] if recursive else [folder]
        files = [file for each in within for file in _files_in(each)]
        below = not recursive and any(
            _is_image(file) for each in folders for file in _files_in(each)
        )
    except OSError as error:
        raise PrnetError(f"{folder}: expected a folder to read, got: {error.strerror}") from error
    images = [file for file in files if _is_image(file)]
    elsewhere = "its subfolders hold some (prnet reconstruct --recursive)"
    if not images:
        hint = f"; {elsewhere}" if below else ""
        raise PrnetError(f"{folder}: expected a folder with images, got none in it{hint}")
    others = [file.name for file in files if file.suffix.lower() in OTHER_SUFFIXES]
    left = [f"cannot be read: {_listed(others)}"] if others else []
    left += [elsewhere.replace("some", "more")] if below else []
    if recursive and results is not None and _has_images_below(folder, results):
        left.append(f"the images in {results}, where results go")
    if left:
        warnings.warn(f"{folder}: left out: {'; '.join(left)}", PrnetWarning, stacklevel=2)
    return images


def _has_images_below(folder: Path, results: Path) -> bool:
    inside = Path(os.path.realpath(results)).parent.is_relative_to(os.path.realpath(folder))
    return inside and any(map(_is_image, _files_in(results)))


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _folders_in(folder: Path, results: Path | None) -> Iterator[Path]:
    """All folders below, a folder before those in it; not hidden ones, links and ``results``."""
    for path in sorted(folder.iterdir(), key=_by_name):
        visible = path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        if visible and not (results and results.is_dir() and path.samefile(results)):
            yield path
            yield from _folders_in(path, results)


def _files_in(folder: Path) -> list[Path]:
    """Files, and links to nothing, which reading reports."""
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    found = (path for path in files if path.is_file() or _is_broken_link(path))
    return sorted(found, key=_by_name)


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not os.path.exists(path)


def _by_name(path: Path) -> tuple[str, str]:
    return path.name.lower(), path.name


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES
