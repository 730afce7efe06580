"""MATLAB files of matrices."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_CLASSES = {"f8": 0, "f4": 10, "i4": 20, "i2": 30, "u2": 40, "u1": 50}


def mat_bytes(matrices: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Level-4 MAT file of named matrices (H, W), float64, float32, int32, int16, uint16 or uint8;
    MATLAB, Octave and SciPy read it.

    Source: MathWorks, "MAT-File Format", section "Level 4 MAT-File Format".
    """
    parts = []
    for name, matrix in matrices.items():
        label = name.encode("ascii") + b"\0"
        kind = _CLASSES[matrix.dtype.str[1:]]
        parts += [
            struct.pack("<5i", kind, *matrix.shape, 0, len(label)),
            label,
            matrix.astype(matrix.dtype.newbyteorder("<")).tobytes(order="F"),
        ]
    return b"".join(parts)
