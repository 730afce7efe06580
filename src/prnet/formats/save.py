"""The faces of a photo as files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import Final

from prnet.files.inputs import IMAGE_SUFFIXES
from prnet.files.keep import check_replaceable
from prnet.files.results import face_names, is_whole, without_face_number
from prnet.formats.obj import readable_by_all
from prnet.formats.output import SaveOptions
from prnet.formats.pictures import PHOTO_OUTPUTS
from prnet.formats.table import ENDINGS, FACE_OUTPUTS
from prnet.mapped import MappedFace

PICTURES: Final = tuple(ending for ending in ENDINGS if ending.endswith(IMAGE_SUFFIXES))
SIGNS: Final = tuple(ending for ending in {*ENDINGS} - {*PICTURES} if ending.startswith("_"))
"""Of files that a photo hardly has but by :func:`save_faces`, unlike NAME.mat."""


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

    Returns {output: path} for each face, and one for the photo. Raises PrnetError, and writes
    nothing, where one would replace a photo.
    """
    of_faces: list[dict[str, str]] = []
    named = list(zip(faces, face_names(name, len(faces)), strict=True))
    for _, stem in named:
        for path in _face_files(stem, folder, save):
            check_replaceable(path)
    for kind in save:
        if kind in PHOTO_OUTPUTS:
            check_replaceable(folder / f"{name}{PHOTO_OUTPUTS[kind].ending}")
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
    there = list(
        takewhile(lambda stem: any(map(Path.exists, _face_files(stem, folder, save))), numbered)
    )
    return len(there) > 1 and all(_face_whole(stem, folder, save, since) for stem in there)


def _face_files(stem: str, folder: Path, save: Sequence[str]) -> Iterator[Path]:
    for kind in save:
        if kind in FACE_OUTPUTS:
            yield folder / f"{stem}{FACE_OUTPUTS[kind].ending}"
            for ending in FACE_OUTPUTS[kind].beside:
                yield readable_by_all(folder / f"{stem}{ending}")


def _face_whole(stem: str, folder: Path, save: Sequence[str], since: int) -> bool:
    return all(is_whole(path, since) for path in _face_files(stem, folder, save))


def pictures_saved(folder: Path, pictures: Sequence[Path]) -> set[Path]:
    """Those of the ``pictures`` in ``folder`` that are results of others of them: NAME and a
    picture's ending, where NAME_pose.json, say, shows that :func:`save_faces` wrote them."""
    names = {path.stem for path in pictures}
    names |= {f"{path.stem}_{path.suffix[1:].lower()}" for path in pictures}
    done = {_owner(file, SIGNS, names) for file in os.listdir(folder)} - {None}
    return {path for path in pictures if _owner(path.name, PICTURES, names) in done}


def _owner(file: str, endings: Sequence[str], names: Collection[str]) -> str | None:
    """Which of ``names`` the results have that a file is one of."""
    stems = [file.removesuffix(ending) for ending in endings if file.endswith(ending)]
    owners = (name for stem in stems for name in (stem, without_face_number(stem)))
    return next((name for name in owners if name in names), None)


def pictures_alone(save: Sequence[str]) -> bool:
    """Whether pictures are saved, and nothing that :func:`pictures_saved` knows them by."""
    endings = [(FACE_OUTPUTS | PHOTO_OUTPUTS)[kind].ending for kind in save]
    return not {*endings}.isdisjoint(PICTURES) and {*endings}.isdisjoint(SIGNS)
