"""The faces of a photo as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, takewhile
from pathlib import Path

from prnet.files.results import face_names, is_whole
from prnet.formats.obj import readable_by_all
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
    """Write the outputs named in ``save`` for the faces of one photo; those of the first face and
    then of the photo last, so that :func:`saved_whole` can tell.

    Returns {output: path} for each face, and one for the photo.
    """
    of_faces: list[dict[str, str]] = []
    named = list(zip(faces, face_names(name, len(faces)), strict=True))
    for face, stem in reversed(named):
        files = {}
        for kind in save:
            if kind in FACE_OUTPUTS:
                path = folder / f"{stem}{FACE_OUTPUTS[kind].ending}"
                FACE_OUTPUTS[kind].write(face, path, options)
                files[kind] = str(path)
        of_faces.insert(0, files)
    of_photo = {}
    for kind in save:
        if kind in PHOTO_OUTPUTS and faces and faces[0].image is not None:
            path = folder / f"{name}{PHOTO_OUTPUTS[kind].ending}"
            PHOTO_OUTPUTS[kind].write(faces, path)
            of_photo[kind] = str(path)
    return of_faces, of_photo


def saved_whole(name: str, folder: Path, *, save: Sequence[str], since: int) -> bool:
    """Whether :func:`save_faces` has done all its work for a photo with a face, in this run or an
    earlier one, no file of it empty or changed before ``since`` (nanoseconds)."""
    of_photo = [f"{name}{PHOTO_OUTPUTS[kind].ending}" for kind in save if kind in PHOTO_OUTPUTS]
    if not all(is_whole(folder / file, since) for file in of_photo):
        return False
    if len(of_photo) == len(save) or _face_whole(name, folder, save, since):
        return True
    numbered = (f"{name}_{number}" for number in count())
    there = list(takewhile(lambda stem: _any_file(stem, folder, save), numbered))
    return len(there) > 1 and all(_face_whole(stem, folder, save, since) for stem in there)


def _face_files(stem: str, folder: Path, save: Sequence[str]) -> Iterator[Path]:
    for kind in save:
        if kind in FACE_OUTPUTS:
            yield folder / f"{stem}{FACE_OUTPUTS[kind].ending}"
            for ending in FACE_OUTPUTS[kind].beside:
                yield readable_by_all(folder / f"{stem}{ending}")


def _face_whole(stem: str, folder: Path, save: Sequence[str], since: int) -> bool:
    return all(is_whole(path, since) for path in _face_files(stem, folder, save))


def _any_file(stem: str, folder: Path, save: Sequence[str]) -> bool:
    return any(path.exists() for path in _face_files(stem, folder, save))
