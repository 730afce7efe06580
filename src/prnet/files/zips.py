"""Zip files that others made: damaged ones are said, bombs are not unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Final

from prnet.errors import PrnetError, reason_of

ALWAYS_UNPACKED: Final = 2**28
"""Bytes (256 MB) that any file may become: less than what the package needs anyhow."""
HIGHEST_RATIO: Final = 16
"""A larger file may become so many times its size. Deflate reaches 1032, on zeros; positions and
labels 1 to 3."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_zip(path: str | Path) -> zipfile.ZipFile:
    """A zip file whose members all together are of a reasonable size; PrnetError for others."""
    try:
        return checked_zip(path)
    except Exception as error:  # damaged directories raise anything
        raise PrnetError(f"{path}: expected a zip file, got: {reason_of(error)}") from error


def checked_zip(path: str | Path) -> zipfile.ZipFile:
    """As `open_zip`, but damaged files raise anything."""
    archive = zipfile.ZipFile(path)
    size = Path(path).stat().st_size
    packed = sum(member.compress_size for member in archive.infolist())
    unpacked = sum(member.file_size for member in archive.infolist())
    if packed > size or unpacked > most_bytes(size):
        archive.close()
        raise ValueError(f"{packed} bytes that unpack to {unpacked} in a zip file of {size}")
    return archive


def most_bytes(packed: int) -> int:
    """How many bytes a compressed file of ``packed`` bytes may become."""
    return max(ALWAYS_UNPACKED, HIGHEST_RATIO * packed)


def open_member(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    """A member to read from. Damaged ones raise anything, here or when read."""
    info = archive.getinfo(member)
    if info.compress_type not in _METHODS:
        raise ValueError(f"'{member}' is compressed by an unusual method")
    return archive.open(info)


def read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    """The bytes of a member; PrnetError, naming it, when it is damaged."""
    try:
        with open_member(archive, member) as stream:
            return stream.read()
    except Exception as error:  # zipfile and zlib raise anything on damaged files
        raise PrnetError(
            f"{archive.filename}, {member}: expected a whole member of the zip file, got: "
            f"{reason_of(error)}"
        ) from error
