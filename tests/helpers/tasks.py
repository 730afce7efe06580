"""Work for other processes, which find it by the name of this module."""

from __future__ import annotations

import os
import signal
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from prnet.errors import PrnetError, PrnetWarning
from prnet.files.atomic import write_bytes


@dataclass(frozen=True)
class Task:
    """Number -> its square, after ``seconds``. ``folder``: where processes leave their numbers.

    A negative number ends its process: -1 always, -2 only where no earlier one has.
    """

    folder: Path
    seconds: float = 0.0

    def __call__(self, number: int) -> int:
        mark = self.folder / f"{os.getpid()}.pid"
        mark.touch()
        if number == -1 or (number == -2 and not (self.folder / "died").exists()):
            (self.folder / "died").touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if number == 1000:
            raise PrnetError("expected less, got 1000")
        if number == 7:
            warnings.warn("seven", PrnetWarning, stacklevel=1)
        time.sleep(self.seconds)
        return number * number


def lost(number: int, reason: str) -> int:
    return number


def write_kept(path: Path) -> str:
    """What the guard of kept files says in another process."""
    try:
        write_bytes(path, b"new")
    except PrnetError as error:
        return str(error)
    return "written"


def write_lost(path: Path, reason: str) -> str:
    return reason
