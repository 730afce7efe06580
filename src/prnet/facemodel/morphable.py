"""The 3D morphable model that turns coefficients into vertices (for training only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, shortened
from prnet.files.arrays import Array, read_arrays, write_arrays

_ARRAYS = {
    "neutral": Array(np.float32, ("V", 3)),
    "uv": Array(np.float32, ("U", 2)),
    "faces": Array(np.int32, ("F", 4), below="V"),
    "face_uvs": Array(np.int32, ("F", 4), below="U"),
    "identity": Array(np.float16, ("I", "V", 3)),
    "expression": Array(np.float16, ("E", "V", 3)),
    "identity_names": Array(np.str_, ("I",)),
    "expression_names": Array(np.str_, ("E",)),
}


@dataclass(frozen=True)
class MorphableModel:
    """A linear face model: vertices = neutral + identity modes + expression shapes.

    neutral: (V, 3) float32, model units (ICT-FaceKit: cm), y up, z toward the viewer.
    uv: (U, 2) float32 in 0..1, v up.  faces, face_uvs: (F, 4) int32 polygons into vertices and
    uvs; a triangle repeats its last index.  identity: (I, V, 3) float16, unit variance.
    expression: (E, V, 3) float16, each in 0..1.
    """

    neutral: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: NDArray[np.int32]
    face_uvs: NDArray[np.int32]
    identity: NDArray[np.float16]
    expression: NDArray[np.float16]
    identity_names: tuple[str, ...]
    expression_names: tuple[str, ...]

    @classmethod
    def load(cls, path: str | Path) -> MorphableModel:
        """Read the ``.npz`` that `save` (or ``prnet facemodel``) wrote."""
        values: dict[str, Any] = dict(read_arrays(path, _ARRAYS, "a face model (.npz)"))
        for key in ("identity_names", "expression_names"):
            values[key] = tuple(map(str, values[key]))
        return cls(**values)

    def save(self, path: str | Path) -> None:
        """Write everything to one ``.npz``, whole or not at all."""
        write_arrays(path, {key: getattr(self, key) for key in _ARRAYS}, compressed=False)

    def expression_basis(self, names: Sequence[str]) -> NDArray[np.float16]:
        """The shapes of ``names`` in that order: (len(names), V, 3)."""
        unknown = set(names) - set(self.expression_names)
        if unknown:
            names = shortened(", ".join(sorted(unknown)))
            raise PrnetError(f"expected expressions of the face model, got {names}")
        return self.expression[[self.expression_names.index(name) for name in names]]

    def vertices(
        self,
        identity: NDArray[np.floating],
        expression: NDArray[np.floating],
        *,
        expression_names: Sequence[str] | None = None,
        subset: NDArray[np.integer] | slice = slice(None),
    ) -> NDArray[np.float32]:
        """Coefficients (..., I) and (..., E) -> vertices (..., V, 3) in model units.

        ``subset`` limits the result to those vertices.
        """
        shapes = (
            self.expression if expression_names is None else self.expression_basis(expression_names)
        )
        basis = np.concatenate([self.identity[:, subset], shapes[:, subset]]).astype(np.float32)
        coefficients = np.concatenate([identity, expression], axis=-1).astype(np.float32)
        offsets = np.tensordot(coefficients, basis, axes=1)
        return np.asarray(self.neutral[subset] + offsets, np.float32)
