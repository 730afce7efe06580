"""ICT-FaceKit's own ``FaceXModel`` folder of OBJ files -> `MorphableModel`.

ICT-FaceKit (USC Institute for Creative Technologies, MIT licence):
https://github.com/ICT-VGL/ICT-FaceKit. Upstream's reader defines a mode as its OBJ minus the
neutral OBJ, in the order of the files' vertices, and draws identity coefficients from a standard
normal: the modes have unit variance as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel

NEUTRAL = "generic_neutral_mesh.obj"
IDENTITY = "identity"
CORNERS = 4


def read_face_model(folder: str | Path) -> MorphableModel:
    """Read ``generic_neutral_mesh.obj``, ``identityNNN.obj`` and one OBJ for each expression.

    Every other OBJ file of the folder is an expression, in the order of the names. Vertices keep
    upstream's order and unit (cm). Raises PrnetError when a file is missing or does not have the
    neutral mesh's vertices.
    """
    folder = Path(folder)
    neutral_file = folder / NEUTRAL
    if not neutral_file.is_file():
        raise PrnetError(f"{folder}: expected ICT-FaceKit's FaceXModel folder, got no {NEUTRAL}")
    stems = sorted(file.stem for file in folder.glob("*.obj") if file != neutral_file)
    identity = [stem for stem in stems if stem.startswith(IDENTITY)]
    expression = [stem for stem in stems if not stem.startswith(IDENTITY)]
    _check_complete(folder, identity, expression)
    neutral = _vertices(neutral_file)
    uv, faces, face_uvs = _topology(neutral_file)
    return MorphableModel(
        neutral=neutral,
        uv=uv,
        faces=faces,
        face_uvs=face_uvs,
        identity=_modes(folder, identity, neutral),
        expression=_modes(folder, expression, neutral),
        identity_names=tuple(identity),
        expression_names=tuple(expression),
    )


def _check_complete(folder: Path, identity: Sequence[str], expression: Sequence[str]) -> None:
    numbered = [f"{IDENTITY}{number:03d}" for number in range(len(identity))]
    if not identity or not expression:
        raise PrnetError(
            f"{folder}: expected OBJ files of identities and expressions, "
            f"got {len(identity)} and {len(expression)}"
        )
    missing = sorted(set(numbered) - set(identity))
    if missing:
        raise PrnetError(
            f"{folder}: expected {IDENTITY}000.obj to {sorted(identity)[-1]}.obj, "
            f"got no {missing[0]}.obj"
        )


def _modes(folder: Path, stems: Sequence[str], neutral: NDArray[np.float32]) -> NDArray[np.float16]:
    modes = np.empty((len(stems), *neutral.shape), np.float16)
    for mode, stem in zip(modes, stems, strict=True):
        file = folder / f"{stem}.obj"
        vertices = _vertices(file)
        if vertices.shape != neutral.shape:
            raise PrnetError(
                f"{file}: expected {len(neutral)} vertices as in {NEUTRAL}, got {len(vertices)}"
            )
        mode[:] = vertices - neutral
    return modes


def _vertices(file: Path) -> NDArray[np.float32]:
    return _numbers(file, "v", 3)


def _topology(file: Path) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Texture coordinates and the polygons' corners in vertices and in texture coordinates."""
    corners = [[corner.split("/") for corner in line] for line in _lines(file, "f")]
    try:
        polygons = np.array(
            [
                [(int(vertex) - 1, int(uv) - 1) for vertex, uv, *_ in polygon]
                + [(int(polygon[-1][0]) - 1, int(polygon[-1][1]) - 1)] * (CORNERS - len(polygon))
                for polygon in corners
            ],
            np.int32,
        ).reshape(-1, CORNERS, 2)
    except ValueError as error:
        raise PrnetError(f"{file}: expected faces of 3 or 4 corners v/vt, got {error}") from error
    return _numbers(file, "vt", 2), polygons[..., 0].copy(), polygons[..., 1].copy()


def _numbers(file: Path, keyword: str, columns: int) -> NDArray[np.float32]:
    try:
        rows = [line[:columns] for line in _lines(file, keyword)]
        return np.array(rows, np.float64).reshape(-1, columns).astype(np.float32)
    except ValueError as error:
        raise PrnetError(
            f"{file}: expected lines '{keyword}' of {columns} numbers, got {error}"
        ) from error


def _lines(file: Path, keyword: str) -> Iterator[list[str]]:
    """The words after ``keyword`` of each line that begins with it."""
    start = keyword + " "
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(start):
                    yield line.split()[1:]
    except OSError as error:
        raise PrnetError(f"{file}: expected a readable OBJ file, got: {error}") from error
