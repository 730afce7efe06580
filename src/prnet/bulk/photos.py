"""One photo of many: its faces, their files, and what is told of it."""

from __future__ import annotations

import os
import traceback
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from prnet.errors import DEBUG_HINT, FullDiskError, PrnetError, PrnetWarning, in_words
from prnet.face import Face
from prnet.files.inputs import Found, find_inputs, read_lists
from prnet.files.results import folded_name, output_names
from prnet.formats.arrays import describe_face
from prnet.formats.output import SaveOptions
from prnet.formats.save import pictures_alone, pictures_saved, save_faces, saved_whole
from prnet.formats.table import ENDINGS
from prnet.geometry.boxes import BesideError, Box
from prnet.reconstruct import Reconstructor

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photo; with ``--json``, one line of the output. One that failed has faces
    where only some of the given places lie beside it."""

    file: str
    status: Literal["ok", "no_face", "failed", "skipped"]
    error: str | None = None
    faces: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


class NamedPhoto(NamedTuple):
    """A photo, the folder below that of the results for its files, and how these are called."""

    path: Path
    below: Path
    name: str


def find_photos(
    arguments: Iterable[str], *, recursive: bool, results: Path, save: Sequence[str]
) -> tuple[list[PhotoResult], list[NamedPhoto]]:
    """Photos to do, of arguments as :func:`read_lists` and :func:`find_inputs` take them, and a
    failure for each folder, pattern or list that holds none. ``results``: the folder for these.
    Of folders where results go, those of earlier runs are left out, and a PrnetWarning says so."""
    failures: list[PhotoResult] = []
    found: dict[str, Found] = {}
    for argument in arguments:
        try:
            lines = list(read_lists([argument]))
        except PrnetError as error:
            failures.append(failed(argument, error))
            continue
        for line in lines:
            try:
                inputs = find_inputs([line], recursive=recursive, results=results)
                if os.path.isdir(line):
                    inputs = _without_results(inputs, Path(line), results, save)
                for each in inputs:
                    found.setdefault(os.path.abspath(each.path), each)
            except Exception as error:
                failures.append(failed(line, error))
    return failures, named_photos(found.values())


def _without_results(
    found: Sequence[Found], given: Path, results: Path, save: Sequence[str]
) -> list[Found]:
    folders = defaultdict[Path, list[Path]](list)
    for photo in found:
        folders[photo.below].append(photo.path)
    among = [below for below in folders if _is_same_folder(given / below, results / below)]
    earlier = {path for below in among for path in pictures_saved(given / below, folders[below])}
    if earlier:
        told = f"{given}: left out: pictures of earlier results, {len(earlier)}"
        warnings.warn(told, PrnetWarning, stacklevel=3)
    if among and not earlier and pictures_alone(save):
        told = (
            f"{given}: pictures are saved beside the photos, and without landmarks or pose the "
            "next run takes them for photos"
        )
        warnings.warn(told, PrnetWarning, stacklevel=3)
    return [photo for photo in found if photo.path not in earlier]


def _is_same_folder(one: Path, other: Path) -> bool:
    return other.is_dir() and one.samefile(other)


def named_photos(found: Iterable[Found]) -> list[NamedPhoto]:
    """Names for the results of photos, in each folder as :func:`output_names` gives them."""
    found = list(found)
    groups: dict[str, list[int]] = {}
    for place, photo in enumerate(found):
        groups.setdefault(folded_name(photo.below.as_posix()), []).append(place)
    names: dict[int, str] = {}
    for places in groups.values():
        given = output_names([found[place].path for place in places], ENDINGS)
        names |= dict(zip(places, given, strict=True))
    return [NamedPhoto(*photo, names[place]) for place, photo in enumerate(found)]


@dataclass(frozen=True)
class PhotoWork:
    """Photo -> PhotoResult, its files written; can be sent to other processes.

    ``folder``: of all results. ``save``, ``options``: as :func:`save_faces` takes them. ``boxes``,
    ``landmarks``: as a Reconstructor takes them, of every photo. ``skip_existing``: photos whose
    files are all there are not done again. ``debug``: errors with their tracebacks.
    """

    reconstruct: Reconstructor
    folder: Path
    save: Sequence[str]
    options: SaveOptions
    boxes: Sequence[Box] | None = None
    landmarks: Sequence[NDArray[np.floating]] | None = None
    skip_existing: bool = False
    debug: bool = False

    def __call__(self, photo: NamedPhoto) -> PhotoResult:
        path, folder = photo.path, self.folder / photo.below
        try:
            if self.skip_existing and self._done(photo, folder):
                return PhotoResult(str(path), "skipped")
            faces, beside = self._faces(path)
            files = save_faces(faces, photo.name, folder, save=self.save, options=self.options)
            return self._told(path, faces, *files, beside)
        except FullDiskError:
            raise  # of the other photos, too
        except Exception as error:  # whatever else it is, the other photos go on
            if self.debug:
                traceback.print_exc()
            return failed(path, error)

    def _faces(self, path: Path) -> tuple[list[Face], BesideError | None]:
        """The photo's faces, and what there is to say of given places that lie beside it."""
        boxes, landmarks = self.boxes, self.landmarks
        try:
            return self.reconstruct(path, boxes=boxes, landmarks=landmarks), None
        except BesideError as error:
            boxes, landmarks = _without(boxes, error.places), _without(landmarks, error.places)
            return self.reconstruct(path, boxes=boxes, landmarks=landmarks), error

    def _done(self, photo: NamedPhoto, folder: Path) -> bool:
        try:
            changed = photo.path.stat().st_mtime_ns
        except OSError:
            return False  # reading says why
        return saved_whole(photo.name, folder, save=self.save, since=changed)

    def _told(
        self,
        path: Path,
        faces: list[Face],
        of_faces: list[dict[str, str]],
        of_photo: dict[str, str],
        beside: BesideError | None,
    ) -> PhotoResult:
        described = [
            {**describe_face(face, self.options), "files": files}
            for face, files in zip(faces, of_faces, strict=True)
        ]
        if beside is not None:
            return replace(failed(path, beside), faces=described, files=of_photo)
        return PhotoResult(str(path), "ok" if faces else "no_face", faces=described, files=of_photo)


def _without(items: Sequence[_Item] | None, places: Collection[int]) -> Sequence[_Item] | None:
    return items and [item for i, item in enumerate(items) if i not in places]


def failed(path: str | Path, error: Exception) -> PhotoResult:
    return PhotoResult(str(path), "failed", error=about(path, error))


def about(path: str | Path, error: Exception) -> str:
    """One line on what went wrong with a photo."""
    message = in_words(error, DEBUG_HINT)
    return message if str(path) in message else f"{path}: {message}"


class _Photo(Protocol):
    @property
    def path(self) -> Path: ...


def lost(photo: _Photo, reason: str) -> PhotoResult:
    """What is told of a photo that ended its process, twice."""
    message = f"{photo.path}: expected a process that lives, got one that ended {reason}, twice"
    return PhotoResult(str(photo.path), "failed", error=message)
