"""The photos of a part, one after another; what cannot be read is one of them, with its error."""

from __future__ import annotations

import importlib
import json
import os
import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from numpy.typing import NDArray

from prnet.bulk.parquet import count_rows, read_rows
from prnet.bulk.plan import Columns, Part
from prnet.errors import BrokenInputError, PrnetError, PrnetWarning, in_words, reason_of
from prnet.files.inputs import IMAGE_SUFFIXES
from prnet.video.frames import read_frames

if TYPE_CHECKING:
    from typing_extensions import Self

LARGEST: Final = 2**29
"""Bytes of a file in a tar."""
PACKERS: Final = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"}
"""What tars that are packed begin with -> the module that unpacks them."""
AT_ONCE: Final = 2**16
"""Bytes that are read of what is passed over."""


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
        broken = BrokenInputError(f"{part.source}: expected all of it, got: {said}")
        yield Item("", part.source, BrokenInputError(said) if part.source in said else broken)


def _photos(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    with (folder / part.source).open("rb") as file:
        file.seek(part.first)
        for _ in range(part.count or 0):
            key, path = json.loads(file.readline())
            source = path.removesuffix(os.sep + key.replace("/", os.sep))
            yield Item(key, "" if source == path else source, path)


def _tar(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    """Files of a tar that are pictures by their names, as they come: nothing is searched for."""
    seen = 0
    with (
        _unpacked(part.source) as stream,
        tarfile.open(part.source, "r|", fileobj=stream, tarinfo=_Member) as tar,
    ):
        for member in _members(tar):
            link = member.islnk() or member.issym()
            hidden = member.name.rpartition("/")[2].startswith(".")
            picture = member.name.lower().endswith(IMAGE_SUFFIXES) and not hidden
            if not ((link or member.isfile()) and picture):
                continue
            name = as_text(member.name)
            where = f"{part.source}, {name}"
            seen += 1
            if link:
                other = as_text(member.linkname)
                wrong = PrnetError(f"{where}: expected a file, got a link to {other}")
                yield Item(name, part.source, wrong)
                continue
            if member.size > LARGEST:
                _go_on(tar)
                wrong = PrnetError(f"{where}: expected at most {LARGEST} bytes, got {member.size}")
                yield Item(name, part.source, wrong)
                continue
            file = tar.extractfile(member)
            yield Item(name, part.source, b"" if file is None else file.read())
        if _more(tar):
            _warn(f"{part.source}: expected nothing behind the tar's end, got more, left out")
    if not seen:
        raise PrnetError(f"{part.source}: expected a tar with pictures, got none in it")


def _unpacked(path: str) -> IO[bytes]:
    """By the modules that look at checksums: `tarfile` itself reads gzip without."""
    with open(path, "rb") as file:
        beginning = file.read(max(map(len, PACKERS)))
    for signature, module in PACKERS.items():
        if beginning.startswith(signature):
            opened: IO[bytes] = importlib.import_module(module).open(path)
            return opened
    return open(path, "rb")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Those of a tar that is a stream."""
    for member in tar:
        yield member
        _go_on(tar)


def _go_on(tar: tarfile.TarFile) -> None:
    """To the next member. `tarfile` itself reads on behind a file's end, for minutes where a
    damaged header claims a size of terabytes."""
    stream = tar.fileobj
    while stream is not None and (left := tar.offset - stream.tell()) > 0:
        if not stream.read(min(left, AT_ONCE)):
            raise tarfile.ReadError("unexpected end of data")


def _more(tar: tarfile.TarFile) -> bool:
    """Whether there is more than zeros behind a tar's end; read to the end of what is packed, where
    its checksum is."""
    stream, more = tar.fileobj, False
    while stream is not None and (data := stream.read(AT_ONCE)):
        more = more or bool(data.strip(b"\0"))
    return more


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
    names = part.source, columns.image, columns.key
    count = count_rows(*names) if part.count is None else part.count
    for number, key, image in read_rows(*names, part.first, count):
        unnamed = columns.key is not None and isinstance(image, PrnetError)
        name = "" if unnamed else str(number) if key is None else as_text(key)
        nothing = PrnetError(f"{part.source}, {name}: expected an image, got an empty value")
        yield Item(name, part.source, nothing if image is None else image)


def _film(part: Part, folder: Path, columns: Columns) -> Iterator[Item]:
    for number, frame in enumerate(read_frames(part.source)):
        yield Item(f"{number:06d}", part.source, frame.image, frame.seconds)


def as_text(name: str) -> str:
    """A name that Parquet can hold: bytes of it that are no text become signs that say so."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
