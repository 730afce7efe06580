"""What commands say: lines on stdout and stderr that neither odd names nor a reader who has gone,
nor a full disk behind a redirection, can stop."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from prnet.words import translated

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}

_READER_GONE = (errno.EPIPE, errno.EINVAL)
"""EINVAL is what Windows says."""


def say(line: str, *, error: bool = False) -> None:
    """A line on stdout or stderr, in the language that `prnet.words` speaks; a progress bar stays
    whole, and control characters of names (a line feed, say) are shown as Python writes them."""
    stream = sys.stderr if error else sys.stdout
    line = translated(line, getattr(stream, "encoding", None))
    if sys.stderr is not None and sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(line.translate(_CONTROLS), file=stream)
    else:
        print(line.translate(_CONTROLS), file=stream, flush=True)


class SteadyStream:
    """A text stream whose ``write`` and ``flush`` do not raise.

    Characters outside the stream's encoding become escapes. After the first error of the system
    the rest is dropped; ``error`` keeps it. All else is the stream's own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        if self.error is None:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding
                self.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except OSError as failure:
                self._give_up(failure)
        return len(text)

    def flush(self) -> None:
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as failure:
                self._give_up(failure)

    def _give_up(self, failure: OSError) -> None:
        """What is left in the buffer goes nowhere, else Python tries it again at its end."""
        self.error = failure
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def steady_streams() -> Iterator[list[OSError]]:
    """Inside the block, stdout and stderr are SteadyStreams. Yields the errors of stdout, known
    after the block; a reader who has gone (``| head -1``) is none."""
    before = sys.stdout, sys.stderr
    steady = [None if stream is None else SteadyStream(stream) for stream in before]
    sys.stdout, sys.stderr = cast("list[TextIO]", steady)
    errors: list[OSError] = []
    try:
        yield errors
    finally:
        sys.stdout, sys.stderr = before
        for stream in filter(None, steady):
            stream.flush()
        failure = steady[0].error if steady[0] is not None else None
        if failure is not None and failure.errno not in _READER_GONE:
            errors.append(failure)
