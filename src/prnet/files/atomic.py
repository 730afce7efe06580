"""Writing files whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prnet.errors import PrnetError


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Write ``path`` whole or not at all.

    Yields a temporary path with the same suffix in the same folder (made when missing). The
    block writes there; the file then takes its real name, or is removed when the block raised.
    Raises PrnetError, naming ``path``, when the system refuses to write.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:80]}-{secrets.token_hex(4)}{path.suffix}")
    try:
        if path.is_dir():
            raise PrnetError(f"{path}: expected a file to write, got a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PrnetError(f"{path}: expected a place that can be written, got: {reason}") from error
    finally:
        _remove_quietly(temporary)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` as the file ``path``, as :func:`write_atomically` does."""
    with write_atomically(path) as temporary:
        temporary.write_bytes(data)


def _remove_quietly(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
