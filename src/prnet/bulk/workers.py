"""Work on many processors: spawned processes that do one task after another, results in order.

Why not a pool of the standard library: those leave their processes behind when the parent is
killed, and give everything up when one of theirs is.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, context, get_context, parent_process
from typing import Any, Final, Generic, TypeVar

from prnet.errors import PrnetError
from prnet.files.keep import keep_known_files, kept_files

Item = TypeVar("Item")
Result = TypeVar("Result")

WINDOW: Final = 64
"""Results a worker that may wait for an earlier one: bounds memory."""
TRIES: Final = 2
"""A task that ends its process so many times is given up."""
ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GRACE: Final = 5.0
"""Seconds that a worker has to end in."""
LOOK: Final = 1.0
"""Seconds without a result after which the workers are looked at, whether they live: on Windows,
the connection of one that ended before it took its end of it stays open."""
MOST: Final = 60 if sys.platform == "win32" else sys.maxsize
"""Connections that a process can wait for at a time."""


def usable_processors() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    lost: Callable[[Item, str], Result],
    ahead: int = 2,
) -> Iterator[Result]:
    """The results of ``work`` for ``items``, in their order; with one worker in this process.

    ``work`` is pickled, once for each process; items and results should be small. What ``work``
    raises ends everything, and is raised here. A task whose process died is done again, once;
    ``lost`` says what becomes of it when that one dies, too. ``ahead``: tasks that wait in each
    process; 1 where they are long. Warnings of tasks are given here.
    When this process ends, however it does, so do the others, at once.
    """
    if workers == 1:
        yield from map(work, items)
        return
    pool = _Pool(work, workers, ahead, lost)
    try:
        yield from pool.results(items)
    finally:
        pool.stop()


@dataclass
class _Task(Generic[Item]):
    number: int
    item: Item
    deaths: int = 0


@dataclass
class _Worker(Generic[Item]):
    process: context.SpawnProcess
    connection: Any
    tasks: deque[_Task[Item]] = field(default_factory=deque)


class _Pool(Generic[Item, Result]):
    def __init__(
        self,
        work: Callable[[Item], Result],
        workers: int,
        ahead: int,
        lost: Callable[[Item, str], Result],
    ) -> None:
        self._data = pickle.dumps(work)
        self._size, self._ahead, self._lost = min(workers, MOST), ahead, lost
        self._workers: list[_Worker[Item]] = []
        self._again: deque[_Task[Item]] = deque()
        self._done: dict[int, Result] = {}
        self._deaths = 0
        """In a row, without a result between them."""

    def results(self, items: Iterable[Item]) -> Iterator[Result]:
        waiting, following = enumerate(items), 0
        while True:
            self._hand_out(waiting, following)
            while following in self._done:
                yield self._done.pop(following)
                following += 1
                self._hand_out(waiting, following)
            busy = {worker.connection: worker for worker in self._workers if worker.tasks}
            if not busy:
                return
            dead = [each for each in busy.values() if not each.process.is_alive()]
            said = connection.wait(list(busy), LOOK)
            for ready in said:
                self._receive(busy[ready])
            for worker in [] if said else dead:
                self._bury(worker)

    def _hand_out(self, waiting: Iterator[tuple[int, Item]], following: int) -> None:
        """Fills the workers' queues evenly; more of them are started while there is work."""
        for depth in range(self._ahead):
            for place in range(self._size):
                if place < len(self._workers) and len(self._workers[place].tasks) > depth:
                    continue
                task = self._next(waiting, following)
                if task is None:
                    return
                if place == len(self._workers):
                    self._workers.append(self._started())
                worker = self._workers[place]
                worker.tasks.append(task)
                with suppress(OSError):  # it has died, which receiving finds
                    worker.connection.send(task.item)

    def _next(self, waiting: Iterator[tuple[int, Item]], following: int) -> _Task[Item] | None:
        if self._again:
            return self._again.popleft()
        under_way = len(self._done) + sum(len(worker.tasks) for worker in self._workers)
        if under_way >= WINDOW * self._size:
            return None
        return next((_Task(number, item) for number, item in waiting), None)

    def _receive(self, worker: _Worker[Item]) -> None:
        try:
            result, error, said = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        self._deaths = 0
        for text, kind in said:
            warnings.warn(text, kind, stacklevel=2)
        if error is not None:
            raise error
        self._done[worker.tasks.popleft().number] = result

    def _bury(self, worker: _Worker[Item]) -> None:
        """What the dead worker had in hand is done again, or lost; the rest of its tasks wait."""
        worker.process.join(GRACE)
        reason = _end_of(worker.process)
        self._workers.remove(worker)
        worker.connection.close()
        self._deaths += 1
        if self._deaths > TRIES * self._size + TRIES:
            raise PrnetError(
                f"expected processes that work, got {self._deaths} in a row that ended ({reason})"
            )
        first, *others = worker.tasks
        first.deaths += 1
        if first.deaths < TRIES:
            others.insert(0, first)
        else:
            self._done[first.number] = self._lost(first.item, reason)
        self._again.extend(others)

    def _started(self) -> _Worker[Item]:
        spawn = get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(
            target=_serve, args=(theirs, self._data, kept_files()), daemon=True, name="prnet worker"
        )
        with one_thread():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def stop(self) -> None:
        """Workers without a task see that the connection ends; others are told to."""
        for worker in self._workers:
            worker.connection.close()
            if worker.tasks:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(GRACE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


@contextmanager
def one_thread() -> Iterator[None]:
    """Of linear algebra, for each process that is started meanwhile: they share the processors."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_of(process: context.SpawnProcess) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-code).name}"
    return f"with status {code}"


def _serve(tasks: Any, data: bytes, kept: list[tuple[int, int]]) -> None:
    """The life of a worker: Ctrl-C is its parent's to hear, and it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_known_files(kept)
    with suppress(EOFError, OSError):
        work = pickle.loads(data)
        while True:
            item = tasks.recv()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    result, error = work(item), None
                except Exception as raised:
                    result, error = None, _portable(raised)
            tasks.send((result, error, [(str(each.message), each.category) for each in caught]))


def _end_with_parent() -> None:
    """Files half written go with the process: what they are written by cleans up on SIGTERM."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same and can be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # anything can go wrong with foreign classes
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
