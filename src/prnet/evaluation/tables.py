"""Test sets in one table: an ``.npz`` with a row for each photo, the photos beside it.

files (N,) names below the table's folder or inside its zip files
landmarks68 (N, 68, 2 or 3): pixels; rows of NaN are left out
person (N,), optional: who it is, perhaps after a source (``lfw:Ada_Lovelace``)
landmark_spread (N,), optional: how far the sources of a row's points disagree; NaN: unknown
exact (K,), optional: the landmarks that are truth; the others are not scored

Angles are those of the camera that fits the layout's mean face to three-dimensional points.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.evaluation.held_out import held_out_names
from prnet.evaluation.protocols import euler_angles
from prnet.evaluation.samples import Dataset, Floats, Sample
from prnet.files.arrays import Array, Arrays, array_names, read_arrays
from prnet.files.photos import PhotoStore
from prnet.formats.landmarks import as_landmarks
from prnet.geometry.camera import FLIP_Y, fit_weak_perspective
from prnet.layout.uv_layout import default_layout

DOUBTFUL = 0.02
"""Rows with a larger ``landmark_spread`` are left out."""
_INNER = slice(17, 68)
_ARRAYS = {
    "files": Array(np.str_, ("N",)),
    "landmarks68": Array(np.float32, ("N", 68, "D"), gaps=True),
    "person": Array(np.str_, ("N",), optional=True),
    "landmark_spread": Array(np.float32, ("N",), optional=True, gaps=True),
    "exact": Array(np.int32, ("K",), below=68, optional=True),
}


def read_table(path: Path, *, held_out: bool = False, origin: int = 0) -> Dataset:
    """The table's rows by name; ``held_out``: only persons (without them: photos) that training
    never sees."""
    table = _read(path)
    names = [str(name) for name in table["files"]]
    points = table["landmarks68"]
    used = ~np.isnan(points).all(axis=(1, 2))
    if "landmark_spread" in table:
        used &= ~(table["landmark_spread"] > DOUBTFUL)
    if held_out:
        used &= held_out_names(names, table["person"].tolist() if "person" in table else None)
    store = PhotoStore(path.parent)
    rows = sorted(np.flatnonzero(used).tolist(), key=names.__getitem__)
    samples = tuple(_sample(path, names[row], points[row], origin, store, row) for row in rows)
    if not samples:
        raise PrnetError(f"{path}: expected photos with landmarks, got none that were asked for")
    exact = tuple(int(point) for point in table.get("exact", ()))
    words = f"{path.name}'s points{', held-out people' if held_out else ''}, "
    words += f"first pixel {origin} in the file, 0 here"
    photos = tuple(path.parent / name for name in names)
    return Dataset(path, "table", words, "fitted to the points", samples, exact, photos)


def _sample(
    path: Path, name: str, points: NDArray[Any], origin: int, store: PhotoStore, row: int
) -> Sample:
    read_photo = partial(store.__getitem__, name)
    sample = Sample(name, None, None, np.full(3, np.nan), read_photo, row)
    try:
        landmarks = as_landmarks(points, origin, f"{path}, {name}")
        return replace(sample, landmarks=landmarks, angles=_angles(landmarks))
    except PrnetError as error:
        return replace(sample, problem=str(error))


def is_table(path: Path) -> bool:
    """Whether an ``.npz`` is such a table and not the labels of ``prnet label``."""
    try:
        names = array_names(path)
    except PrnetError:
        return False
    return "landmarks68" in names and "rotation" not in names


def _read(path: Path) -> Arrays:
    table = read_arrays(path, _ARRAYS, "a table of files and landmarks68 (.npz)")
    if table["landmarks68"].shape[2] not in (2, 3):
        raise PrnetError(
            f"{path}: expected landmarks68 (N, 68, 2 or 3), got {table['landmarks68'].shape}"
        )
    return table


def _angles(landmarks: Floats) -> Floats:
    if landmarks.shape[1] != 3:
        return np.full(3, np.nan)
    layout = default_layout()
    mean = layout.sample_landmarks(layout.canonical)[_INNER] * FLIP_Y
    return euler_angles(fit_weak_perspective(mean, landmarks[_INNER]).rotation)
