"""Whether a folder of shards is what its manifest says: every photo once, every file whole."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.bulk.manifest import planned, read_manifest
from prnet.bulk.parquet import import_pyarrow
from prnet.bulk.plan import Part
from prnet.bulk.rows import ENDINGS
from prnet.bulk.shards import ABOUT, finished, rows_path, samples_path
from prnet.bulk.workers import spread
from prnet.errors import PrnetError, reason_of


class ShardState(NamedTuple):
    """What is in a shard; ``wrong``: what is not as it should be."""

    number: int
    items: int = 0
    faces: int = 0
    failed: int = 0
    wrong: str | None = None


def check(out: Path, *, quick: bool = False, workers: int = 1) -> Iterator[ShardState]:
    """Every shard of the plan, in order. ``quick``: sizes of tars, not what is in them. Raises
    PrnetError for a folder without manifest or plan."""
    manifest = read_manifest(out)
    kinds = tuple(manifest.settings["save"])
    there = finished(out)
    work = ShardCheck(out, manifest.digest, kinds, quick)
    parts = planned(out, manifest)
    present = (part for part in parts if part.number in there)
    states = spread(work, present, workers=workers, lost=_lost)
    for part in parts:
        if part.number in there:
            yield next(states)
        else:
            yield ShardState(part.number, wrong=f"shard {part.number}: expected it, got none")
    for number in sorted(there - {part.number for part in parts}):
        yield ShardState(number, wrong=f"{rows_path(out, number)}: expected no such shard, got one")


@dataclass(frozen=True)
class ShardCheck:
    """Part -> ShardState; can be sent to other processes."""

    out: Path
    settings: str
    kinds: tuple[str, ...]
    quick: bool

    def __call__(self, part: Part) -> ShardState:
        path = rows_path(self.out, part.number)
        try:
            about, samples = self._rows(path, part)
            if self.kinds:
                self._tar(samples_path(self.out, part.number), about["samples"], samples)
        except Exception as error:  # readers raise anything on damaged files
            said = str(error) if isinstance(error, PrnetError) else reason_of(error)
            if not said.startswith(str(self.out)):
                said = f"{path}: expected it whole, got: {said}"
            return ShardState(part.number, wrong=said)
        return ShardState(part.number, about["items"], about["faces"], about["failed"])

    def _rows(self, path: Path, part: Part) -> tuple[dict[str, Any], list[str]]:
        """What the file tells of itself, after all of it is found to be so, and the samples."""
        pa = import_pyarrow()
        columns = ["item", "faces", "face", *(["sample"] if self.kinds else [])]
        with pa.parquet.ParquetFile(path) as file:
            about = json.loads(file.metadata.metadata[ABOUT])
            table = file.read(columns)
        _expect(path, "settings", self.settings, about["settings"])
        _expect(path, "number", part.number, about["number"])
        item, faces = (table.column(name).to_numpy() for name in ("item", "faces"))
        face = table.column("face").fill_null(0).to_numpy()
        first = np.flatnonzero(np.diff(item, prepend=-1))
        count = np.diff(np.append(first, len(item)))
        counted = np.arange(len(item)) - np.repeat(first, count)
        _expect(path, "items in order", True, _equal(item[first], np.arange(len(first))))
        _expect(path, "a row a face", True, _equal(count, np.maximum(faces[first], 1)))
        _expect(path, "faces in order", True, _equal(face, counted))
        _expect(path, "items", about["items"], len(first))
        _expect(path, "faces", about["faces"], int(faces[first].sum()))
        if part.count is not None and about["items"] != part.count:
            # Of an input that broke off there are fewer, the last with the error.
            _expect(path, "failed", True, about["failed"] > 0)
        samples = table.column("sample").drop_null().to_pylist() if self.kinds else []
        return about, samples

    def _tar(self, path: Path, told: dict[str, int], samples: list[str]) -> None:
        _expect(path, "bytes", told["bytes"], path.stat().st_size)
        if self.quick:
            return
        crc = 0
        with path.open("rb") as file:
            while data := file.read(2**20):
                crc = zlib.crc32(data, crc)
        _expect(path, "checksum", told["crc32"], crc)
        with tarfile.open(path) as tar:
            names = tar.getnames()
        endings = [ENDINGS[kind] for kind in self.kinds]
        wanted = [f"{sample}.{ending}" for sample in samples for ending in endings]
        _expect(path, "its members", True, names == wanted)


def _expect(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        told = f"{what}, got others" if got is False else f"{what} {expected}, got {got}"
        raise PrnetError(f"{path}: expected {told}")


def _equal(one: NDArray[np.integer], other: NDArray[np.integer]) -> bool:
    return bool((one == other).all())


def _lost(part: Part, reason: str) -> ShardState:
    return ShardState(part.number, wrong=f"shard {part.number}: its check ended {reason}, twice")
