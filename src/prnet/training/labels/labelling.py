"""Anybody's photos -> labels to train on: `label_photos`, and what one worker does.

A photo's label depends on that photo alone. Chunks of photos are labelled in several processes
and kept in ``.cache`` below the output folder, so that an interrupted run goes on where it was.

``labels.npz``, one row for each labelled photo (N):
    files (N,) names below ``image_root``; source (N,) the name's first folder
    person (N,): who it is, as given or as `held_out.people_of` tells; empty where unknown
    identity (N, I) and expression (N, E) float16: coefficients of the shape; expression_names (E,)
    plane (N, I + E) float16: those of the shape whose x and y the photo shows (`labels.shape`)
    scale (N,), rotation (N, 3, 3), translation (N, 2): the camera of
        `prnet.geometry.camera`, pixels
    yaw_deg (N,): positive where the face looks to the image's right
    fit_error, fit_error_68 (N,): mean distance of the fit from the 468 detected points and from
        the given 68 landmarks (NaN without), over sqrt(w*h) of the detected points' box
    landmark_spread (N,): see `landmarks.MeshPoints`
    landmarks68 (N, 68, 3): iBUG landmarks of the fitted face, image pixels; the inner 51 where
        300W-LP has them, up to 2 % from the layout's (tools/place_landmarks.py)
    annotated68 (N, 68, 2): the given landmarks, NaN without
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet.bulk.workers import MOST, one_thread
from prnet.errors import PrnetError
from prnet.evaluation.held_out import told_people
from prnet.facemodel.labels import LABELS, LABELS_FILE
from prnet.files.arrays import Array, read_arrays, write_arrays
from prnet.files.inputs import IMAGE_SUFFIXES
from prnet.files.photos import PhotoStore
from prnet.files.zips import open_zip
from prnet.training.labels.correspondence import Correspondence
from prnet.training.labels.labeller import Arrays, Detector, Labeller, LabelSettings, Sources
from prnet.training.labels.landmarks import POINTS

_CHUNK: Final = {
    **{name: replace(array, optional=True, gaps=True) for name, array in LABELS.items()},
    "fit_error_68": Array(np.float32, ("N",), optional=True, gaps=True),
    "yaw_deg": Array(np.float32, ("N",), optional=True, gaps=True),
    "points": Array(np.float32, ("N", POINTS, 2), optional=True, gaps=True),
    "reason": Array(np.str_, ("N",)),
}
SHEETS: Final = "sheets"
"""Folder of contact sheets beside the labels."""
CHUNK: Final = 32
VERSION: Final = 2
"""Raise it when labels change, so that older caches are not used."""


Job = tuple[Path, Sequence[str]]
"""A chunk: the file that keeps its labels, and the photos' names."""


@dataclass(frozen=True)
class Labelled:
    """``labels``: the rows of ``labels.npz``; ``points`` (N, 468, 2) the detected points of
    those; ``skipped``: (name, reason) of all other photos."""

    labels: Arrays
    points: NDArray[np.float32]
    skipped: list[tuple[str, str]]


def photo_names(folder: Path) -> list[str]:
    """Images in a folder, its subfolders and its zip files: names below it, sorted. Contact sheets
    of labels that were written there are none of its photos."""
    if not folder.is_dir():
        raise PrnetError(f"{folder}: expected a folder of photos, got no such folder")
    files = (path for path in folder.rglob("*") if path.is_file() and not _is_sheet(path))
    names = {path.relative_to(folder).as_posix() for path in files}
    for archive in folder.glob("*.zip"):
        with open_zip(archive) as opened:
            names.update(opened.namelist())
    images = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    visible = [name for name in images if not any(part.startswith(".") for part in name.split("/"))]
    if not visible:
        raise PrnetError(f"{folder}: expected photos, got none in it")
    return sorted(visible)


def _is_sheet(path: Path) -> bool:
    return path.parent.name == SHEETS and (path.parent.parent / LABELS_FILE).is_file()


def label_photos(
    sources: Sources,
    out: Path,
    *,
    settings: LabelSettings | None = None,
    processes: int = 2,
    detector: Detector | None = None,
) -> Labelled:
    """Label every photo of ``sources.photos`` and write ``labels.npz`` to ``out``.

    ``detector`` replaces MediaPipe, in this process. Raises PrnetError when nothing at all
    could be labelled.
    """
    settings = settings or LabelSettings()
    names = photo_names(sources.photos)
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    cache = out / ".cache"
    key, store = _key(sources, settings), PhotoStore(sources.photos)
    files = [cache / f"{_chunk_key(key, store, chunk)}.npz" for chunk in chunks]
    todo = [(file, chunk) for file, chunk in zip(files, chunks, strict=True) if not file.exists()]
    left = sum(len(chunk) for _, chunk in todo)
    if todo and detector is None:
        Labeller.check(sources, names)
    with tqdm(total=len(names), initial=len(names) - left, unit="photo", desc="label") as bar:
        for count in _done(sources, settings, todo, processes, detector):
            bar.update(count)
    labelled = _assembled(files, names)
    if not len(labelled.points):
        reason = labelled.skipped[0][1]
        raise PrnetError(f"{sources.photos}: expected a photo to label, got none ({reason})")
    rows = labelled.labels
    rows["person"] = told_people(rows["files"].tolist(), rows["person"].tolist())
    Labeller(sources, settings, _no_detector).with_one_identity(rows, labelled.points)
    root = np.array(str(sources.photos.resolve()))
    write_arrays(out / LABELS_FILE, {**rows, "image_root": root})
    return labelled


def _no_detector(_: NDArray[np.uint8]) -> None:
    """Sees nothing: what is detected is there."""


def _done(
    sources: Sources,
    settings: LabelSettings,
    todo: Sequence[Job],
    processes: int,
    detector: Detector | None,
) -> Iterator[int]:
    """Yields the number of photos of each chunk that is done."""
    if todo and detector is not None:
        labeller = Labeller(sources, settings, detector)
        for file, chunk in todo:
            write_arrays(file, labeller.label(chunk), compressed=False)
            yield len(chunk)
    elif todo:
        yield from _in_processes(sources, settings, todo, min(processes, len(todo)))


def _assembled(files: Sequence[Path], names: Sequence[str]) -> Labelled:
    """All chunks, without the photos that are not to be used."""
    parts: list[Arrays] = []
    for file in files:
        parts.append(read_arrays(file, _CHUNK, "labels kept from a run before"))
    reasons = np.concatenate([part["reason"] for part in parts])
    skipped = [(name, str(why)) for name, why in zip(names, reasons, strict=True) if why]
    full = [part for part in parts if "points" in part]
    if not full:
        return Labelled({}, np.zeros((0, POINTS, 2), np.float32), skipped)
    good = np.concatenate([part["reason"] == "" for part in full])
    keys = [key for key in full[0] if key not in ("reason", "expression_names")]
    rows = {key: np.concatenate([part[key] for part in full])[good] for key in keys}
    rows["expression_names"] = full[0]["expression_names"]
    return Labelled(rows, rows.pop("points"), skipped)


def _key(sources: Sources, settings: LabelSettings) -> str:
    """Changes with anything but the photos that the labels depend on."""
    inputs = [path for path in (sources.face_model, sources.landmarks, sources.task) if path]
    stamps = [_stamp(path) for path in inputs]
    places = Correspondence.load()
    surface = hashlib.sha256(places.vertices.tobytes() + places.weights.tobytes()).hexdigest()
    return repr((VERSION, settings, stamps, surface))


def _chunk_key(key: str, store: PhotoStore, names: Sequence[str]) -> str:
    stamps = [(name, store.stamp(name)) for name in names]
    return hashlib.sha256(repr((key, stamps)).encode()).hexdigest()[:24]


def _stamp(path: Path) -> tuple[str, int, int] | None:
    """Name, size and time of change; None where there is no such file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return str(path), state.st_size, state.st_mtime_ns


_worker: Labeller | None = None


def _start_worker(sources: Sources, settings: LabelSettings) -> None:
    global _worker
    _worker = Labeller(sources, settings)


def _work(file: Path, names: Sequence[str]) -> int:
    assert _worker is not None
    write_arrays(file, _worker.label(names), compressed=False)
    return len(names)


def _in_processes(
    sources: Sources,
    settings: LabelSettings,
    todo: Sequence[Job],
    processes: int,
) -> Iterator[int]:
    with (
        one_thread(),
        ProcessPoolExecutor(
            min(processes, MOST),
            get_context("spawn"),
            initializer=_start_worker,
            initargs=(sources, settings),
        ) as pool,
    ):
        pending = {pool.submit(_work, *job) for job in todo}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
