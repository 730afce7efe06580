"""The photos of a part, one after another; what cannot be read is one of them, with its error."""

from __future__ import annotations

import json
import os
import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from numpy.typing import NDArray

from prnet.bulk.parquet import read_rows
from prnet.bulk.plan import Columns, Part
from prnet.errors import PrnetError, PrnetWarning, in_words, reason_of
from prnet.files.inputs import IMAGE_SUFFIXES
from prnet.video.frames import read_frames

if TYPE_CHECKING:
    from typing_extensions import Self

LARGEST: Final = 2**29
"""Bytes of a file in a tar."""
BEHIND: Final = 2**16
"""Bytes behind a tar's end in which a second tar would begin: ends are filled up to 10 kB."""


class Item(NamedTuple):
    """A photo: ``image`` a path, a file's bytes or an array, or what was wrong with it. ``key``
    names it within ``source``, the file or folder that it is of; ``seconds``: of a film's frame."""

    key: str
    source: str
    image: str | bytes | NDArray[Any] | PrnetError
    seconds: float | None = None


def items_of(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    """Those of a part of the plan in ``folder``. Nothing that an input holds raises."""
    read = {"photos": _photos, "tar": _tar, "parquet": _parquet, "film": _film}[part.kind]
    try:
        yield from read(part, folder, columns)
    except Exception as error:  # readers raise anything on damaged files
        said = in_words(error) if isinstance(error, PrnetError) else reason_of(error)
        message = said if part.source in said else f"{part.source}: expected all of it, got: {said}"
        yield Item("", part.source, PrnetError(message))


def _photos(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    with (folder / part.source).open("rb") as file:
        file.seek(part.first)
        for _ in range(part.count or 0):
            key, path = json.loads(file.readline())
            source = path.removesuffix(os.sep + key)
            yield Item(as_text(key), "" if source == path else as_text(source), path)


def _tar(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    """Files of a tar that are pictures by their names, as they come: nothing is searched for."""
    seen = 0
    with tarfile.open(part.source, "r|*", tarinfo=_Member) as tar:
        for member in _members(tar):
            link = member.islnk() or member.issym()
            if not ((link or member.isfile()) and member.name.lower().endswith(IMAGE_SUFFIXES)):
                continue
            name = as_text(member.name)
            seen += 1
            if link:
                other = as_text(member.linkname)
                told = f"{part.source}, {name}: expected a file, got a link to {other}"
                yield Item(name, part.source, PrnetError(told))
                continue
            if member.size > LARGEST:
                told = f"expected at most {LARGEST} bytes, got {member.size}"
                yield Item(name, part.source, PrnetError(f"{part.source}, {name}: {told}"))
                continue
            stream = tar.extractfile(member)
            yield Item(name, part.source, b"" if stream is None else stream.read())
        if tar.fileobj is not None and tar.fileobj.read(BEHIND).strip(b"\0"):
            _warn(f"{part.source}: expected nothing behind the tar's end, got more, left out")
    if not seen:
        raise PrnetError(f"{part.source}: expected a tar with pictures, got none in it")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Those of a tar that is a stream. `tarfile` itself reads on behind a file's end, for minutes
    where a damaged header claims a size of terabytes."""
    for member in tar:
        yield member
        stream = tar.fileobj
        while stream is not None and (left := tar.offset - stream.tell()) > 0:
            if not stream.read(min(left, BEHIND)):
                raise tarfile.ReadError("unexpected end of data")


class _Member(tarfile.TarInfo):
    """A header of a tar; one that is damaged is told, where `tarfile` ends as if the tar did.

    A tar without its end, which is a block of zeros, is read with a warning, as GNU tar does: it
    may have been cut off between two files, but so end those that a program wrote and did not close
    (WebDataset's ``TarWriter`` without ``with``).
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            kind = type(error).__name__
            if kind == "EmptyHeaderError" and tarfile_.offset > 0:
                _warn(
                    f"{os.fsdecode(tarfile_.name or '')}: expected a tar that ends with zeros, got "
                    f"one that ends after {tarfile_.offset} bytes: it may have been cut off"
                )
            damaged = kind in ("InvalidHeaderError", "TruncatedHeaderError")
            if not damaged or tarfile_.offset == 0:
                raise
            raise tarfile.ReadError(f"damaged header at byte {tarfile_.offset}") from error


def _warn(message: str) -> None:
    warnings.warn(message, PrnetWarning, stacklevel=3)


def _parquet(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    rows = read_rows(part.source, columns.image, columns.key, part.first, part.count or 0)
    for key, image in rows:
        nothing = PrnetError(f"{part.source}, {key}: expected an image, got an empty value")
        yield Item(as_text(key), part.source, nothing if image is None else image)


def _film(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    for number, frame in enumerate(read_frames(part.source)):
        yield Item(f"{number:06d}", part.source, frame.image, frame.seconds)


def as_text(name: str) -> str:
    """A name that Parquet can hold: bytes of it that are no text become signs that say so."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
