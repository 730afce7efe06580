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

from prnet.errors import PrnetError, reason_of
from prnet.facemodel.morphable import MorphableModel
from prnet.files.text import read_text

NEUTRAL = "generic_neutral_mesh.obj"
IDENTITY = "identity"
CORNERS = 4
LARGEST = 1e4
"""cm; modes are kept as float16."""


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
    model = MorphableModel(
        neutral=neutral,
        uv=uv,
        faces=faces,
        face_uvs=face_uvs,
        identity=_modes(folder, identity, neutral),
        expression=_modes(folder, expression, neutral),
        identity_names=tuple(identity),
        expression_names=tuple(expression),
    )
    _check_topology(model, neutral_file)
    return model


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
    try:
        polygons = np.array([_corners(line) for line in _lines(file, "f")], np.int32) - 1
        polygons = polygons.reshape(-1, CORNERS, 2)
    except (ValueError, OverflowError) as error:
        raise PrnetError(
            f"{file}: expected faces of 3 or 4 corners v/vt, got: {reason_of(error)}"
        ) from error
    return _numbers(file, "vt", 2), polygons[..., 0].copy(), polygons[..., 1].copy()


def _corners(words: Sequence[str]) -> list[tuple[int, int]]:
    """(v, vt) of the four corners, as the file counts them; a triangle's last one twice."""
    corners = [(int(vertex), int(uv)) for vertex, uv, *_ in (word.split("/") for word in words)]
    if not 3 <= len(corners) <= CORNERS:
        raise ValueError(f"{len(corners)} corners")
    return corners + corners[-1:] * (CORNERS - len(corners))


def _check_topology(model: MorphableModel, file: Path) -> None:
    parts = (("v", model.faces, len(model.neutral)), ("vt", model.face_uvs, len(model.uv)))
    for keyword, indices, count in parts:
        if not indices.size or indices.min() < 0 or indices.max() >= count:
            raise PrnetError(f"{file}: expected faces of the {count} lines '{keyword}', got others")


def _numbers(file: Path, keyword: str, columns: int) -> NDArray[np.float32]:
    try:
        rows = [[float(word) for word in line[:columns]] for line in _lines(file, keyword)]
        numbers = np.array(rows, np.float64).reshape(-1, columns)
    except ValueError as error:
        raise PrnetError(
            f"{file}: expected lines '{keyword}' of {columns} numbers, got: {reason_of(error)}"
        ) from error
    if not (np.abs(numbers) < LARGEST).all():
        raise PrnetError(f"{file}: expected numbers below {LARGEST:g} (cm), got larger ones")
    return numbers.astype(np.float32)


def _lines(file: Path, keyword: str) -> Iterator[list[str]]:
    """The words after ``keyword`` of each line that begins with it."""
    start = keyword + " "
    for line in read_text(file, "an OBJ file").splitlines():
        if line.startswith(start):
            yield line.split()[1:]
