"""Files of the user that no result may replace: one guard, which every writer passes."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prnet.errors import PrnetError

_FileId = tuple[int, int]
"""Device and number, as os.path.samefile compares them: the same through links, hard links and
on systems that ignore case."""

_kept: Counter[_FileId] = Counter()
_kept_lock = threading.Lock()


@contextmanager
def keep_files(paths: Iterable[str | Path | None]) -> Iterator[None]:
    """Inside the block, in all threads, nothing is written over the files ``paths``. Those that
    are None or not there are left out."""
    files = [file for path in paths if path is not None and (file := _file_id(path))]
    with _kept_lock:
        _kept.update(files)
    try:
        yield
    finally:
        with _kept_lock:
            _kept.subtract(files)


def kept_files() -> list[_FileId]:
    """The files that are kept now, for :func:`keep_known_files` of another process."""
    with _kept_lock:
        return [file for file, times in _kept.items() if times > 0]


def keep_known_files(files: Iterable[_FileId]) -> None:
    """Keep what :func:`kept_files` said, for as long as this process lives."""
    with _kept_lock:
        _kept.update(files)


def check_replaceable(path: str | Path) -> None:
    """Raises PrnetError when ``path`` is one of the files of :func:`keep_files`, whatever its
    name."""
    file = _file_id(path)
    if file is not None and _kept[file] > 0:
        raise replaces_input(path)


def replaces_input(path: str | Path) -> PrnetError:
    return PrnetError(
        f"{path}: expected a place for a result, got one of the photos or files given"
    )


def _file_id(path: str | Path) -> _FileId | None:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino
