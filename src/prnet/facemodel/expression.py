"""Expression of a reconstructed face: how much of each of a face model's named shapes it shows.

`prnet.facemodel.at_points.expression_model` makes an `ExpressionModel` of the package's face model
or of the user's own (``prnet facemodel expression``); `ExpressionModel.load` reads its file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, shortened
from prnet.facemodel.fitting import fit_expression
from prnet.facemodel.point_basis import PointBasis
from prnet.files.arrays import Array, read_arrays, write_arrays
from prnet.files.atomic import write_bytes
from prnet.mapped import MappedFace

MAP_SIZE = 256

_ARRAYS = {
    "layout": Array(np.str_),
    "pixels": Array(np.intp, ("K",), below=MAP_SIZE**2),
    "mean": Array(np.float32, ("K", 3)),
    "modes": Array(np.float32, ("M", "K", 3)),
    "expression_names": Array(np.str_, ("E",)),
}


@dataclass(frozen=True, eq=False)
class Expression:
    """``values``: name -> 0 (not shown) .. 1 (fully), ICT-FaceKit's ARKit-style names; _L and _R
    are the person's left and right. ``identity``: (I,) float64 shape coefficients, standard
    normal over people."""

    identity: NDArray[np.float64]
    values: dict[str, float]

    def save(self, path: str | Path) -> None:
        """Write JSON: ``expression`` {name: value} and ``identity`` [numbers]."""
        described = {
            "expression": {name: round(value, 4) for name, value in self.values.items()},
            "identity": self.identity.round(4).tolist(),
        }
        write_bytes(path, (json.dumps(described, indent=2) + "\n").encode())


@dataclass(frozen=True, eq=False)
class ExpressionModel:
    """A face model at some pixels of a UV layout.

    layout: the layout's name.  pixels: (K,) flat row-major, in its region.  basis: the face
    model at those pixels.
    """

    layout: str
    pixels: NDArray[np.integer]
    basis: PointBasis

    @classmethod
    def load(cls, path: str | Path) -> ExpressionModel:
        """Read what `save` (or ``prnet facemodel expression``) wrote; PrnetError for others."""
        arrays = read_arrays(path, _ARRAYS, "an expression model (prnet facemodel expression)")
        names = tuple(map(str, arrays["expression_names"]))
        if not len(names) < len(arrays["modes"]):
            raise PrnetError(
                f"{path}: expected more modes than the {len(names)} expressions, "
                f"got {len(arrays['modes'])}"
            )
        basis = PointBasis.plain(arrays["mean"], arrays["modes"], names)
        return cls(str(arrays["layout"]), arrays["pixels"], basis)

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` of a few MB, whole or not at all: modes as float16."""
        arrays = {
            "layout": self.layout,
            "pixels": self.pixels.astype(np.int32),
            "mean": self.basis.mean,
            "modes": self.basis.modes.astype(np.float16),
            "expression_names": self.basis.expression_names,
        }
        write_arrays(path, arrays)

    def fit(self, face: MappedFace) -> Expression:
        """Least squares over the model's pixels, with a prior that favours the mean face and no
        expression: values come out a little too small rather than too large."""
        if face.layout.name != self.layout:
            wanted, got = shortened(self.layout, 40), shortened(face.layout.name, 40)
            raise PrnetError(
                f"expected a face in the expression model's UV layout '{wanted}', "
                f"got one in '{got}'"
            )
        points = face.position_map.reshape(-1, 3)[self.pixels]
        return Expression(*fit_expression(points, self.basis))
