"""A bar on machines that have tqdm, a line now and then on those that have torch alone."""

from __future__ import annotations

import time
from typing import Any


class PlainProgress:
    """What the training needs of tqdm's bar."""

    def __init__(self, total: int, initial: int, *, quiet: bool, seconds: float = 60) -> None:
        self._total, self._done, self._quiet = total, initial, quiet
        self._seconds, self._told = seconds, time.monotonic()

    def update(self) -> None:
        self._done += 1
        if time.monotonic() - self._told >= self._seconds:
            self._told = time.monotonic()
            self.write(f"{self._done}/{self._total} steps")

    def write(self, line: str) -> None:
        if not self._quiet:
            print(line, flush=True)

    def close(self) -> None:
        return


def progress(total: int, initial: int, *, quiet: bool) -> Any:
    """A bar with ``update()`` (by one step), ``write(line)``, ``close()``; nothing if ``quiet``."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return PlainProgress(total, initial, quiet=quiet)
    if quiet:
        return PlainProgress(total, initial, quiet=True)
    return tqdm(total=total, initial=initial, desc="steps", mininterval=5)
