"""What there is to do: inputs of any kind, cut into parts that become a shard each."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from prnet.bulk.parquet import count_rows
from prnet.errors import PrnetError, reason_of
from prnet.files.atomic import write_atomically
from prnet.files.inputs import IMAGE_SUFFIXES, read_lists
from prnet.video.frames import import_av

Kind = Literal["photos", "tar", "parquet", "film"]

TARS: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
PARQUETS: Final = (".parquet", ".pq")
FILMS: Final = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
ARCHIVES: Final = (".zip", ".zst", ".7z", ".rar")
"""That are not read."""
PHOTOS, PLAN = "photos.jsonl", "plan.jsonl"


@dataclass(frozen=True)
class Part:
    """What becomes one shard. ``source``: the file that it is of, for photos the list of them.
    ``first``, ``count``: of Parquet rows; of photos the list's byte to begin at, and lines. Of tars
    and films all, however many they hold (None), and of a Parquet file that could not be read."""

    number: int
    kind: Kind
    source: str
    first: int = 0
    count: int | None = None


@dataclass(frozen=True)
class Columns:
    """Of Parquet inputs: ``image`` holds a file's bytes, its path, or a struct of ``bytes`` and
    ``path``; ``key`` names the photo, None: its row does."""

    image: str = "image"
    key: str | None = None


def write_plan(
    inputs: Sequence[str],
    out: Path,
    *,
    shard_size: int,
    recursive: bool = False,
    columns: Columns | None = None,
) -> dict[str, int | None]:
    """Look through ``inputs`` (files, folders, patterns, lists as ``prnet reconstruct`` takes them)
    and write ``out``/plan.jsonl, a Part a line, and the list of photos that it points to.

    Memory does not grow with their number. Returns how many ``shards`` there are, and ``items``,
    None where tars or films do not say before they are read. Raises PrnetError where there is
    nothing to do, as Parquet files that cannot be read, or lack their columns, are alone.
    """
    if all(each.lower().endswith(ARCHIVES) and not os.path.isdir(each) for each in inputs):
        raise PrnetError(f"{inputs[0]}: expected a tar, got another archive (unpack it)")
    sources, columns = _Sources(out, recursive), columns or Columns()
    with write_atomically(out / PHOTOS) as listed, write_atomically(out / PLAN) as planned:
        others: list[tuple[Kind, str, int | None]] = []
        broken: list[PrnetError] = []
        starts, count = [], 0
        with listed.open("wb") as photos:
            for kind, key, path in sources.files(inputs):
                if kind == "film":
                    import_av()  # without it they would be rows with an error, for good
                if kind != "photos":
                    path, rows = os.path.abspath(path), None
                    if kind == "parquet":
                        try:
                            rows = count_rows(path, columns.image, columns.key)
                        except PrnetError as error:
                            broken.append(error)
                    others.append((kind, path, rows))
                    continue
                if count % shard_size == 0:
                    starts.append(photos.tell())
                named = [key.replace(os.sep, "/"), os.path.abspath(path)]
                photos.write(json.dumps(named).encode() + b"\n")
                count += 1
        shards, items = 0, 0
        with planned.open("w", encoding="ascii", newline="\n") as file:
            for part in _parts(starts, count, others, shard_size):
                file.write(json.dumps(asdict(part)) + "\n")
                shards += 1
                items += part.count or 0
        if broken and shards == len(broken):
            raise broken[0]
        if not shards:
            raise PrnetError(
                f"{inputs[0]}: expected photos, tars, Parquet files or films, got none"
            )
    unknown = any(rows is None for *_, rows in others)
    return {"shards": shards, "items": None if unknown else items}


def read_plan(out: Path) -> Iterator[Part]:
    """What `write_plan` wrote, part by part. Raises PrnetError."""
    try:
        with (out / PLAN).open(encoding="ascii") as file:
            for line in file:
                yield Part(**json.loads(line))
    except (OSError, ValueError, TypeError) as error:
        raise PrnetError(f"{out / PLAN}: expected a plan, got: {reason_of(error)}") from error


def _parts(
    starts: list[int],
    count: int,
    others: list[tuple[Kind, str, int | None]],
    size: int,
) -> Iterator[Part]:
    for number, start in enumerate(starts):
        yield Part(number, "photos", PHOTOS, start, min(size, count - number * size))
    number = len(starts)
    for kind, path, rows in others:
        if rows is None:
            yield Part(number, kind, path)
            number += 1
            continue
        for first in range(0, rows, size):
            yield Part(number, kind, path, first, min(size, rows - first))
            number += 1


class _Sources:
    """The files that inputs stand for, folder by folder."""

    def __init__(self, results: Path, recursive: bool) -> None:
        self._results, self._recursive = results, recursive

    def files(self, inputs: Sequence[str]) -> Iterator[tuple[Kind, str, str]]:
        """Kind, key and path of each; of an input that is named twice, or beside a folder that
        holds it, once."""
        named = frozenset(inputs)
        folders = {os.path.abspath(each) for each in named if os.path.isdir(each)}
        seen = set[str]()
        for argument in read_lists(inputs):
            if argument in named:
                path = os.path.abspath(argument)
                if path in seen:
                    continue
                seen.add(path)
            if "://" in argument:
                raise PrnetError(
                    f"{argument}: expected a path, got an address (mount it, or read it with Ray: "
                    "docs/bulk.md)"
                )
            if os.path.isdir(argument):
                if self._goes_into(folders, os.path.abspath(argument)):
                    continue
                found = False
                for kind, name in self._below(argument, ""):
                    found = True
                    yield kind, name, os.path.join(argument, name)
                if not found:
                    hint = "" if self._recursive else " (--recursive looks into its subfolders)"
                    raise PrnetError(
                        f"{argument}: expected a folder with photos, tars, Parquet files or films, "
                        f"got none in it{hint}"
                    )
            elif glob.has_magic(argument) and not os.path.exists(argument):
                matches = sorted(filter(os.path.isfile, glob.glob(argument, recursive=True)))
                if not matches:
                    raise PrnetError(f"{argument}: expected a pattern that matches, got no match")
                for path in matches:
                    if not self._gives(folders, path):
                        yield _kind(path) or "photos", path, path
            else:
                kind = _kind(argument) or "photos"
                # A file that only a list names is a row with an error, as all that cannot be read.
                if argument in named and not os.path.exists(argument):
                    wanted = "file or a folder" if kind == "photos" else f"{kind} file"
                    raise PrnetError(f"{argument}: expected a {wanted}, got none of that name")
                if not self._gives(folders, argument):
                    yield kind, argument, argument

    def _gives(self, folders: set[str], file: str) -> bool:
        """Whether one of the folders holds the file where it is looked for."""
        folder, name = os.path.split(os.path.abspath(file))
        seen = not name.startswith(".") and _kind(name) is not None and os.path.lexists(file)
        return seen and (folder in folders or self._goes_into(folders, folder))

    def _goes_into(self, folders: set[str], folder: str) -> bool:
        """Whether one of the folders is above this one and looked through as far as it."""
        above, name = os.path.split(folder)
        if not (self._recursive and name) or name.startswith(".") or os.path.islink(folder):
            return False
        return not self._is_results(folder) and (
            above in folders or self._goes_into(folders, above)
        )

    def _below(self, folder: str, below: str) -> Iterator[tuple[Kind, str]]:
        """Kind and name, below ``folder``, of the files there, sorted; folders after them."""
        try:
            with os.scandir(os.path.join(folder, below)) as entries:
                here = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise PrnetError(
                f"{error.filename or folder}: expected a folder to read, got: {reason_of(error)}"
            ) from error
        seen = [entry for entry in here if not entry.name.startswith(".")]
        for entry in seen:
            kind = _kind(entry.name)
            if kind is not None and _is_file_or_bad_link(entry):
                yield kind, os.path.join(below, entry.name)
        for entry in seen:
            inside = self._recursive and entry.is_dir(follow_symlinks=False)
            if inside and not self._is_results(entry.path):
                yield from self._below(folder, os.path.join(below, entry.name))

    def _is_results(self, path: str) -> bool:
        return self._results.is_dir() and os.path.samefile(path, self._results)


def _is_file_or_bad_link(entry: os.DirEntry[str]) -> bool:
    if entry.is_file(follow_symlinks=False):  # no look at the disk
        return True
    return os.path.isfile(entry.path) or not os.path.exists(entry.path)


def _kind(name: str) -> Kind | None:
    lower = name.lower()
    kinds: dict[Kind, Any] = {
        "photos": IMAGE_SUFFIXES,
        "tar": TARS,
        "parquet": PARQUETS,
        "film": FILMS,
    }
    return next((kind for kind, suffixes in kinds.items() if lower.endswith(suffixes)), None)
