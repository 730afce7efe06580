"""Landmark files of data sets and of other systems: ``.pts``, ``.txt``, ``.csv``, ``.npz``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of, shortened
from prnet.files.arrays import Array, read_arrays
from prnet.files.text import is_numeral, read_text, rows_of, without_comments

Floats = NDArray[np.float64]

CSV_HEADER = "landmark,x,y,z"
"""Of our own tables, whose first column numbers the landmarks."""
FARTHEST = 1e6
"""Pixels: no photo is that large."""


_ARRAYS = {
    "landmarks": Array(np.float64, ("A", "B")),
    "vertices": Array(np.float64, ("V", 3), optional=True),
    "angles": Array(np.float64, (3,), optional=True),
    "rotation": Array(np.float64, (3, 3), optional=True),
    "position_map": Array(np.float64, ("S", "S", 3), optional=True),
    "region": Array(np.bool_, ("S", "S"), optional=True),
    "camera_rotation": Array(np.float64, (3, 3), optional=True),
    "landmark_deviation": Array(np.float64, (68,), optional=True),
}


def as_landmarks(points: NDArray[Any], origin: int, name: str = "landmarks") -> Floats:
    """68 points as (68, 2 or 3) or (2 or 3, 68), x and y counted from ``origin`` -> (68, 2 or 3)
    float64, counted from 0."""
    array = np.array(points, np.float64)
    if array.shape in ((2, 68), (3, 68)):
        array = array.T
    if array.shape not in ((68, 2), (68, 3)):
        raise PrnetError(f"{name}: expected 68 points, got shape {np.shape(points)}")
    if not np.isfinite(array).all():
        raise PrnetError(f"{name}: expected 68 finite points, got some that are not")
    if np.abs(array).max() > FARTHEST:
        raise PrnetError(
            f"{name}: expected points within {FARTHEST:.0f} pixels, got {np.abs(array).max():.3g}"
        )
    if not np.ptp(array[:, :2], axis=0).all():
        raise PrnetError(f"{name}: expected 68 points that span a box, got a line or one point")
    array[:, :2] -= origin
    return array


def read_points(path: Path, origin: int | None = None) -> dict[str, Floats]:
    """The arrays of one file: ``landmarks`` (68, 2 or 3) zero-based, and of an ``.npz`` perhaps
    ``vertices`` (V, 3), ``rotation`` (3, 3) of head axes, ``angles`` (3,) pitch, yaw, roll,
    ``landmark_deviation`` (68,) pixels.

    ``.pts`` (300W), ``.txt`` (rows of x y [z], or the 3 x 68 transpose), ``.csv`` and ``.npz`` as
    ``prnet reconstruct --save`` writes them, or with those names. Where a first line names columns
    (landmark, x, y, z), in any order, text is read by them; what follows a # is left out.
    ``origin``: number of the first pixel in the file; None: 1 in ``.pts``, 0 in the others.
    """
    if origin is None:
        origin = int(path.suffix.lower() == ".pts")
    if path.suffix.lower() == ".npz":
        return _read_npz(path, origin)
    text = read_text(path, "a file of 68 points")
    try:
        if path.suffix.lower() == ".pts":
            text = text.partition("{")[2].partition("}")[0]
        numbers = _points_of(text)
    except ValueError as error:
        raise PrnetError(
            f"{path}: expected a file of 68 points, got: {reason_of(error)}"
        ) from error
    return {"landmarks": as_landmarks(numbers, origin, str(path))}


def _points_of(text: str) -> Floats:
    """The rows of x y [z], or their transpose, by the names of their columns where there are any.
    Raises ValueError."""
    header, _, below = without_comments(text).partition("\n")
    names = header.lower().replace(",", " ").replace('"', " ").split()
    if all(map(is_numeral, names)):
        rows = rows_of(text)
        if rows.shape == (68, 3) and (np.diff(rows[:, 0]) == 1).all():
            raise ValueError("rows that are numbered; columns then need names: landmark, x, y")
        return rows
    rows = rows_of(below)
    if not {"x", "y"} <= set(names) or len(names) != rows.shape[1]:
        raise ValueError(f"{rows.shape[1]} columns, named {shortened(header, 40)}, not x, y")
    if "landmark" in names:
        rows = rows[np.argsort(rows[:, names.index("landmark")], kind="stable")]
    return rows[:, [names.index(name) for name in ("x", "y", "z") if name in names]]


def _read_npz(path: Path, origin: int) -> dict[str, Floats]:
    found = read_arrays(path, _ARRAYS, "a file of 68 points")
    position_map, region = found.pop("position_map", None), found.pop("region", None)
    if position_map is not None and region is not None:
        found["vertices"] = position_map[region]
    if "camera_rotation" in found:
        found["rotation"] = found.pop("camera_rotation")
    found["landmarks"] = as_landmarks(found["landmarks"], origin, str(path))
    if "vertices" in found:
        found["vertices"][:, :2] -= origin
    if "landmark_deviation" in found and (least := found["landmark_deviation"].min()) <= 0:
        raise PrnetError(f"{path}: expected a landmark_deviation above 0, got {least:g}")
    return found
