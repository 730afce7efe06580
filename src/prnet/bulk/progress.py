"""How far a long run is: a line that stays in place where somebody is looking, else one now and
then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from prnet.files.streams import say

EVERY_SECONDS: Final = 30.0


class Progress:
    """Counts, and tells them. ``unit``: what is counted; ``total``: how many, None if unknown."""

    def __init__(self, unit: str, total: int | None, bar: Any) -> None:
        self.unit, self.total, self._bar = unit, total, bar
        self.done = self.faces = self.failed = 0
        self._start = self._told = time.monotonic()

    def add(self, *, done: int = 1, faces: int = 0, failed: int = 0) -> None:
        self.done, self.faces, self.failed = (
            self.done + done,
            self.faces + faces,
            self.failed + failed,
        )
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self.faces} faces, {self.failed} failed", refresh=False)
            self._bar.update(done)
        elif time.monotonic() - self._told > EVERY_SECONDS:
            self._told = time.monotonic()
            say(str(self), error=True)

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = self.done / seconds
        of = "" if self.total is None else f" of {self.total}"
        left = ""
        if self.total is not None and rate:
            left = f", {in_hours((self.total - self.done) / rate)} left"
        return (
            f"{self.done}{of} {self.unit}s, {rate:.1f} a second{left}; "
            f"faces: {self.faces}, failed: {self.failed}"
        )


@contextmanager
def progress(unit: str, total: int | None, *, quiet: bool = False) -> Iterator[Progress]:
    """A Progress that shows itself on stderr, unless ``quiet``: it then counts alone."""
    looking = sys.stderr is not None and sys.stderr.isatty()
    if quiet or not looking:
        counted = Progress(unit, total, None)
        if quiet:
            counted._told = float("inf")
        yield counted
        return
    from tqdm import tqdm

    # Without smoothing: the rate of the whole run, which results that come in bursts do not shake.
    with tqdm(total=total, unit=unit, leave=False, smoothing=0, dynamic_ncols=True) as bar:
        yield Progress(unit, total, bar)


def tell_stopped(command: str, done: int, total: int) -> None:
    """Of a command that Ctrl-C ended: how far it was, and what goes on."""
    say(
        f"prnet {command}: stopped after {done} of {total} photos; the same command with "
        "--skip-existing goes on",
        error=True,
    )


def in_hours(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
