"""Faces on a cluster: the pipeline of Ray Data, from Python and as an engine of ``prnet dataset``.

Two actors that claim a processor each leave none of two for Ray's readers, and all of them wait for
ever: an actor claims half of one, and has one thread all the same.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from prnet.bulk.items import Item, as_text
from prnet.bulk.parquet import image_source, import_pyarrow
from prnet.bulk.plan import Part
from prnet.bulk.rows import SampleOptions, rows_of, samples_of, schema
from prnet.bulk.shards import ShardDone, ShardWork, reconstructed
from prnet.bulk.workers import ONE_THREAD, usable_processors
from prnet.errors import PrnetError, PrnetWarning, missing, reason_of
from prnet.reconstruct import Reconstructor

CPUS: Final = 0.5
"""Of an actor, as Ray counts them."""
ROWS_AT_ONCE: Final = 32
"""Photos that an actor gets at a time."""
PATIENCE: Final = 10.0
"""Seconds in which a cluster has to answer."""
MOST_BLOCKS: Final = 2000
"""Of shards; more of Ray's tasks would cost more than they give."""
_WATCH: Final = """
import os, signal, sys, time
sys.stdin.read()
time.sleep(1)
for word in sys.argv[1:]:
    pid, start = word.split(":")
    try:
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[19] == start:
                os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass
"""
"""Waits for its input to end; numbers of processes are given again, times of start are not."""
NOT_OF_SHARDS: Final = ("item", "sample")
"""Columns that say where in a shard a row is."""


def import_ray() -> Any:
    """Ray; PrnetError where it is not installed."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing("the package 'ray'", "ray", error) from error
    return ray


def reconstruct_dataset(
    dataset: Any,
    *,
    image: str = "bytes",
    key: str | None = None,
    keep: Sequence[str] = (),
    reconstruct: Reconstructor | None = None,
    samples: SampleOptions | None = None,
    batch: int = 1,
    actors: int | None = None,
    num_cpus: float = CPUS,
    num_gpus: float = 0.0,
) -> Any:
    """A Ray dataset with photos -> one with the rows of ``prnet dataset``, one a face, lazily.

    ``image``: the column of files' bytes, or of paths, of any file system that pyarrow knows
    ("s3://..."), or of structs of both; ``key``: a column that names the photo, by default the
    path; ``keep``: further columns that go along. ``samples``: the files of a face, as columns
    called as their endings ("crop.jpg"). ``batch``: as of `prnet.bulk.reconstruct_many`.
    ``actors``: how many at most, by default one for each processor; ``num_cpus``, ``num_gpus``:
    what one claims.
    What is wrong with a photo is in its row's ``error``.

        ds = ray.data.read_parquet("s3://lake/photos")
        prnet.bulk.reconstruct_dataset(ds, image="jpg", keep=["id"]).write_parquet("s3://lake/faces")
    """
    ray = import_ray()
    work = (reconstruct or Reconstructor(), samples or SampleOptions(), image, key, [*keep], batch)
    return dataset.map_batches(
        _Rows,
        fn_constructor_args=(pickle.dumps(work),),
        batch_size=ROWS_AT_ONCE,
        batch_format="pyarrow",
        compute=_pool(ray, actors),
        num_cpus=num_cpus,
        num_gpus=num_gpus,
    )


def make_shards_with_ray(
    work: ShardWork,
    parts: list[Part],
    *,
    actors: int | None = None,
    num_cpus: float = CPUS,
    num_gpus: float = 0.0,
) -> Iterator[ShardDone]:
    """As `prnet.bulk.dataset.make_shards`, by the actors of a Ray cluster that see ``work.out``:
    the one at RAY_ADDRESS, the one that this process has joined, or one of its own. Raises
    PrnetError when Ray gives up."""
    if not parts:
        return
    ray = import_ray()
    work = replace(work, out=Path(os.path.abspath(work.out)))
    with _cluster(ray):
        todo = ray.data.from_items(
            [{"part": json.dumps(asdict(part))} for part in parts],
            override_num_blocks=min(len(parts), MOST_BLOCKS),
        )
        done = todo.map_batches(
            _Shards,
            fn_constructor_args=(pickle.dumps(work),),
            batch_size=1,
            batch_format="pyarrow",
            compute=_pool(ray, None if actors is None else min(actors, len(parts))),
            num_cpus=num_cpus,
            num_gpus=num_gpus,
        )
        try:
            for row in done.iter_rows():
                told = json.loads(row["done"])
                for text in told.pop("warned"):
                    warnings.warn(text, PrnetWarning, stacklevel=2)
                if "refused" in told:
                    raise PrnetError(told["refused"])
                yield ShardDone(**told)
        except ray.exceptions.RayError as error:
            plain = re.sub(r"\x1b\[[0-9;]*m", "", reason_of(error))
            raise PrnetError(f"expected Ray's actors to work, got: {plain}") from error


class _Rows:
    """An actor: photos in a table -> rows of faces."""

    def __init__(self, work: bytes) -> None:
        self._reconstruct, self._samples, self._image, self._key, self._keep, self._batch = (
            pickle.loads(work)
        )

    def __call__(self, table: Any) -> Any:
        pa = import_pyarrow()
        given = table.to_pylist()
        sources = [image_source(row[self._image], "") for row in given]
        items = [self._item(row, source) for row, source in zip(given, sources, strict=True)]
        rows: list[dict[str, Any]] = []
        found = reconstructed(self._reconstruct, items, batch=self._batch)
        for row, (photo, faces) in zip(given, found, strict=True):
            files: list[dict[str, bytes]] = []
            if not isinstance(faces, Exception):
                try:
                    files = [samples_of(face, self._samples) for face in faces]
                except Exception as error:  # whatever it is, the other photos go on
                    faces = error
            new = rows_of(photo.item, 0, photo.size, faces)
            for place, each in enumerate(new):
                each |= {name: row[name] for name in self._keep}
                each |= files[place] if files else {}
            rows += new
        ours = [field for field in schema() if field.name not in NOT_OF_SHARDS]
        kept = [table.schema.field(name) for name in self._keep]
        endings = [pa.field(name, pa.binary()) for name in self._samples.endings]
        return pa.Table.from_pylist(rows, pa.schema([*ours, *kept, *endings]))

    def _item(self, row: dict[str, Any], source: str | bytes | None) -> Item:
        path = source if isinstance(source, str) else ""
        key = path if self._key is None else str(row[self._key])
        nothing = PrnetError(f"{key}: expected an image, got an empty value")
        return Item(as_text(key), "", nothing if source is None else source)


class _Shards:
    """An actor: part of the plan -> its shard, written."""

    def __init__(self, work: bytes) -> None:
        self._work: ShardWork = pickle.loads(work)

    def __call__(self, table: Any) -> dict[str, list[str]]:
        parts = [Part(**json.loads(part)) for part in table.column("part").to_pylist()]
        return {"done": [self._made(part) for part in parts]}

    def _made(self, part: Part) -> str:
        """A refusal is told, not raised: Ray would say it in a hundred lines, and no warning."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PrnetWarning)
            try:
                told = self._work(part)._asdict()
            except PrnetError as error:
                told = {"refused": str(error)}
        ours = [str(each.message) for each in caught if issubclass(each.category, PrnetWarning)]
        return json.dumps({**told, "warned": ours})


def _pool(ray: Any, actors: int | None) -> Any:
    most = actors or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    return ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most)


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """The cluster that is there, or one of this machine's processors while it is needed."""
    if ray.is_initialized():
        yield
        return
    one_thread = {"env_vars": dict.fromkeys(ONE_THREAD, "1")}
    where: dict[str, Any] = {"num_cpus": usable_processors(), "include_dashboard": False}
    if address := os.environ.get("RAY_ADDRESS"):
        _check_answers(address)
        where = {"address": "auto"}
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        with _without_stderr():  # where it says so
            ray.init(**where, log_to_driver=False, logging_level="CRITICAL", runtime_env=one_thread)
    except Exception as error:  # Ray raises anything when it cannot start
        raise PrnetError(f"expected Ray to start, got: {reason_of(error)}") from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is said in a line
    watcher = _watcher()
    try:
        yield
    finally:
        ray.shutdown()
        watcher.communicate()


def _check_answers(address: str) -> None:
    """Ray itself would wait for a quarter of an hour for a cluster that is not there."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        except (OSError, OverflowError) as error:
            told = f"expected a Ray cluster at RAY_ADDRESS {address}, got: {reason_of(error)}"
            raise PrnetError(told) from error


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Of this process, libraries in C++ included."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _watcher() -> subprocess.Popen[bytes]:
    """A process that ends what this one started when this one has ended, however it did: a killed
    driver leaves agents of Ray behind."""
    started = [f"{pid}:{start}" for pid, start in _descendants(os.getpid())]
    command = [sys.executable, "-c", _WATCH, *started]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _descendants(process: int) -> Iterator[tuple[int, str]]:
    """Number and time of start of each, where /proc tells."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            told = path.read_text("ascii", "replace").rpartition(")")[2].split()
            parents.setdefault(int(told[1]), []).append((int(path.parent.name), told[19]))
    waiting = [process]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            waiting.append(child[0])
            yield child
