"""A part of the plan -> a shard: a Parquet file of rows and, where samples are wanted, a tar. The
Parquet file is written last: with it, the shard is there."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.bulk.batches import reconstruct_many
from prnet.bulk.items import Item, items_of
from prnet.bulk.parquet import import_pyarrow, read_address
from prnet.bulk.plan import Columns, Part
from prnet.bulk.rows import SampleOptions, rows_of, samples_of, schema
from prnet.errors import BrokenInputError, PrnetError
from prnet.face import Face
from prnet.files.atomic import write_atomically
from prnet.files.image import load_image
from prnet.reconstruct import Reconstructor

IN_A_FOLDER: Final = 1000
"""Shards."""
ROWS_AT_ONCE: Final = 2048
"""Rows that wait in memory."""
REPEATED: Final = ["source", "error"]
"""Columns whose values come again: of the others, numbers above all, a dictionary takes a third
more time, and a third more place in small shards."""
ABOUT: Final = b"prnet"
"""The key of what a Parquet file of ours tells of itself."""


class ShardDone(NamedTuple):
    """What a shard holds; ``broken``: what its input could not give; ``lost``: why it could not be
    made."""

    number: int
    items: int = 0
    faces: int = 0
    failed: int = 0
    broken: Sequence[str] = ()
    lost: str | None = None


def rows_path(out: Path, number: int) -> Path:
    return out / "rows" / f"{number // IN_A_FOLDER:05d}" / f"{number:08d}.parquet"


def samples_path(out: Path, number: int) -> Path:
    return out / "samples" / f"{number // IN_A_FOLDER:05d}" / f"{number:08d}.tar"


def finished(out: Path) -> set[int]:
    """Numbers of the shards that are there."""
    numbers: set[int] = set()
    rows = out / "rows"
    for folder in rows.iterdir() if rows.is_dir() else ():
        if not folder.is_dir():
            continue
        with os.scandir(folder) as files:
            numbers.update(
                int(file.name[:8]) for file in files if re.fullmatch(r"\d{8}\.parquet", file.name)
            )
    return numbers


@dataclass(frozen=True)
class ShardWork:
    """Part -> its shard, written; can be sent to other processes.

    ``settings``: what tells these shards from others (the manifest's digest). ``batch``: crops of a
    call of the network, at least, from as many photos as it takes; 1: each photo's own.
    """

    reconstruct: Reconstructor
    out: Path
    columns: Columns
    samples: SampleOptions
    settings: str
    batch: int = 1

    def __call__(self, part: Part) -> ShardDone:
        with ExitStack() as stack:
            table = stack.enter_context(RowsFile(rows_path(self.out, part.number)))
            tar = None
            if self.samples.kinds:
                tar = stack.enter_context(SamplesFile(samples_path(self.out, part.number)))
            items = faces = failed = 0
            broken: dict[str, None] = {}
            inputs = items_of(part, self.out, self.columns)
            results = reconstructed(self.reconstruct, inputs, batch=self.batch)
            for number, (photo, found) in enumerate(results):
                sample = f"{part.number:08d}-{number:06d}"
                if tar is not None and not isinstance(found, Exception):
                    found = self._add_samples(tar, sample, found)
                named = sample if tar is not None else None
                table.add(rows_of(photo.item, number, photo.size, found, sample=named))
                items += 1
                faces += 0 if isinstance(found, Exception) else len(found)
                failed += isinstance(found, Exception)
                if isinstance(found, BrokenInputError):
                    broken[str(found)] = None
            if tar is not None:
                tar.close()
            done = ShardDone(part.number, items, faces, failed, list(broken))
            table.about = {
                "settings": self.settings,
                "part": asdict(part),
                **done._asdict(),
                "samples": None if tar is None else {"bytes": tar.size, "crc32": tar.crc},
            }
        return done

    def _add_samples(
        self, tar: SamplesFile, sample: str, faces: list[Face]
    ) -> list[Face] | Exception:
        """The files of all faces of a photo, or of none."""
        try:
            files = [
                (f"{sample}-{place}.{ending}", data)
                for place, face in enumerate(faces)
                for ending, data in samples_of(face, self.samples).items()
            ]
        except Exception as error:
            return error
        for name, data in files:
            tar.add(name, data)
        return faces


class Photo:
    """An item, and the width and height of its image, known when it is loaded."""

    def __init__(self, item: Item, max_pixels: int) -> None:
        self.item, self._max_pixels = item, max_pixels
        self.size: tuple[int, int] | None = None

    def load(self) -> NDArray[np.uint8]:
        """(H, W, 3); raises PrnetError."""
        image = self.item.image
        if isinstance(image, PrnetError):
            raise image
        if isinstance(image, str) and "://" in image:
            image = read_address(image)
        loaded = load_image(image, max_pixels=self._max_pixels)
        self.size = loaded.shape[1], loaded.shape[0]
        return loaded


def reconstructed(
    reconstruct: Reconstructor, items: Iterable[Item], *, batch: int = 1
) -> Iterator[tuple[Photo, list[Face] | Exception]]:
    """Each photo, and its faces or what was wrong with it. ``batch``: as of ShardWork."""
    photos = (Photo(item, reconstruct.max_pixels) for item in items)
    if batch == 1:
        for photo in photos:
            try:
                found: list[Face] | Exception = reconstruct(photo.load())
            except Exception as error:  # whatever it is, the other photos go on
                found = error
            yield photo, found
        return
    under_way: deque[Photo] = deque()

    def noted() -> Iterator[Photo]:
        for photo in photos:
            under_way.append(photo)
            yield photo

    for found in reconstruct_many(reconstruct, noted(), batch=batch, load=Photo.load):
        yield under_way.popleft(), found


class RowsFile:
    """A Parquet file, written whole or not at all; ``about``: what it tells of itself."""

    def __init__(self, path: Path) -> None:
        self._path, self._rows = path, list[dict[str, Any]]()
        self.about: dict[str, Any] = {}

    def __enter__(self) -> RowsFile:
        self._pa, self._stack = import_pyarrow(), ExitStack()
        self._sink = self._stack.enter_context(_sink(self._path))
        self._schema = schema()
        self._writer = self._pa.parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=REPEATED
        )
        return self

    def add(self, rows: list[dict[str, Any]]) -> None:
        self._rows += rows
        if len(self._rows) >= ROWS_AT_ONCE:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(self._pa.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()

    def __exit__(self, *failure: Any) -> None:
        if failure[0] is not None:
            self._give_up()
            self._stack.__exit__(*failure)
            return
        with self._stack:
            try:
                self._write()
                self._writer.add_key_value_metadata({ABOUT: json.dumps(self.about).encode()})
                self._writer.close()
            except BaseException:
                self._give_up()
                raise

    def _give_up(self) -> None:
        """Else the writer tries to end its file when it is taken down."""
        self._sink.given_up = True
        self._writer.close()


class SamplesFile:
    """A tar, written whole or not at all, the same for the same members; its ``size`` and ``crc``
    are known when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> SamplesFile:
        self._stack = ExitStack()
        self._sink = self._stack.enter_context(_sink(self._path))
        self._tar = tarfile.open(fileobj=self._sink, mode="w|", format=tarfile.USTAR_FORMAT)
        return self

    def add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def close(self) -> None:
        self._tar.close()
        self.size, self.crc = self._sink.tell(), self._sink.crc

    def __exit__(self, *failure: Any) -> None:
        self._stack.__exit__(*failure)


class _Sink(io.RawIOBase):
    """A file that knows its size and checksum, and that takes anything when it is given up."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size, self.crc, self.given_up = file, 0, 0, False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        data = bytes(data)
        if not self.given_up:
            self._file.write(data)
        self._size, self.crc = self._size + len(data), zlib.crc32(data, self.crc)
        return len(data)


@contextmanager
def _sink(path: Path) -> Iterator[_Sink]:
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        sink = _Sink(file)
        try:
            yield sink
        except BaseException:
            sink.given_up = True
            raise
