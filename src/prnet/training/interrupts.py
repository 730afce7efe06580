"""Ctrl-C during training: the step in hand ends first, so that its checkpoint is a whole one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def finishing_steps(*, alone: bool) -> Iterator[Callable[[], bool]]:
    """Yields what tells whether somebody asked to stop, by Ctrl-C or, ``alone``, by SIGTERM.

    The second time stops at once. Not so among several processes: torchrun repeats the signal
    that the terminal has sent already, and kills those that do not end by themselves.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals never come here
        yield asked.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        asked.set()
        if alone:
            restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    numbers = (signal.SIGINT, signal.SIGTERM) if alone else (signal.SIGINT,)
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in numbers}
    for number in numbers:
        signal.signal(number, note)
    try:
        yield asked.is_set
    finally:
        restore()


def leave_to_the_leader(_: int) -> None:
    """For loader processes, which a terminal's Ctrl-C reaches, too: they end with their leader."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
