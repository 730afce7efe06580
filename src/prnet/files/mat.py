"""MATLAB files of matrices."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, missing

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


def read_mat(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Those of the variables ``names`` that a MATLAB file (version 7 or older) holds."""
    try:
        import scipy.io
    except ModuleNotFoundError as error:
        raise missing("scipy", "evaluate") from error
    try:
        variables = scipy.io.loadmat(path, variable_names=list(names))
    except NotImplementedError as error:
        raise PrnetError(
            f"{path}: expected a MATLAB file of version 7 or older, got 7.3 (save it with -v7)"
        ) from error
    except (OSError, ValueError, TypeError, scipy.io.matlab.MatReadError) as error:
        raise PrnetError(f"{path}: expected a MATLAB file, got {error}") from error
    return {name: value for name, value in variables.items() if not name.startswith("__")}
