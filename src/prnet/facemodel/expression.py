"""Expression of a reconstructed face: how much of each of a face model's named shapes it shows.

The package carries no face model: ``prnet facemodel expression`` makes the file that
`ExpressionModel.load` reads from the user's own (docs/expression.md).
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.fitting import fit_expression
from prnet.facemodel.point_basis import PointBasis
from prnet.files.atomic import write_atomically, write_bytes
from prnet.mapped import MappedFace

_KEYS = ("layout", "pixels", "mean", "modes", "expression_names")


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
        arrays = _read_arrays(Path(path))
        names = tuple(str(name) for name in arrays["expression_names"])
        mean, modes = (arrays[key].astype(np.float32) for key in ("mean", "modes"))
        pixels = arrays["pixels"]
        count = len(pixels)
        if mean.shape != (count, 3) or modes.shape[1:] != mean.shape or len(modes) <= len(names):
            raise PrnetError(
                f"{path}: expected mean (K, 3) and modes (I + {len(names)}, K, 3) for "
                f"{count} pixels, got {mean.shape} and {modes.shape}"
            )
        return cls(str(arrays["layout"]), pixels, PointBasis.plain(mean, modes, names))

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` of a few MB, whole or not at all: modes as float16."""
        with write_atomically(path) as temporary:
            np.savez_compressed(
                temporary,
                layout=np.array(self.layout),
                pixels=self.pixels.astype(np.int32),
                mean=self.basis.mean,
                modes=self.basis.modes.astype(np.float16),
                expression_names=np.array(self.basis.expression_names),
            )

    def fit(self, face: MappedFace) -> Expression:
        """Least squares over the model's pixels, with a prior that favours the mean face and no
        expression: values come out a little too small rather than too large."""
        if face.layout.name != self.layout:
            raise PrnetError(
                f"expected a face in the expression model's UV layout '{self.layout}', "
                f"got one in '{face.layout.name}'"
            )
        points = face.position_map.reshape(-1, 3)[self.pixels]
        return Expression(*fit_expression(points, self.basis))


def _read_arrays(path: Path) -> dict[str, Any]:
    expected = f"{path}: expected an expression model (prnet facemodel expression)"
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise PrnetError(f"{expected}, got another kind of file")
        with np.load(path, allow_pickle=False) as arrays:
            missing = [key for key in _KEYS if key not in arrays]
            if missing:
                raise PrnetError(f"{expected}, got a file without {', '.join(missing)}")
            return {key: arrays[key] for key in _KEYS}
    except OSError as error:
        raise PrnetError(f"{expected}, got: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise PrnetError(f"{expected}, got a damaged one: {error}") from error
