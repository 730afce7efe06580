"""Open Sound Control 1.0 (Wright, CNMAT 2002): messages and bundles, the little that VMC needs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

_NOW: Final = struct.pack(">Q", 1)
"""The time tag that means at once."""


def message(address: str, *values: str | int | float) -> bytes:
    """An address with strings, int32 and float32."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags, data = tags + "s", data + _text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return _text(address) + _text(tags) + data


def bundle(messages: Sequence[bytes]) -> bytes:
    """Messages that belong together."""
    parts = b"".join(struct.pack(">i", len(each)) + each for each in messages)
    return _text("#bundle") + _NOW + parts


def _text(text: str) -> bytes:
    """Ended by at least one zero, filled up to four."""
    data = text.encode()
    return data + b"\0" * (4 - len(data) % 4)
