"""Text files that others made."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of
from prnet.files.arrays import LARGEST

UTF_16: Final = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
LONGEST: Final = 2**28
"""Bytes (256 MB); a face model's largest OBJ file has 3 MB."""


def read_text(path: str | Path, what: str) -> str:
    """The text of a file (UTF-8, or UTF-16 as PowerShell writes it); PrnetError, naming ``what``
    was expected, when it is none."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(1 + min(path.stat().st_size or LONGEST, LONGEST))  # 0: a pipe
        if len(data) > LONGEST:
            raise PrnetError(f"{path}: expected {what}, got more than {LONGEST} bytes")
        return data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
    except FileNotFoundError as error:
        raise PrnetError(f"{path}: expected {what}, got no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PrnetError(f"{path}: expected {what}, got: {reason_of(error)}") from error


def is_numeral(text: str) -> bool:
    """Whether text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def without_comments(text: str) -> str:
    """Text without what follows a #, and without empty lines."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    return "\n".join(line for line in lines if line.strip())


def rows_of(text: str) -> NDArray[np.float64]:
    """Lines of numbers, separated by spaces or commas -> (rows, columns) of numbers below
    `LARGEST`; rows without any are skipped, and what follows a #. Raises ValueError for others."""
    lines = (line.split() for line in without_comments(text).replace(",", " ").splitlines())
    rows = [[float(word) for word in words] for words in lines if words]
    if len(set(map(len, rows))) > 1:
        raise ValueError(f"rows of {min(map(len, rows))} to {max(map(len, rows))} numbers")
    numbers = np.array(rows, np.float64) if rows else np.zeros((0, 0))
    if not (np.abs(numbers) < LARGEST).all():
        raise ValueError("numbers that are none or too large")
    return numbers
