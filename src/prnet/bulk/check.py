"""Whether a folder of shards is what its manifest says: every photo once, every file whole."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.bulk.manifest import Manifest, crc32_of, planned, read_manifest
from prnet.bulk.parquet import import_pyarrow
from prnet.bulk.plan import Part
from prnet.bulk.rows import ENDINGS, SampleKind
from prnet.bulk.shards import ABOUT, finished, rows_path, samples_path
from prnet.bulk.workers import spread
from prnet.errors import PrnetError, reason_of

NAME: Final = ["source", "key"]
"""Columns that name a photo."""


class ShardState(NamedTuple):
    """What is in a shard; ``broken``: what its input could not give; ``wrong``: what is not as it
    should be; ``photos``: a digest of each photo's source and key, of shards whose rows were looked
    at."""

    number: int
    items: int = 0
    faces: int = 0
    failed: int = 0
    broken: Sequence[str] = ()
    wrong: str | None = None
    photos: NDArray[np.uint64] = np.empty(0, np.uint64)


def check(out: Path, *, quick: bool = False, workers: int = 1) -> Iterator[ShardState]:
    """Every shard of the plan, in order; then again those with photos that were there before.
    ``quick``: sizes of tars, not what is in them. Takes 16 bytes a photo. Raises PrnetError for a
    folder without manifest or plan."""
    manifest = read_manifest(out)
    there = finished(out)
    work = ShardCheck(out, manifest, "rows" if quick else "all")
    parts = planned(out, manifest)
    present = (part for part in parts if part.number in there)
    states = spread(work, present, workers=workers, lost=_lost)
    photos: list[tuple[int, NDArray[np.uint64]]] = []
    for part in parts:
        if part.number in there:
            state = next(states)
            photos.append((part.number, state.photos))
            yield state
        else:
            yield ShardState(part.number, wrong=f"shard {part.number}: expected it, got none")
    for number in sorted(there - {part.number for part in parts}):
        yield ShardState(number, wrong=f"{rows_path(out, number)}: expected no such shard, got one")
    yield from _repeated(out, photos)


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
                if self.look == "sizes":
                    samples, photos = list[str](), np.empty(0, np.uint64)
                else:
                    samples, photos = self._rows(path, part, file, about)
            if self.kinds:
                path = samples_path(self.out, part.number)
                self._tar(path, about["samples"], samples)
        except Exception as error:  # readers raise anything on damaged files
            said = str(error) if isinstance(error, PrnetError) else reason_of(error)
            if not said.startswith(str(self.out)):
                said = f"{path}: expected it whole, got: {said}"
            return ShardState(part.number, wrong=said)
        told = {name: about[name] for name in ("items", "faces", "failed", "broken")}
        return ShardState(part.number, photos=photos, **told)

    @property
    def kinds(self) -> list[SampleKind]:
        return list(self.manifest.settings["save"])

    def _rows(
        self, path: Path, part: Part, file: Any, about: dict[str, Any]
    ) -> tuple[list[str], NDArray[np.uint64]]:
        """Samples, and digests of the photos, after all that the file tells of itself is found to
        be so."""
        names = ["item", "faces", "face", *NAME, *(["sample"] if self.kinds else [])]
        table = file.read(names)
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
        return samples, _digests(part.number, table.select(NAME).take(first))

    def _tar(self, path: Path, told: dict[str, int], samples: list[str]) -> None:
        _expect(path, "bytes", told["bytes"], path.stat().st_size)
        if self.look != "all":
            return
        _expect(path, "checksum", told["crc32"], crc32_of(path))
        with tarfile.open(path) as tar:
            names = tar.getnames()
        endings = [ENDINGS[kind] for kind in self.kinds]
        wanted = [f"{sample}.{ending}" for sample in samples for ending in endings]
        _expect(path, "its members", True, names == wanted)


def _expect(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        told = f"{what}, got others" if got is False else f"{what} {expected}, got {got}"
        raise PrnetError(f"{path}: expected {told}")


def _digests(number: int, names: Any) -> NDArray[np.uint64]:
    """(N,), of rows with source and key; one of its own for what has no key, inputs that could not
    be read. Hashes of Python differ from process to process."""
    pairs = zip(*(names.column(name).to_pylist() for name in NAME), strict=True)
    texts = (
        _path(source, key) if key else f"\0{number}\0{item}"
        for item, (source, key) in enumerate(pairs)
    )
    data = b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(data, np.uint64)


def _repeated(out: Path, photos: list[tuple[int, NDArray[np.uint64]]]) -> Iterator[ShardState]:
    """Shards with photos that an earlier one has, or that they have twice. ``photos``: number and
    digests of each shard; of a hundred million, two agree by chance once in four thousand runs."""
    every = np.concatenate([np.empty(0, np.uint64), *(digests for _, digests in photos)])
    every.sort()
    twice = np.unique(every[1:][every[1:] == every[:-1]])
    if not len(twice):
        return
    before = np.full(len(twice), -1)
    for number, digests in photos:
        places = np.searchsorted(twice, digests).clip(max=len(twice) - 1)
        again = []
        for item in np.flatnonzero(twice[places] == digests):
            if before[places[item]] < 0:
                before[places[item]] = number
            else:
                again.append(item)
        if again:
            path, other = rows_path(out, number), before[places[again[0]]]
            rows = import_pyarrow().parquet.read_table(path, columns=["item", *NAME]).to_pylist()
            name = next(_path(*(row[n] for n in NAME)) for row in rows if row["item"] == again[0])
            more = f" and {len(again) - 1} more" if len(again) > 1 else ""
            got = "twice" if other == number else f"what shard {other} has, too"
            told = f"{path}: expected every photo once, got {got}: {name}{more}"
            yield ShardState(number, wrong=told)


def _path(source: str, key: str) -> str:
    return f"{source}{os.sep}{key}" if source else key


def _equal(one: NDArray[np.integer], other: NDArray[np.integer]) -> bool:
    return bool((one == other).all())


def _lost(part: Part, reason: str) -> ShardState:
    return ShardState(part.number, wrong=f"shard {part.number}: its check ended {reason}, twice")
