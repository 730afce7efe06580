"""The face model of the package: ICT-FaceKit's modes on the vertices of our UV chart, in bytes.

Made by ``tools/make_face_model.py``; its licence is ``data/NOTICE``. Vertices keep ICT-FaceKit's
numbers; those that nothing here needs (teeth, sockets, the back of the head) are at 0, and there
are no polygons.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.facemodel.morphable import MorphableModel
from prnet.files.arrays import Array, read_arrays, write_arrays
from prnet.packaged import TRAINING_DATA

_ARRAYS: Final = {
    "total": Array(np.int32),
    "vertices": Array(np.int32, ("V",)),
    "neutral": Array(np.float32, ("V", 3)),
    "identity": Array(np.int8, ("I", "V", 3)),
    "identity_steps": Array(np.float32, ("I",)),
    "expression": Array(np.int8, ("E", "V", 3)),
    "expression_steps": Array(np.float32, ("E",)),
    "identity_names": Array(np.str_, ("I",)),
    "expression_names": Array(np.str_, ("E",)),
}
_LARGEST: Final = 127


def face_model(path: str | Path | None = None) -> MorphableModel:
    """The face model that ``prnet facemodel`` wrote to ``path``, by default the package's."""
    if path is not None:
        return MorphableModel.load(path)
    return load_quantised(TRAINING_DATA / "face_model.npz")


def quantised(modes: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Modes (K, V, 3) -> whole numbers of steps, and the step (K,) of each mode."""
    values = modes.astype(np.float32)
    steps = np.abs(values).max(axis=(1, 2)) / _LARGEST
    steps[steps == 0] = 1
    return np.rint(values / steps[:, None, None]).astype(np.int8), steps.astype(np.float32)


def save_quantised(path: str | Path, model: MorphableModel, vertices: NDArray[np.integer]) -> None:
    """Write the ``vertices`` of a model, and nothing of the others."""
    arrays = {
        "total": np.array(len(model.neutral)),
        "vertices": vertices.astype(np.int32),
        "neutral": model.neutral[vertices],
        "identity_names": np.array(model.identity_names),
        "expression_names": np.array(model.expression_names),
    }
    for name in ("identity", "expression"):
        arrays[name], arrays[f"{name}_steps"] = quantised(getattr(model, name)[:, vertices])
    write_arrays(path, arrays, compressed=True)


def load_quantised(path: str | Path) -> MorphableModel:
    """What `save_quantised` wrote."""
    arrays = read_arrays(path, _ARRAYS, "a quantised face model (.npz)")
    total, vertices = int(arrays["total"]), arrays["vertices"]

    def whole(name: str) -> NDArray[np.float16]:
        modes = np.zeros((len(arrays[name]), total, 3), np.float16)
        modes[:, vertices] = arrays[name] * arrays[f"{name}_steps"][:, None, None]
        return modes

    neutral = np.zeros((total, 3), np.float32)
    neutral[vertices] = arrays["neutral"]
    return MorphableModel(
        neutral=neutral,
        uv=np.zeros((0, 2), np.float32),
        faces=np.zeros((0, 4), np.int32),
        face_uvs=np.zeros((0, 4), np.int32),
        identity=whole("identity"),
        expression=whole("expression"),
        identity_names=tuple(map(str, arrays["identity_names"])),
        expression_names=tuple(map(str, arrays["expression_names"])),
    )
