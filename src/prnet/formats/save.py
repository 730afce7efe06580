"""The faces of a photo as files."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from prnet.errors import PrnetError
from prnet.files.image import save_image
from prnet.files.results import face_names
from prnet.formats.output import SaveOptions
from prnet.formats.table import FACE_OUTPUTS, PHOTO_OUTPUTS
from prnet.mapped import MappedFace


def save_faces(
    faces: Sequence[MappedFace],
    name: str,
    folder: Path,
    *,
    save: Sequence[str],
    options: SaveOptions,
    keep: Collection[Path] = (),
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Write the outputs named in ``save`` for the faces of one photo.

    Returns {output: path} for each face, and one for the photo. Raises PrnetError rather than
    write over one of the files ``keep`` (absolute paths).
    """

    def target(stem: str, ending: str) -> Path:
        path = folder / f"{stem}{ending}"
        if Path(os.path.abspath(path)) in keep:
            raise PrnetError(f"{path}: expected a place for a result, got one of the photos")
        return path

    of_faces: list[dict[str, str]] = []
    for face, stem in zip(faces, face_names(name, len(faces)), strict=True):
        files = {}
        for kind in save:
            if kind in FACE_OUTPUTS:
                output = FACE_OUTPUTS[kind]
                path = target(stem, output.ending)
                for ending in output.beside:
                    target(stem, ending)
                output.write(face, path, options)
                files[kind] = str(path)
        of_faces.append(files)
    of_photo = {}
    for kind in save:
        if kind in PHOTO_OUTPUTS and faces and faces[0].image is not None:
            ending, _, picture = PHOTO_OUTPUTS[kind]
            path = target(name, ending)
            save_image(path, picture(faces[0].image, faces))
            of_photo[kind] = str(path)
    return of_faces, of_photo
