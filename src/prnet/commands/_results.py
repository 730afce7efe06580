"""Names and files of results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet.draw import overlay
from prnet.errors import PrnetError
from prnet.export import FACE_OUTPUTS
from prnet.export_pictures import depth_of_all
from prnet.face import Face
from prnet.image import save_image

PhotoPicture = Callable[[NDArray[np.uint8], Sequence[Face]], NDArray[np.uint8] | NDArray[np.uint16]]

PHOTO_OUTPUTS: Final[dict[str, tuple[str, str, PhotoPicture]]] = {
    "overlay": ("_overlay.jpg", "photo with mesh, landmarks, pose box", overlay),
    "depth-all": ("_depth_all.png", "depth of all faces of the photo, as depth", depth_of_all),
}
"""Name: (ending, summary, picture of the photo and all its faces)."""

SUMMARIES: Final = {
    **{name: output.summary for name, output in FACE_OUTPUTS.items()},
    **{name: summary for name, (_, summary, _) in PHOTO_OUTPUTS.items()},
}
"""Everything that can be saved, by name."""

NEEDS: Final = {name: output.needs for name, output in FACE_OUTPUTS.items() if output.needs}
"""Options without which an output cannot be saved."""


def output_names(paths: Sequence[Path]) -> list[str]:
    """One name for each photo's results: its stem; where stems clash (a.jpg and a.png, on file
    systems that ignore case A.jpg too), with the suffix (a_jpg, a_png); then with a number."""
    stems = Counter(path.stem.casefold() for path in paths)
    taken: set[str] = set()
    names = []
    for path in paths:
        clash = stems[path.stem.casefold()] > 1 or _is_face_of_another(path.stem, stems)
        name = f"{path.stem}_{path.suffix[1:].lower()}" if clash else path.stem
        unique, number = name, 2
        while unique.casefold() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.casefold())
        names.append(unique)
    return names


def _is_face_of_another(stem: str, stems: Collection[str]) -> bool:
    """a_1.jpg next to a.jpg, whose second face is called a_1."""
    name, _, number = stem.casefold().rpartition("_")
    return number.isdigit() and name in stems


def face_names(name: str, count: int) -> list[str]:
    """NAME for one face, NAME_0, NAME_1 ... for several."""
    return [name] if count == 1 else [f"{name}_{i}" for i in range(count)]


def save_faces(
    faces: Sequence[Face],
    name: str,
    folder: Path,
    *,
    save: Sequence[str],
    settings: Mapping[str, Any] = MappingProxyType({}),
    keep: Collection[Path] = (),
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Write the outputs named in ``save`` for the faces of one photo.

    ``settings``: values for the outputs' options, by name; others are left alone. Returns
    {output: path} for each face, and one for the photo. Raises PrnetError rather than write over
    one of the files ``keep`` (absolute paths).
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
                options = {key: settings[key] for key in output.options if key in settings}
                output.write(face, path, **options)
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


def make_folder(path: Path) -> Path:
    """The folder for results, made when missing; PrnetError when nothing can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PrnetError(f"{path}: expected a folder for the results, got: {reason}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PrnetError(f"{path}: expected a folder that can be written, got one that cannot")
    return path
