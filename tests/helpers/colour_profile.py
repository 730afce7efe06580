"""A colour profile (ICC 2.1, matrix and gamma) from its primaries."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

DISPLAY_P3_TO_XYZ = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
"""Columns: the primaries of Display P3, adapted to D50 (Apple's profile)."""

SRGB_TO_XYZ = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""The same of sRGB, IEC 61966-2-1."""


def profile(to_xyz: NDArray[np.float64], gamma: float, *, description: str) -> bytes:
    """ICC profile of RGB = (XYZ inverted)^(1 / gamma)."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    name = description.encode() + b"\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78),
        b"wtpt": _xyz(np.array([0.9642, 1.0, 0.8249])),
        **{letter + b"XYZ": _xyz(to_xyz[:, i]) for i, letter in enumerate((b"r", b"g", b"b"))},
        **{letter + b"TRC": curve for letter in (b"r", b"g", b"b")},
    }
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, offset + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = 128 + len(table) + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + _s15([0.9642, 1.0, 0.8249])
    return header.ljust(128, b"\0") + table + data


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _s15(values.tolist())


def _s15(values: list[float]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))
