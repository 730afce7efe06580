"""Writing files whole or not at all.

Who writes a temporary file holds a lock on it, so that the next run into the folder can tell a
killed run's leavings from what another process is writing.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from prnet.errors import FullDiskError, PrnetError, reason_of
from prnet.files.keep import check_replaceable

try:
    import fcntl
except ModuleNotFoundError:  # Windows, which lets nobody remove a file that is open
    fcntl = None  # type: ignore[assignment]

_PREFIX: Final = ".prnet-"
_TEMPORARY: Final = re.compile(r"\.prnet-[0-9a-f]{12}(\..*)?", re.DOTALL)
_FOLDER: Final = ".folder"
"""After the name of the lock that is held for a temporary folder."""
_LONGEST_SUFFIX: Final = 32
PATIENCE: Final = (0.01, 0.05, 0.2, 0.7)
"""Seconds to wait in, one after another, where a file cannot be replaced yet."""

_cleared: set[str] = set()
"""Folders without a killed run's leavings: each is looked through once a process."""


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Write ``path`` whole or not at all.

    Yields a temporary path with the same suffix in the same folder (made when missing). The
    block writes there; the file then takes its real name, or is removed when the block raised.
    A file that is replaced keeps its mode, a link stays a link to the file that is replaced.
    The block should write through Python's own files: encoders that write by themselves may not
    notice that the disk is full (encode in memory, see :func:`write_bytes`).
    Raises PrnetError, naming ``path``, when the system refuses to write, and rather than write
    over one of the files of :func:`prnet.files.keep.keep_files`.
    """
    check_replaceable(path)
    with _refusals(path):
        target = Path(os.path.realpath(path))
        mode = _mode_of(target, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target.parent)
        held, temporary = _held_file(target)
        try:
            yield temporary
            if fcntl is None:
                held.close()
            elif mode is not None:
                temporary.chmod(mode)
            _replace(temporary, target)
        finally:
            held.close()
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def write_folder_atomically(path: str | Path) -> Iterator[Path]:
    """Make the folder ``path``, which is new or empty, whole or not at all, as
    :func:`write_atomically` does."""
    with _refusals(path):
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target.parent)
        held, lock = _held_file(target)
        temporary = lock.with_name(lock.name + _FOLDER)
        try:
            temporary.mkdir()
            try:
                yield temporary
            except PrnetError as error:  # names a file that nobody asked for
                raise PrnetError(str(error).replace(str(temporary), str(path))) from error
            if target.exists():
                target.rmdir()
            _replace(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            held.close()
            with suppress(OSError):
                lock.unlink(missing_ok=True)


@contextmanager
def all_or_none(*paths: Path) -> Iterator[None]:
    """Files that are of use together: where the block raises, those that are new are removed."""
    new = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` as the file ``path``, as :func:`write_atomically` does."""
    with write_atomically(path) as temporary:
        temporary.write_bytes(data)


def append_line(path: str | Path, line: str) -> None:
    """Add a line to a text file, or leave the file as it was. Raises PrnetError."""
    data, path = (line + "\n").encode(), Path(path)
    with _refusals(path), path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            written = file.write(data)
            if written < len(data):  # the disk is full: the rest raises the reason
                file.write(data[written:])
        except OSError:
            file.truncate(before)
            file.close()
            if not before:
                path.unlink()
            raise


def _replace(temporary: Path, target: Path) -> None:
    """On Windows, others who look at a file for a moment (scanners for viruses, indexers) keep it
    from being replaced so long."""
    waits: tuple[float, ...] = PATIENCE if fcntl is None else ()
    for wait in waits:
        try:
            os.replace(temporary, target)
            return
        except PermissionError:
            time.sleep(wait)
    os.replace(temporary, target)


@contextmanager
def _refusals(path: str | Path) -> Iterator[None]:
    """Errors of the system -> PrnetError."""
    try:
        yield
    except OSError as error:
        kind = FullDiskError if error.errno in (errno.ENOSPC, errno.EDQUOT) else PrnetError
        raise kind(
            f"{path}: expected a place that can be written, got: {reason_of(error)}"
        ) from error


def _mode_of(target: Path, path: str | Path) -> int | None:
    """Permissions of the file that is replaced; None where there is none."""
    try:
        state = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a device or pipe"
        raise PrnetError(f"{path}: expected a file to write, got {kind}")
    return stat.S_IMODE(state.st_mode)


def _held_file(target: Path) -> tuple[IO[bytes], Path]:
    """A new empty file beside ``target``, open and locked."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= _LONGEST_SUFFIX else ""
    while True:
        path = target.with_name(f"{_PREFIX}{secrets.token_hex(6)}{suffix}")
        file = path.open("xb")
        if fcntl is not None:
            with suppress(OSError):  # file systems without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():  # nobody cleared it away before the lock was there
            return file, path
        file.close()


def is_temporary(name: str) -> bool:
    """Whether a file of this name is on its way to another, or left by a killed run."""
    return _TEMPORARY.fullmatch(name) is not None


def _clear(folder: Path) -> None:
    """Remove what killed runs left in ``folder``."""
    if str(folder) in _cleared:
        return
    _cleared.add(str(folder))
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_temporary(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_abandoned(Path(entry.path))


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError), path.open("rb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
    if fcntl is None:
        _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
        shutil.rmtree(path.with_name(path.name + _FOLDER), ignore_errors=True)
