"""MATLAB files of matrices, and of structs of matrices.

Read without SciPy, whose reader takes the process down on some damaged files.
Source: MathWorks, "MAT-File Format": level 5 (versions 5 to 7) and level 4.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of
from prnet.files.zips import most_bytes

Matrix = NDArray[Any]
Struct = dict[str, Matrix]

_HEADER: Final = 128
_TYPES: Final = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4"},
    **{6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
"""Table 1-1, the numbers; values may be stored in a smaller type than their class."""
_MATRIX, _COMPRESSED = 14, 15
_STRUCT: Final = 2
_CLASSES: Final = {
    **{6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2"},
    **{11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"},
}
"""Table 1-3, the numeric classes."""
_COMPLEX: Final = 0x08
_TYPES_4: Final = ("f8", "f4", "i4", "i2", "u2", "u1")
_MOST_DIMENSIONS: Final = 8


class _Unfit(Exception):
    """What was got instead."""


def mat_bytes(matrices: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Level-4 MAT file of named matrices (H, W), float64, float32, int32, int16, uint16 or uint8;
    MATLAB, Octave and SciPy read it."""
    parts = []
    for name, matrix in matrices.items():
        label = name.encode("ascii") + b"\0"
        kind = 10 * _TYPES_4.index(matrix.dtype.str[1:])
        parts += [
            struct.pack("<5i", kind, *matrix.shape, 0, len(label)),
            label,
            matrix.astype(matrix.dtype.newbyteorder("<")).tobytes(order="F"),
        ]
    return b"".join(parts)


def read_mat(path: Path, names: Collection[str]) -> dict[str, Matrix]:
    """Those of the variables ``names`` that the file holds: matrices of finite real numbers.

    Raises PrnetError for files that cannot be read, are damaged or no MATLAB files (7.3 is HDF5),
    and for variables of another kind.
    """
    found = _read(path, names)
    for name, value in found.items():
        if isinstance(value, dict):
            raise PrnetError(f"{path}: expected numbers in {name}, got a struct")
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def read_mat_struct(path: Path, name: str) -> Struct:
    """The numeric fields of the struct ``name``, as `read_mat`."""
    found = _read(path, [name]).get(name)
    if not isinstance(found, dict):
        raise PrnetError(f"{path}: expected a struct {name}, got no such variable")
    return found


def _read(path: Path, names: Collection[str]) -> dict[str, Matrix | Struct]:
    try:
        data = path.read_bytes()
        if data[:8] == b"\x89HDF\r\n\x1a\n" or data[:10] == b"MATLAB 7.3":
            raise PrnetError(
                f"{path}: expected a MATLAB file of version 7 or older, got 7.3 (save it with -v7)"
            )
        variables = _level_5 if data[:6] == b"MATLAB" else _level_4
        found = {name: value for name, value in variables(data, names) if name in names}
    except FileNotFoundError as error:
        raise PrnetError(f"{path}: expected a MATLAB file, got no such file") from error
    except OSError as error:
        raise PrnetError(f"{path}: expected a MATLAB file, got: {reason_of(error)}") from error
    except (_Unfit, struct.error, zlib.error, UnicodeDecodeError) as error:
        raise PrnetError(
            f"{path}: expected a MATLAB file, got another or a damaged one: {reason_of(error)}"
        ) from error
    for name, value in found.items():
        parts = value.values() if isinstance(value, dict) else [value]
        if not all(np.isfinite(part).all() for part in parts):
            raise PrnetError(f"{path}: expected finite numbers in {name}, got others")
    return found


def _level_4(data: bytes, names: Collection[str]) -> Iterator[tuple[str, Matrix]]:
    position = 0
    while position < len(data):
        kind, rows, columns, imaginary, length = struct.unpack_from("<5i", data, position)
        position += 20
        stored = kind // 10 % 10
        if not (0 <= kind < 100 and kind % 10 == 0 and stored < len(_TYPES_4)):
            raise _Unfit("no matrix of numbers")
        if min(rows, columns, length) < 0 or imaginary not in (0, 1):
            raise _Unfit(f"a matrix of {rows} x {columns}")
        name = data[position : position + length].rstrip(b"\0").decode("ascii")
        position += length
        dtype = np.dtype(f"<{_TYPES_4[stored]}")
        size = rows * columns * dtype.itemsize
        if position + size * (1 + imaginary) > len(data):
            raise _Unfit("a file that is cut short")
        if name in names:
            if imaginary:
                raise _Unfit(f"complex numbers in {name}")
            values = np.frombuffer(data, dtype, rows * columns, position)
            yield name, values.reshape(rows, columns, order="F").copy()
        position += size * (1 + imaginary)


def _level_5(data: bytes, names: Collection[str]) -> Iterator[tuple[str, Matrix | Struct]]:
    if len(data) < _HEADER:
        raise _Unfit("a file that is cut short")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise _Unfit("a header without its byte order")
    left = most_bytes(len(data))
    position = _HEADER
    while position < len(data):
        kind, content, position = _element(data, position, order)
        if kind == _COMPRESSED:
            unpacked = zlib.decompressobj().decompress(content, left)
            left -= len(unpacked)
            if left <= 0:
                raise _Unfit(f"{len(data)} bytes that unpack to more than {len(unpacked)}")
            kind, content, _ = _element(unpacked, 0, order)
        if kind == _MATRIX:
            named = _matrix(content, order, names)
            if named is not None:
                yield named


def _element(data: bytes, position: int, order: str) -> tuple[int, bytes, int]:
    """Type and content of the element at ``position``, and where the next one begins."""
    kind, size = struct.unpack_from(f"{order}2I", data, position)
    if kind >> 16:  # small: size and type in one word, content in the other
        kind, size = kind & 0xFFFF, kind >> 16
        start, end = position + 4, position + 8
        if size > 4:
            raise _Unfit("a small element that is too large")
    else:
        start = position + 8
        end = start + size + (-size % 8 if kind != _COMPRESSED else 0)
    if start + size > len(data):
        raise _Unfit("a file that is cut short")
    return kind, data[start : start + size], end


def _numbers(data: bytes, position: int, order: str) -> tuple[NDArray[Any], int]:
    kind, content, end = _element(data, position, order)
    if kind not in _TYPES:
        raise _Unfit(f"an element of type {kind} for numbers")
    dtype = np.dtype(order + _TYPES[kind])
    return np.frombuffer(content[: len(content) // dtype.itemsize * dtype.itemsize], dtype), end


def _matrix(
    data: bytes, order: str, names: Collection[str] | None
) -> tuple[str, Matrix | Struct] | None:
    """Name and value of a matrix element; None for names that are not wanted (``names`` None: any)
    and in structs for what is no matrix of real numbers."""
    flags, position = _numbers(data, 0, order)
    shape, position = _numbers(data, position, order)
    if flags.dtype.itemsize != 4 or len(flags) < 1 or not 2 <= len(shape) <= _MOST_DIMENSIONS:
        raise _Unfit("a matrix without type or shape")
    sizes = tuple(int(size) for size in shape)
    if min(sizes) < 0:
        raise _Unfit(f"a matrix of shape {sizes}")
    _, label, position = _element(data, position, order)
    name = label.decode("ascii")
    if names is not None and name not in names:
        return None
    kind, complex_ = int(flags[0]) & 0xFF, int(flags[0]) >> 8 & _COMPLEX
    if kind == _STRUCT and names is not None:
        return name, _struct(data, position, order, math.prod(sizes))
    if kind not in _CLASSES or complex_:
        if names is None:
            return None
        raise _Unfit(f"something else than real numbers in {name}")
    values, _ = _numbers(data, position, order)
    if len(values) != math.prod(sizes):
        raise _Unfit(f"{len(values)} numbers for a matrix of {sizes}")
    with np.errstate(all="ignore"):
        return name, values.astype(_CLASSES[kind]).reshape(sizes, order="F")


def _struct(data: bytes, position: int, order: str, count: int) -> Struct:
    """The fields of a 1 x 1 struct that are matrices of real numbers."""
    length, position = _numbers(data, position, order)
    _, labels, position = _element(data, position, order)
    if count != 1 or len(length) != 1 or int(length[0]) < 1:
        raise _Unfit("a struct of another form")
    step = int(length[0])
    found = {}
    for start in range(0, len(labels), step):
        field = labels[start : start + step].partition(b"\0")[0].decode("ascii")
        _, content, position = _element(data, position, order)
        named = _matrix(content, order, None) if content else None
        if named is not None and isinstance(named[1], np.ndarray):
            found[field] = named[1]
    return found
