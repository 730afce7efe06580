"""Names and folders of results."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from prnet.errors import PrnetError, reason_of

_NO_TEXT = re.compile("[\ud800-\udfff]")
"""How Python keeps bytes of names that are no text (and Windows, halves of characters)."""

_SCHEME = re.compile("[a-z][a-z0-9+.-]+:/")
"""What addresses begin with; a drive of Windows has one letter."""

_FACE_NUMBER = re.compile(r"_(0|[1-9][0-9]*)$")


def output_names(paths: Sequence[Path], endings: Collection[str]) -> list[str]:
    """One name for each photo's results, so that no two results of any photos and faces are
    called alike, also where case or the composition of accents are ignored.

    ``endings``: what may follow a name, whether it is written this time or not, so that names
    do not change with it. The name is the photo's stem; where stems clash (a.jpg and a.png;
    a.jpg, whose pose is a_pose.json, and a_pose.jpg) with the suffix (a_jpg, a_png), then with a
    number. Bytes of a stem that are no text become _, as few programs open such files.
    """
    tails = _tails(endings)
    stems = [_NO_TEXT.sub("_", path.stem) for path in paths]
    times = Counter(map(folded_name, stems))
    taken: set[str] = set()
    shorter_than_taken: set[str] = set()
    names = []
    for path, stem in zip(paths, stems, strict=True):
        shorter = _shorter_names(folded_name(stem), tails)
        clash = times[folded_name(stem)] > 1 or any(name in times for name in shorter)
        suffix = path.suffix[1:].lower() if clash else ""
        for name in _numbered(f"{stem}_{suffix}" if suffix else stem):
            folded = folded_name(name)
            shorter = _shorter_names(folded, tails)
            if not ({folded, *shorter} & taken or folded in shorter_than_taken):
                break
        taken.add(folded)
        shorter_than_taken |= shorter
        names.append(name)
    return names


def _numbered(name: str) -> Iterator[str]:
    """a, a-2, a-3 ..."""
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _tails(endings: Collection[str]) -> set[str]:
    """What one ending has before another: _pose of _pose.json and .json; "" too."""
    return {
        long.removesuffix(short) for long in endings for short in endings if long.endswith(short)
    }


def _shorter_names(name: str, tails: Collection[str]) -> set[str]:
    """Names with a result that is called as one of ``name`` is: with the tail _pose, a for
    a_pose; for the numbers of faces, a for a_1; both, a for a_1_pose."""
    heads = {name.removesuffix(tail) for tail in tails}
    return {short for head in heads for short in (head, without_face_number(head))} - {name}


def folded_name(name: str) -> str:
    """Equal for names that some file system takes for one: Unicode's canonical caseless match."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def composed(name: str) -> str:
    """Equal for names whose accents alone are composed in another way, as macOS does."""
    return unicodedata.normalize("NFC", name)


def face_names(name: str, faces: int) -> list[str]:
    """NAME for one face, NAME_0, NAME_1 ... for several."""
    return [name] if faces == 1 else [f"{name}_{i}" for i in range(faces)]


def without_face_number(name: str) -> str:
    return _FACE_NUMBER.sub("", name)


def is_whole(path: Path, since: int) -> bool:
    """Whether a result is there, not empty, and not from before ``since`` (nanoseconds)."""
    try:
        state = path.stat()
    except OSError:
        return False
    return state.st_size > 0 and state.st_mtime_ns >= since


@contextmanager
def without_empty_folders(paths: Iterable[Path]) -> Iterator[None]:
    """After the block, ``paths`` and the folders above are not there where they were not before and
    nothing is in them."""
    new = [each for path in paths for each in (path, *path.parents) if not os.path.exists(each)]
    try:
        yield
    finally:
        for path in new:
            with suppress(OSError):  # something is in it, or it was not made
                path.rmdir()


def make_folder(path: Path) -> Path:
    """The folder for results, made when missing; PrnetError when nothing can be written there."""
    if _SCHEME.match(path.as_posix()) and not path.exists():  # Path makes one of two slashes
        raise PrnetError(f"{path}: expected a folder for the results, got an address (mount it)")
    if path.exists() and not path.is_dir():
        raise PrnetError(f"{path}: expected a folder for the results, got a file")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrnetError(
            f"{path}: expected a folder for the results, got: {reason_of(error)}"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PrnetError(f"{path}: expected a folder that can be written, got one that cannot")
    return path
