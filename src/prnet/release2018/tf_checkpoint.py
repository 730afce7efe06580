"""Reader of TensorFlow V2 checkpoints ("tensor bundles") without TensorFlow.

``PREFIX.index`` is a LevelDB table from tensor name to protobuf record (type, shape, shard, offset,
size, CRC-32C); ``PREFIX.data-00000-of-00001`` and its fellows are the bare tensors. Sources of the
format: tensorflow/core/protobuf/tensor_bundle.proto, tensor_bundle.cc; leveldb/doc/table_format.md.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of
from prnet.release2018.crc32c import crc32c, masked

_FOOTER_SIZE = 48
_MAGIC = 0xDB4775248B80FB57
_LARGEST_INDEX = 2**26
"""Bytes; the 2018 release's has 23,000."""
_LONGEST_VARINT = 63
_BLOCK_TRAILER = 5  # compression type (1 byte), masked CRC (4 bytes)
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}
"""tensorflow/core/framework/types.proto, the plain numeric ones."""


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies. ``dtype`` is None for types that NumPy has not (strings, bfloat16)."""

    dtype: str | None
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool = False


class Checkpoint(Mapping[str, NDArray[np.generic]]):
    """A checkpoint as a mapping from tensor name to array; each is read, and checked, when asked.

    ``path``: the common prefix, the ``.index``, a ``.data-*`` file, or a folder with one.
    The arrays are read-only views of the mapped file, in TensorFlow's axes. ``skip_checksums``
    reads tensors and index blocks whose CRC-32C does not fit all the same.
    Raises PrnetError for files that are missing, cut short, damaged or of another format.
    """

    def __init__(self, path: str | Path, *, skip_checksums: bool = False) -> None:
        self.prefix = find_prefix(Path(path))
        self.skip_checksums = skip_checksums
        self.shards, self.entries = read_index(
            self.prefix.with_name(self.prefix.name + ".index"), skip_checksums=skip_checksums
        )
        self._maps: dict[int, NDArray[np.uint8]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        entry = self.entries[name]
        if entry.dtype is None or entry.sliced:
            kind = "a sliced one" if entry.sliced else "another type"
            raise PrnetError(f"{self.prefix}: expected {name} as one array of numbers, got {kind}")
        dtype = np.dtype(entry.dtype)
        if entry.size != dtype.itemsize * math.prod(entry.shape):
            raise PrnetError(
                f"{self.prefix}: expected {name} {entry.shape} {dtype}, got {entry.size} bytes"
            )
        data = self._shard(entry.shard)
        octets = data[entry.offset : entry.offset + entry.size]
        if len(octets) < entry.size:
            raise PrnetError(
                f"{self._shard_path(entry.shard)}: expected {name} at byte {entry.offset}, "
                f"got a file of {len(data)} bytes (cut short?)"
            )
        if not self.skip_checksums and masked(crc32c(octets)) != entry.crc:
            raise PrnetError(
                f"{self._shard_path(entry.shard)}: expected the checksum of {name} to fit, got "
                "another one: the file is damaged (skip_checksums, --skip-checksums, reads it all "
                "the same)"
            )
        return octets.view(dtype).reshape(entry.shape)

    def _shard_path(self, shard: int) -> Path:
        return self.prefix.with_name(f"{self.prefix.name}.data-{shard:05d}-of-{self.shards:05d}")

    def _shard(self, shard: int) -> NDArray[np.uint8]:
        if shard not in self._maps:
            path = self._shard_path(shard)
            if not path.is_file():
                raise PrnetError(f"{path}: expected this file beside the index, got none")
            empty = path.stat().st_size == 0
            try:
                mapped = np.zeros(0, np.uint8) if empty else np.memmap(path, np.uint8, mode="r")
            except (OSError, ValueError) as error:
                raise PrnetError(
                    f"{path}: expected a readable file, got: {reason_of(error)}"
                ) from error
            self._maps[shard] = mapped.view(np.ndarray)
        return self._maps[shard]


def find_prefix(path: Path) -> Path:
    """The checkpoint that ``path`` means, without ``.index`` or ``.data-00000-of-00001``."""
    if path.is_dir():
        indices = sorted(path.glob("*.index"))
        if len(indices) != 1:
            raise PrnetError(f"{path}: expected a folder with one .index file, got {len(indices)}")
        path = indices[0]
    name = re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", path.name)
    prefix = path.with_name(name)
    if not prefix.with_name(name + ".index").is_file():
        raise PrnetError(f"{prefix}: expected a TensorFlow checkpoint, got no file {name}.index")
    return prefix


def read_index(path: Path, *, skip_checksums: bool = False) -> tuple[int, dict[str, TensorEntry]]:
    """``.index`` file -> number of shards, and the entry of every tensor by name."""
    try:
        if path.stat().st_size > _LARGEST_INDEX:
            raise _Malformed(f"a file of {path.stat().st_size} bytes")
        data = path.read_bytes()
        records = dict(_table(data, skip_checksums))
        if b"" not in records:
            raise _Malformed("a table without a checkpoint's header")
        header = _message(records.pop(b""))
        if header.get(2, [0])[-1] != 0:
            raise _Malformed("a big-endian one")
        shards = _integer(header.get(1, [1])[-1])
        entries = {key.decode(): _entry(value) for key, value in records.items()}
    except _Malformed as error:
        raise PrnetError(f"{path}: expected a TensorFlow checkpoint index, got {error}") from None
    except OSError as error:
        raise PrnetError(
            f"{path}: expected a TensorFlow checkpoint index, got: {reason_of(error)}"
        ) from error
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise PrnetError(
            f"{path}: expected a TensorFlow checkpoint index, got broken records "
            f"({reason_of(error)})"
        ) from error
    return shards, entries


class _Malformed(Exception):
    """What was got instead of a checkpoint."""


def _table(data: bytes, skip_checksums: bool) -> Iterator[tuple[bytes, bytes]]:
    """Every key and value of a LevelDB table, in order."""
    footer = data[-_FOOTER_SIZE:]
    if len(footer) < _FOOTER_SIZE or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise _Malformed(f"{len(data)} bytes without a table's footer (cut short, or foreign)")
    _, position = _handle(footer, 0)  # the metaindex block, which is empty
    index, _ = _handle(footer, position)
    for _, value in _block(data, index, skip_checksums):
        yield from _block(data, _handle(value, 0)[0], skip_checksums)


def _block(
    data: bytes, handle: tuple[int, int], skip_checksums: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block; each key stores only what differs from the key before."""
    offset, size = handle
    stored = data[offset : offset + size + _BLOCK_TRAILER]
    if len(stored) < size + _BLOCK_TRAILER or size < 4:
        raise _Malformed(f"a block of {size} bytes at {offset} that is not all there")
    block, compression = stored[:size], stored[size]
    if not skip_checksums and masked(crc32c(stored[: size + 1])) != _uint32(stored, size + 1):
        raise _Malformed(
            f"a damaged block at byte {offset} (skip_checksums, --skip-checksums, reads it)"
        )
    if compression:
        raise _Malformed("a compressed table, which TensorFlow does not write")
    restarts = _uint32(block, size - 4)
    end = size - 4 - 4 * restarts
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length
    if position != end:
        raise _Malformed(f"a broken block at byte {offset}")


def _uint32(data: bytes, position: int) -> int:
    return int(struct.unpack_from("<I", data, position)[0])


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A little-endian base-128 number -> its value and the position after it."""
    value = shift = 0
    while True:
        octet = data[position]
        position += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, position
        shift += 7
        if shift > _LONGEST_VARINT:
            raise _Malformed("a record with a number of more than 64 bits")


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """A block handle -> (offset, size) and the position after it."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _message(data: bytes) -> dict[int, list[int | bytes]]:
    """A protobuf message -> field number to its values, nested messages as bytes."""
    fields: dict[int, list[int | bytes]] = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value: int | bytes
        if tag & 7 == 0:
            value, position = _varint(data, position)
        else:
            size = {1: 8, 5: 4}.get(tag & 7)
            if size is None:
                if tag & 7 != 2:
                    raise _Malformed("a record that is not protobuf")
                size, position = _varint(data, position)
            value = data[position : position + size]
            if len(value) < size:
                raise _Malformed("a record that ends too early")
            position += size
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _entry(record: bytes) -> TensorEntry:
    """BundleEntryProto: dtype 1, shape 2, shard 3, offset 4, size 5, crc32c 6, slices 7."""
    fields = _message(record)

    def number(field: int) -> int:
        return _integer(fields.get(field, [0])[-1])

    shape = _message(_bytes(fields.get(2, [b""])[-1]))
    sizes = (_message(_bytes(dimension)) for dimension in shape.get(2, []))
    return TensorEntry(
        dtype=_DTYPES.get(number(1)),
        shape=tuple(_integer(size.get(1, [0])[-1]) for size in sizes),
        shard=number(3),
        offset=number(4),
        size=number(5),
        crc=_uint32(_bytes(fields.get(6, [b"\0" * 4])[-1]), 0),
        sliced=7 in fields,
    )


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _Malformed("a record with a number for a message")
    return value


def _integer(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise _Malformed("a record with a message for a number")
    return value
