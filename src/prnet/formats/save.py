"""The faces of a photo as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prnet.files.results import face_names
from prnet.formats.output import SaveOptions
from prnet.formats.pictures import PHOTO_OUTPUTS
from prnet.formats.table import FACE_OUTPUTS
from prnet.mapped import MappedFace


def save_faces(
    faces: Sequence[MappedFace],
    name: str,
    folder: Path,
    *,
    save: Sequence[str],
    options: SaveOptions,
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Write the outputs named in ``save`` for the faces of one photo.

    Returns {output: path} for each face, and one for the photo.
    """
    of_faces: list[dict[str, str]] = []
    for face, stem in zip(faces, face_names(name, len(faces)), strict=True):
        files = {}
        for kind in save:
            if kind in FACE_OUTPUTS:
                path = folder / f"{stem}{FACE_OUTPUTS[kind].ending}"
                FACE_OUTPUTS[kind].write(face, path, options)
                files[kind] = str(path)
        of_faces.append(files)
    of_photo = {}
    for kind in save:
        if kind in PHOTO_OUTPUTS and faces and faces[0].image is not None:
            path = folder / f"{name}{PHOTO_OUTPUTS[kind].ending}"
            PHOTO_OUTPUTS[kind].write(faces, path)
            of_photo[kind] = str(path)
    return of_faces, of_photo
