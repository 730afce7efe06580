"""What the service takes on at a time, and how it refuses the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from prnet.serve.problems import Problem

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Limits:
    """Of the service."""

    max_bytes: int = 20_000_000
    """Of a request's body, all of its photos together."""

    max_pixels: int = 40_000_000
    """Of a photo."""

    upload_seconds: float = 20.0
    """For a body to arrive."""

    work_seconds: float = 60.0
    """For an answer, once the body is there."""

    workers: int = 1
    """Photos that are worked on at a time."""

    waiting: int = 15
    """Requests that may wait, or still arrive, besides those."""

    sockets: int = 4
    """Live connections at a time."""

    frame_bytes: int = 2_000_000
    """Of a frame of a live connection."""

    frame_pixels: int = 4_000_000

    idle_seconds: float = 60.0
    """Without a frame, after which a live connection is closed."""


class Desk:
    """Places for requests, and threads that do their work."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken = 0
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="prnet")

    @property
    def taken(self) -> int:
        return self._taken

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place from a request's first byte to its answer; Problem 503 where none is free."""
        if self._taken >= self._limits.workers + self._limits.waiting:
            raise Problem(503, "busy", "all places are taken", headers={"Retry-After": "1"})
        self._taken += 1
        place = Place(self._threads, self._limits.work_seconds)
        try:
            yield place
        finally:
            # A thread that is late cannot be stopped: its place stays taken until it ends.
            place.when_free(self._leave)

    def _leave(self) -> None:
        self._taken -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Place:
    """One request's."""

    def __init__(self, threads: ThreadPoolExecutor, seconds: float) -> None:
        self._threads, self._seconds = threads, seconds
        self._work: asyncio.Future[Any] | None = None

    async def run(self, function: Callable[..., _Result], *given: Any) -> _Result:
        """The function's result, from a thread; Problem 503 where it takes too long."""
        loop = asyncio.get_running_loop()
        work = self._work = loop.run_in_executor(self._threads, function, *given)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._seconds)
        except (TimeoutError, asyncio.TimeoutError):  # another class in Python 3.10
            work.cancel()
            late = {"Retry-After": "10"}
            raise Problem(503, "late", "the work took too long", headers=late) from None

    def when_free(self, leave: Callable[[], None]) -> None:
        if self._work is None or self._work.done():
            leave()
        else:
            self._work.add_done_callback(lambda _: leave())
