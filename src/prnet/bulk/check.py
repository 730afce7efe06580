"""Whether a folder of shards is what its manifest says: every photo once, every file whole."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.bulk.manifest import Manifest, planned, read_manifest
from prnet.bulk.parquet import import_pyarrow
from prnet.bulk.plan import Part
from prnet.bulk.rows import ENDINGS, SampleKind
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
    there = finished(out)
    work = ShardCheck(out, manifest, "rows" if quick else "all")
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
    """Part -> ShardState; can be sent to other processes. ``look``: at the sizes of the shard's
    files, at its rows, too, or at what is in its tar as well."""

    out: Path
    manifest: Manifest
    look: Literal["sizes", "rows", "all"]

    def __call__(self, part: Part) -> ShardState:
        path = rows_path(self.out, part.number)
        try:
            # Parquet files tell of themselves at their end, which one that was cut off lacks.
            with import_pyarrow().parquet.ParquetFile(path) as file:
                about = json.loads((file.metadata.metadata or {}).get(ABOUT, b"{}"))
                _expect(path, "settings", self.manifest.digest, about.get("settings"))
                _expect(path, "number", part.number, about["number"])
                samples = [] if self.look == "sizes" else self._rows(path, part, file, about)
            if self.kinds:
                path = samples_path(self.out, part.number)
                self._tar(path, about["samples"], samples)
        except Exception as error:  # readers raise anything on damaged files
            said = str(error) if isinstance(error, PrnetError) else reason_of(error)
            if not said.startswith(str(self.out)):
                said = f"{path}: expected it whole, got: {said}"
            return ShardState(part.number, wrong=said)
        return ShardState(part.number, about["items"], about["faces"], about["failed"])

    @property
    def kinds(self) -> list[SampleKind]:
        return list(self.manifest.settings["save"])

    def _rows(self, path: Path, part: Part, file: Any, about: dict[str, Any]) -> list[str]:
        """The samples, after all that the file tells of itself is found to be so."""
        table = file.read(["item", "faces", "face", *(["sample"] if self.kinds else [])])
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
        return list(table.column("sample").drop_null().to_pylist()) if self.kinds else []

    def _tar(self, path: Path, told: dict[str, int], samples: list[str]) -> None:
        _expect(path, "bytes", told["bytes"], path.stat().st_size)
        if self.look != "all":
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
