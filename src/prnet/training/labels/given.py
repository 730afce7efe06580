"""Landmarks that come with the photos, from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.arrays import Array, read_arrays
from prnet.training.labels.landmarks import POINTS, MeshPoints

_GIVEN = {
    "files": Array(np.str_, ("N",)),
    "person": Array(np.str_, ("N",), optional=True),
    "landmark_spread": Array(np.float64, ("N",), optional=True, gaps=True),
    **{
        f"landmarks{count}": Array(np.float64, ("N", count, f"D{count}"), optional=True, gaps=True)
        for count in (POINTS, 68)
    },
}

LEAST_REACH = 3.0
"""Pixels; points that reach no farther are shares of the photo's sides."""


@dataclass(frozen=True)
class GivenLandmarks:
    """Landmarks from a file: by name the row, ``mesh`` (N, 468, 2 or 3), ``landmarks68``."""

    rows: dict[str, int]
    mesh: NDArray[np.floating] | None
    landmarks68: NDArray[np.floating] | None
    spread: NDArray[np.floating] | None
    person: NDArray[np.str_] | None

    @classmethod
    def load(cls, path: Path | None) -> GivenLandmarks:
        if path is None:
            return cls({}, None, None, None, None)
        arrays = read_arrays(path, _GIVEN, "landmarks (.npz)")
        tables = [arrays.get(f"landmarks{count}") for count in (POINTS, 68)]
        if all(table is None for table in tables):
            raise PrnetError(f"{path}: expected landmarks68 or landmarks{POINTS}, got neither")
        if any(table is not None and table.shape[2] not in (2, 3) for table in tables):
            raise PrnetError(f"{path}: expected points of 2 or 3 coordinates, got others")
        for table in tables:
            known = np.abs(table[np.isfinite(table)]) if table is not None else np.zeros(0)
            if known.size and known.max() < LEAST_REACH:
                raise PrnetError(
                    f"{path}: expected points in pixels, got none beyond {known.max():.3g}"
                )
        others = [arrays.get(key) for key in ("landmark_spread", "person")]
        rows = {str(name): row for row, name in enumerate(arrays["files"])}
        if len(rows) < len(arrays["files"]):
            raise PrnetError(f"{path}: expected each photo once in files, got some twice")
        return cls(rows, *tables, *others)

    def mesh_of(self, name: str) -> MeshPoints | None:
        row = self.rows.get(name)
        if row is None or self.mesh is None or not np.isfinite(self.mesh[row]).all():
            return None
        if not np.ptp(self.mesh[row, :, :2], axis=0).all():  # a line or one point
            return None
        return MeshPoints(self.mesh[row].astype(np.float32), self.spread_of(name))

    def spread_of(self, name: str) -> float:
        """0 where none is given."""
        return 0.0 if self.spread is None else float(np.nan_to_num(self.spread[self.rows[name]]))

    def person_of(self, name: str) -> str:
        """Empty where none is given."""
        row = self.rows.get(name)
        if row is None or self.person is None:
            return ""
        return str(self.person[row])

    def landmarks68_of(self, name: str) -> NDArray[np.float64]:
        """(68, 2), NaN where none are given."""
        row = self.rows.get(name)
        if row is None or self.landmarks68 is None:
            return np.full((68, 2), np.nan)
        return self.landmarks68[row, :, :2].astype(np.float64)
