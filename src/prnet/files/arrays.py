"""Arrays in and out: the one reader and the one writer of ``.npz`` and ``.npy`` files.

A reader says what it expects as `Array`s by name; what comes back is that and nothing else, so
that nobody behind it has to look again. A file is believed no more than its size allows: a header
that claims more than is there, or a zip file that unpacks to a multiple of itself, is refused
before memory is asked for.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of, shortened
from prnet.files.atomic import write_atomically, write_bytes
from prnet.files.zips import checked_zip, open_member

Arrays = dict[str, NDArray[Any]]
"""By the names in the file."""

Size = int | str

LARGEST: Final = 1e9
"""No position, coefficient or camera that the package reads is beyond; squares fit into float32."""

_KINDS: Final = {np.bool_: "b", np.integer: "biu", np.floating: "biuf", np.str_: "U"}
"""What may stand in the file for each type; numbers of any width, text as text."""
_LARGEST_CODE_POINT: Final = 0x10FFFF


@dataclass(frozen=True)
class Array:
    """What an array of a file has to be.

    dtype: what it becomes: a NumPy type, or np.floating or np.integer for the file's own width.
    shape: sizes, or letters that stand for one size throughout the file.  below: integers are
    0..below - 1, and below may be such a letter.  optional: may be missing.  gaps: NaN may stand
    where nothing is known.
    """

    dtype: type[np.generic]
    shape: tuple[Size, ...] = ()
    below: Size | None = None
    optional: bool = False
    gaps: bool = False


class _Unfit(Exception):
    """What was got instead."""


def read_arrays(path: str | Path, wanted: Mapping[str, Array], what: str) -> Arrays:
    """The arrays ``wanted`` of an ``.npz``; ``what`` the file is, in messages.

    Raises PrnetError for files that cannot be read, are damaged or do not hold what is wanted.
    """
    with _refusals(path, what):
        raw = _read_npz(Path(path), wanted)
        missing = [name for name in wanted if name not in raw and not wanted[name].optional]
        if missing:
            raise _Unfit(f"no array {', '.join(missing)}")
        sizes: dict[str, int] = {}
        fitted = {name: _fitted(name, raw[name], wanted[name], sizes) for name in raw}
        for name, array in fitted.items():
            _check_below(name, array, wanted[name].below, sizes)
    return fitted


def array_names(path: str | Path) -> set[str]:
    """What the arrays of an ``.npz`` are called; PrnetError for other and for damaged files."""
    with _refusals(path, "arrays (.npz)"), checked_zip(path) as archive:
        names = archive.namelist()
    return {name.removesuffix(".npy") for name in names}


def read_array(path: str | Path, wanted: Array, what: str) -> NDArray[Any]:
    """The array of an ``.npy``, as :func:`read_arrays`."""
    with _refusals(path, what), Path(path).open("rb") as file:
        return _fitted("array", _read_npy(file, os.fstat(file.fileno()).st_size), wanted, {})


def map_array(path: str | Path, wanted: Array, what: str) -> NDArray[Any]:
    """The array of an ``.npy``, left on the disk until it is looked at. Only its type and shape
    are checked."""
    with _refusals(path, what):
        with Path(path).open("rb") as file:
            header = _read_header(file, os.fstat(file.fileno()).st_size)
        if header.dtype != wanted.dtype:
            raise _Unfit(f"{header.dtype}, not {np.dtype(wanted.dtype)}")
        _check_shape("array", header.shape, wanted.shape, {})
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def npy_bytes(array: NDArray[Any]) -> bytes:
    """The bytes of an ``.npy``."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz_bytes(arrays: Mapping[str, Any], *, compressed: bool = True) -> bytes:
    """The bytes of an ``.npz`` of named arrays."""
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def write_arrays(path: str | Path, arrays: Mapping[str, Any], *, compressed: bool = True) -> None:
    """An ``.npz`` of named arrays, whole or not at all."""
    write_bytes(path, npz_bytes(arrays, compressed=compressed))


def write_array(path: str | Path, array: NDArray[Any]) -> None:
    """An ``.npy``, whole or not at all."""
    with new_array(path, array.shape, array.dtype) as file:
        file.write(np.ascontiguousarray(array).data)


@contextmanager
def new_array(
    path: str | Path, shape: tuple[int, ...], dtype: np.dtype[Any] | type[np.generic]
) -> Iterator[IO[bytes]]:
    """An ``.npy`` to write row after row (C order), whole or not at all. Room for all of it is
    taken at once, where the system can: a full disk is said before the work."""
    kind = np.dtype(dtype)
    header = {"descr": kind.str, "fortran_order": False, "shape": shape}
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        size = file.tell() + math.prod(shape) * kind.itemsize
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        yield file
        if file.tell() != size:
            raise ValueError(f"expected {size} bytes of {path}, got {file.tell()}")


@contextmanager
def _refusals(path: str | Path, what: str) -> Iterator[None]:
    expected = f"{path}: expected {what}"
    try:
        yield
    except FileNotFoundError as error:
        raise PrnetError(f"{expected}, got no such file") from error
    except _Unfit as error:
        raise PrnetError(f"{expected}, got {shortened(error)}") from error
    except Exception as error:  # damaged files raise anything in zipfile, zlib and NumPy
        raise PrnetError(f"{expected}, got a damaged file: {reason_of(error)}") from error


def _read_npz(path: Path, wanted: Mapping[str, Array]) -> Arrays:
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            raise _Unfit("a file that is no .npz")
    arrays = {}
    with checked_zip(path) as archive:
        for name in set(archive.namelist()) & {f"{name}.npy" for name in wanted}:
            with open_member(archive, name) as stream:
                arrays[name[:-4]] = _read_npy(stream, archive.getinfo(name).file_size)
    return {name: arrays[name] for name in wanted if name in arrays}


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


def _read_header(stream: IO[bytes], size: int) -> _Header:
    """Shape, whether columns come first, type; checked against the file's ``size`` in bytes."""
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise _Unfit("arrays of records")
    header = _Header(*readers[version](stream))
    if header.dtype.kind not in "biufU":
        raise _Unfit(f"an array of {header.dtype}")
    if min(header.shape, default=0) < 0:
        raise _Unfit(f"an array of shape {header.shape}")
    claimed = math.prod(header.shape) * header.dtype.itemsize
    if claimed > size - stream.tell():
        raise _Unfit(f"{size} bytes for an array of {header.shape} {header.dtype} (cut short?)")
    return header


def _read_npy(stream: IO[bytes], size: int) -> NDArray[Any]:
    shape, fortran_order, dtype = _read_header(stream, size)
    data = bytearray(math.prod(shape) * dtype.itemsize)
    if stream.readinto(data) < len(data):  # type: ignore[attr-defined]
        raise _Unfit(f"an array of {shape} that is cut short")
    stream.read(1)  # the zip file's checksum is looked at where the member ends
    array = np.frombuffer(data, dtype) if data else np.zeros(0, dtype)
    native = array.astype(dtype.newbyteorder("="), copy=False)
    return native.reshape(shape, order="F" if fortran_order else "C")


def _fitted(name: str, array: NDArray[Any], wanted: Array, sizes: dict[str, int]) -> NDArray[Any]:
    """``array`` as it is wanted; ``sizes``: of the letters met so far, those of this array too."""
    kind = next(kind for kind in _KINDS if issubclass(wanted.dtype, kind))
    if array.dtype.kind not in _KINDS[kind]:
        raise _Unfit(f"{name} of {array.dtype}")
    _check_shape(name, array.shape, wanted.shape, sizes)
    if kind is np.str_:
        if array.size and np.frombuffer(array.tobytes(), np.uint32).max() > _LARGEST_CODE_POINT:
            raise _Unfit(f"{name} of broken text")
        return array
    with np.errstate(over="ignore"):
        fitted = array if wanted.dtype is kind else array.astype(wanted.dtype, copy=False)
    if fitted.dtype.kind == "f":
        largest = min(LARGEST, float(np.finfo(fitted.dtype).max))
        fits = (np.abs(fitted) <= largest) | (np.isnan(fitted) if wanted.gaps else False)
    else:
        fits = fitted == array
    if not fits.all():
        raise _Unfit(f"{name} with numbers that are none or too large")
    return fitted


def _check_shape(
    name: str, shape: tuple[int, ...], wanted: tuple[Size, ...], sizes: dict[str, int]
) -> None:
    fits = len(shape) == len(wanted) and all(
        got == (sizes.setdefault(size, got) if isinstance(size, str) else size)
        for got, size in zip(shape, wanted, strict=True)
    )
    if not fits:
        known = ", ".join(str(sizes.get(str(size), size)) for size in wanted)
        raise _Unfit(f"{name} of shape {shape} for ({known})")


def _check_below(
    name: str, array: NDArray[Any], below: Size | None, sizes: Mapping[str, int]
) -> None:
    if below is None or not array.size:
        return
    limit = sizes[below] if isinstance(below, str) else below
    if array.min() < 0 or array.max() >= limit:
        raise _Unfit(f"{name} with {array.min()}..{array.max()}, not 0..{limit - 1}")
