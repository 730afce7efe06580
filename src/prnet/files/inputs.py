"""Finding input files."""

from __future__ import annotations

import codecs
import glob
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from prnet.errors import PrnetError, PrnetWarning, reason_of
from prnet.files.decode import check_no_url, is_picture
from prnet.files.text import UTF_16

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


STANDARD_INPUT = Path("/dev/stdin")
_CHUNK = 2**16
"""Bytes of a list that are read at once."""


class Found(NamedTuple):
    """A file, and where below the folder that was given it lies (``.`` for files given)."""

    path: Path
    below: Path


def read_lists(arguments: Iterable[str]) -> Iterator[str]:
    """The arguments, those that are lists replaced by their lines: ``@FILE`` (where no file has
    that whole name), and ``-``, a list on standard input; a picture there stays ``-``. Lines end
    with a line feed, or with a zero as ``find -print0`` writes them; they are read as they are
    needed, those in UTF-16, as PowerShell writes it, at once. Raises PrnetError, for lists without
    a line as well."""
    for argument in arguments:
        if argument == "-":
            yield from _some(_standard_input(), "- (standard input)")
        elif _is_list(argument):
            try:
                with open(argument[1:], "rb") as stream:
                    yield from _some(_lines(stream, stream.read(_CHUNK)), argument)
            except OSError as error:
                raise PrnetError(
                    f"{argument[1:]}: expected a list of files, got: {reason_of(error)}"
                ) from error
        else:
            yield argument


def list_files(arguments: Iterable[str]) -> list[Path]:
    """The files of the lists among the arguments."""
    return [Path(argument[1:]) for argument in arguments if _is_list(argument)]


def _is_list(argument: str) -> bool:
    return argument.startswith("@") and not os.path.lexists(argument)


def _some(lines: Iterator[str], name: str) -> Iterator[str]:
    empty = True
    for line in lines:
        empty = False
        yield line
    if empty:
        raise PrnetError(f"expected at least one path in {name}, got an empty list")


def _standard_input() -> Iterator[str]:
    """The lines of a list; ``-`` for a picture, which can then be read from its start."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise PrnetError("expected a list of files on standard input, got none")
    head = stream.read(_CHUNK)
    if head.startswith(UTF_16) or not is_picture(head):
        yield from _lines(stream, head)
        return
    with tempfile.TemporaryFile() as file:
        file.write(head + stream.read())
        file.seek(0)
        os.dup2(file.fileno(), stream.fileno())
    yield "-"


def _lines(stream: IO[bytes], head: bytes) -> Iterator[str]:
    """Of a stream whose beginning was read already."""
    if head.startswith(UTF_16):
        head = (head + stream.read()).decode("utf-16", "replace").encode()
    head = head.removeprefix(codecs.BOM_UTF8)  # as editors on Windows write it
    end, rest = b"\0" if b"\0" in head else b"\n", b""
    while head:
        *lines, rest = (rest + head).split(end)
        yield from (_decoded(line.rstrip(b"\r")) for line in lines if line.strip())
        head = stream.read(_CHUNK)
    if rest.strip():
        yield _decoded(rest.rstrip(b"\r"))


def _decoded(line: bytes) -> str:
    try:
        return os.fsdecode(line)
    except UnicodeDecodeError as error:  # Windows alone, whose names are never bytes
        shown = line.decode("ascii", "backslashreplace")
        raise PrnetError(
            f"expected a list of files in UTF-8, got a line of bytes: {shown}"
        ) from error


def expand_inputs(
    arguments: Iterable[str | Path], *, recursive: bool = False, results: Path | None = None
) -> list[Path]:
    """:func:`find_inputs`, the paths alone."""
    return [found.path for found in find_inputs(arguments, recursive=recursive, results=results)]


def find_inputs(
    arguments: Iterable[str | Path], *, recursive: bool = False, results: Path | None = None
) -> list[Found]:
    """Files, folders and glob patterns -> files, in the order given, each once.

    A folder stands for the images in it, sorted by name, with ``recursive`` for those in its
    subfolders, too, but for the folder ``results``; a pattern for the files it matches, sorted, as
    shells that leave patterns alone (Windows) need it; ``**`` crosses folders; ``-`` is standard
    input. A name that does not exist is kept: reading it reports it, and the other files go on.
    What a folder holds beside is named in a PrnetWarning. Raises PrnetError for a folder without
    images, a pattern without matches and a URL.
    """
    unique: dict[str, Found] = {}
    for argument in arguments:
        folder = Path(argument)
        for path in _expand(str(argument), recursive, results):
            inside = path != folder and path.is_relative_to(folder)
            below = path.parent.relative_to(folder) if inside else Path()
            unique.setdefault(os.path.abspath(path), Found(path, below))
    return list(unique.values())


def _expand(argument: str, recursive: bool, results: Path | None) -> list[Path]:
    path = Path(argument)
    check_no_url(argument)
    if argument == "-":
        if not STANDARD_INPUT.exists():
            raise PrnetError("expected files, got - (this system cannot read pictures from there)")
        return [STANDARD_INPUT]
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
        within = [folder, *_folders_in(folder, results)] if recursive else [folder]
        files = [file for each in within for file in _files_in(each)]
    except OSError as error:
        unread = error.filename or folder
        raise PrnetError(f"{unread}: expected a folder to read, got: {error.strerror}") from error
    images = [file for file in files if _is_image(file)]
    below = not recursive and _has_images(_folders_in(folder, results))
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
    return inside and _has_images([results])


def _has_images(folders: Iterable[Path]) -> bool:
    """As far as they can be read: hints never fail."""
    try:
        return any(_is_image(file) for folder in folders for file in _files_in(folder))
    except OSError:
        return False


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
