"""True position maps from morphable-model coefficients.

A position map is linear in the coefficients up to the camera: `MapBasis` holds, for a chosen set of
UV pixels, the mean positions and one offset per coefficient, so a batch of maps is one matrix
product (the paper makes its maps by rendering; section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel
from prnet.files.arrays import Array, read_arrays, write_arrays
from prnet.packaged import TRAINING_DATA

Floats = NDArray[np.float32]


_CHART = {
    "start": Array(np.int64, (256 * 256 + 1,)),
    "vertex": Array(np.int32, ("N",), below="V"),
    "weight": Array(np.float32, ("N",)),
    "rigid": Array(np.bool_, ("V",)),
}


@dataclass(frozen=True, eq=False)
class Chart:
    """Which combination of model vertices lies at each UV pixel: a sparse (65536, V) matrix.

    start: (65537,) int, where each pixel's entries begin (row-major pixels); vertex: (n,) int32;
    weight: (n,) float32.  rigid: (V,) bool, vertices whose expression offsets are ignored (the
    eyeballs, which a gaze only turns in themselves).
    """

    start: NDArray[np.int64]
    vertex: NDArray[np.int32]
    weight: NDArray[np.float32]
    rigid: NDArray[np.bool_]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Chart:
        """Read ``path``, by default the package's chart of ICT-FaceKit's face."""
        source = path or TRAINING_DATA / "ict_chart.npz"
        arrays = read_arrays(source, _CHART, "a chart of a face model (.npz)")
        start = arrays["start"]
        if start[0] != 0 or start[-1] != len(arrays["vertex"]) or (np.diff(start) < 0).any():
            raise PrnetError(f"{source}: expected rising starts of entries, got others")
        return cls(**arrays)

    def save(self, path: str | Path) -> None:
        """Write one ``.npz``, whole or not at all."""
        write_arrays(path, {key: getattr(self, key) for key in _CHART})

    @property
    def region(self) -> NDArray[np.bool_]:
        """(256, 256) bool: pixels that have a position."""
        size = round(len(self.start[:-1]) ** 0.5)
        return (np.diff(self.start) > 0).reshape(size, size)

    def apply(self, values: Floats, pixels: NDArray[np.intp]) -> Floats:
        """Vertex values (V, C) -> (len(pixels), C) at flat row-major ``pixels`` of the region."""
        first, last = self.start[pixels], self.start[pixels + 1]
        counts = last - first
        if counts.size and counts.min() == 0:
            raise PrnetError("expected pixels inside the chart's region")
        offsets = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        entry = np.arange(int(counts.sum())) + offsets
        terms = values[self.vertex[entry]] * self.weight[entry, None]
        return np.add.reduceat(terms, np.concatenate([[0], np.cumsum(counts)[:-1]]), axis=0)


@dataclass(frozen=True, eq=False)
class MapBasis:
    """Positions of P UV points as a linear function of K coefficients (identity, expression).

    mean: (P, 3) float32 and offsets: (K, P, 3) float32, model units, y up.
    """

    mean: Floats
    offsets: Floats

    @classmethod
    def from_model(
        cls,
        model: MorphableModel,
        chart: Chart,
        expression_names: tuple[str, ...],
        pixels: NDArray[np.intp],
    ) -> MapBasis:
        """The basis at flat row-major ``pixels`` of the chart's region."""
        expression = model.expression_basis(expression_names).astype(np.float32)
        expression[:, chart.rigid] = 0
        shapes = [*model.identity, *expression]
        offsets = np.stack([chart.apply(np.asarray(s, np.float32), pixels) for s in shapes])
        return cls(mean=chart.apply(model.neutral, pixels), offsets=offsets)

    def positions(
        self, coefficients: Floats, apart: Floats | None = None, view: Floats | None = None
    ) -> Floats:
        """Coefficients (N, K) -> positions (N, P, 3) in model units.

        ``apart`` (N, K): what a photo shows beyond them to the sides of its line of sight, ``view``
        (N, 3; the last row of its camera's rotation), and not along it.
        """
        flat = self.offsets.reshape(len(self.offsets), -1)
        points = (coefficients @ flat).reshape(len(coefficients), -1, 3) + self.mean
        if apart is None or view is None:
            return points
        beside = (apart @ flat).reshape(points.shape)
        along = (beside @ view[:, :, None]) * view[:, None]
        return np.asarray(points + beside - along, np.float32)
