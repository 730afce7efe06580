"""The Basel Face Model 2009 with 3DDFA's expressions, which 300W-LP is annotated with.

The files are the user's: Basel's licence lets nobody pass them on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of
from prnet.files.mat import read_mat, read_mat_struct

FACE3D_FILE = "BFM.mat"
UV_FILE = "BFM_UV.mat"
BASEL_FILES = (
    *("01_MorphableModel.mat", "model_info.mat", "Model_Shape.mat"),
    *("Model_Expression.mat", "Model_Exp.mat", "Model_tri_mouth.mat"),
)
"""Basel's own file and 3DDFA's; those that are there are read together."""

_NAMES = {
    "mean": ("shapeMU", "mu_shape"),
    "shape": ("shapePC", "w"),
    "expression_mean": ("expMU", "mu_exp"),
    "expression": ("expPC", "w_exp"),
    "triangles": ("tri",),
    "mouth": ("tri_mouth",),
    "landmarks": ("kpt_ind", "keypoints"),
    "trim": ("trimIndex",),
    "uv": ("UV",),
}
"""What each array is called in face3d's BFM.mat, and in Basel's and 3DDFA's files."""

_OPTIONAL = {"mouth", "trim"}


@dataclass(frozen=True)
class BaselFaceModel:
    """mean + basis x coefficients, in model units (micrometres), y up, z toward the viewer.

    mean: (V, 3) float32.  basis: (V * 3, S + E) float32, shape modes and then expressions, not
    scaled by their deviations, as 300W-LP's coefficients are for.  triangles: (T, 3) int32 with
    those that close the mouth.  landmarks: (68,) vertices.  uv: (V, 2) float32 in 0..1, v up.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    shape_modes: int
    triangles: NDArray[np.int32]
    landmarks: NDArray[np.int64]
    uv: NDArray[np.float32]

    def vertices(
        self, shape: NDArray[np.floating], expression: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Coefficients (S,) and (E,) -> vertices (V, 3)."""
        coefficients = np.concatenate([shape, expression]).astype(np.float32)
        return self.mean + (self.basis @ coefficients).reshape(-1, 3)

    @property
    def expression_modes(self) -> int:
        return int(self.basis.shape[1]) - self.shape_modes

    @classmethod
    def load(cls, path: str | Path) -> BaselFaceModel:
        """Read a folder, or face3d's ``BFM.mat`` in it.

        The folder holds ``BFM_UV.mat`` and either ``BFM.mat`` (face3d) or Basel's
        ``01_MorphableModel.mat`` with 3DDFA's ``model_info.mat`` and ``Model_Expression.mat``, or
        3DDFA's ``Model_Shape.mat`` and ``Model_Exp.mat``; ``Model_tri_mouth.mat`` is optional.
        Raises PrnetError for missing files and arrays that do not fit together.
        """
        path = Path(path)
        folder = path.parent if path.is_file() else path
        file = path if path.is_file() else folder / FACE3D_FILE
        if file.is_file():
            arrays = _named(read_mat_struct(file, "model"))
        else:
            names = [name for names in _NAMES.values() for name in names]
            found = [folder / name for name in BASEL_FILES if (folder / name).is_file()]
            if not found:
                raise PrnetError(
                    f"{folder}: expected {FACE3D_FILE}, or {', '.join(BASEL_FILES)}, got none"
                )
            arrays = {}
            for part in found:
                arrays |= _named(read_mat(part, names))
        if not (folder / UV_FILE).is_file():
            raise PrnetError(f"{folder}: expected {UV_FILE} (of 3DMMasSTN) in it, got no such file")
        arrays |= _named(read_mat(folder / UV_FILE, ["UV"]))
        missing = [
            " or ".join(_NAMES[name]) for name in _NAMES if name not in {*arrays, *_OPTIONAL}
        ]
        if missing:
            raise PrnetError(f"{folder}: expected {', '.join(missing)} in its .mat files, got none")
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                model = _assembled(arrays)
        except (ValueError, IndexError) as error:  # NumPy says what does not fit together
            raise PrnetError(
                f"{folder}: expected the arrays of a Basel Face Model, got: {reason_of(error)}"
            ) from error
        _check(model, folder)
        return model


def _named(variables: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {
        field: np.asarray(variables[name])
        for field, names in _NAMES.items()
        for name in names
        if name in variables
    }


def _assembled(arrays: dict[str, NDArray[Any]]) -> BaselFaceModel:
    if "trim" in arrays:
        _trim(arrays)
    mean = (arrays["mean"].ravel() + arrays["expression_mean"].ravel()).astype(np.float32)
    basis = np.concatenate([arrays["shape"], arrays["expression"]], axis=1, dtype=np.float32)
    parts = [_triangles(arrays[name]) for name in ("triangles", "mouth") if name in arrays]
    return BaselFaceModel(
        mean=mean.reshape(-1, 3),
        basis=basis,
        shape_modes=arrays["shape"].shape[1],
        triangles=np.concatenate(parts),
        landmarks=arrays["landmarks"].ravel().astype(np.int64) - 1,
        uv=arrays["uv"].astype(np.float32),
    )


def _trim(arrays: dict[str, NDArray[Any]]) -> None:
    """Reduce what is still Basel's 53,490 vertices to 3DDFA's 53,215, in place."""
    kept = arrays["trim"].ravel().astype(np.int64) - 1
    coordinates = (3 * kept[:, None] + np.arange(3)).ravel()
    for name, rows in (("mean", coordinates), ("shape", coordinates), ("uv", kept)):
        if len(arrays[name]) > len(rows):
            arrays[name] = arrays[name][rows]


def _triangles(array: NDArray[Any]) -> NDArray[np.int32]:
    """MATLAB's (3, T), counted from one -> (T, 3) counted from zero."""
    rows = array.T if array.shape[0] == 3 else array
    return rows.reshape(-1, 3).astype(np.int32) - 1


def _check(model: BaselFaceModel, folder: Path) -> None:
    count = len(model.mean)
    if len(model.basis) != 3 * count or model.uv.shape != (count, 2):
        raise PrnetError(
            f"{folder}: expected bases and {UV_FILE} of {count} vertices, got {len(model.basis)} "
            f"rows and {model.uv.shape}"
        )
    if model.landmarks.shape != (68,):
        raise PrnetError(f"{folder}: expected 68 landmarks, got {len(model.landmarks)}")
    if not all(np.isfinite(array).all() for array in (model.mean, model.basis, model.uv)):
        raise PrnetError(f"{folder}: expected numbers that fit into float32, got larger ones")
    for name, indices in (("triangles", model.triangles), ("landmarks", model.landmarks)):
        if not indices.size or indices.min() < 0 or indices.max() >= count:
            raise PrnetError(
                f"{folder}: expected {name} of vertices 1..{count}, "
                f"got {indices.min() + 1}..{indices.max() + 1}"
            )
