"""Readers of test sets: photos with true landmarks, and what else the set knows of each face.

All landmarks come out zero-based in the image frame: the centre of the first pixel is 0. MATLAB's
sets (AFLW2000-3D, 300W, 300W-LP) count from 1, which ``origin`` takes off x and y.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, reason_of
from prnet.evaluation.protocols import euler_angles
from prnet.evaluation.samples import Dataset, Sample
from prnet.evaluation.tables import is_table, read_table
from prnet.facemodel.labels import LABELS_FILE, photo_folders, read_labels
from prnet.files.arrays import Array, read_array
from prnet.files.image import load_image
from prnet.files.inputs import IMAGE_SUFFIXES
from prnet.files.mat import read_mat
from prnet.files.text import is_numeral, read_text
from prnet.formats.landmarks import as_landmarks, read_points

Floats = NDArray[np.float64]
Format = Literal["auto", "mat", "pts", "npz", "csv", "labels", "table"]
Origin = Literal[0, 1]

ORIGINS: Final[dict[str, Origin]] = {"mat": 1, "pts": 1}
"""The number of the first pixel, where the caller does not say otherwise; 0 in other formats."""

SKIPPED_FOLDERS: Final = {"landmarks", "Code"}
"""Parts of the AFLW2000-3D and 300W-LP archives that hold no photos."""


def open_dataset(
    path: str | Path,
    format: Format = "auto",
    *,
    origin: Origin | None = None,
    truth: Literal["labels", "annotated"] = "labels",
    held_out: bool = False,
) -> Dataset:
    """Read a test set; photos are read later, one by one.

    mat: photos with ``.mat`` files of the same name, in subfolders, too (AFLW2000-3D, 300W-LP);
    pts: with ``.pts`` files (300W);  npz: with ``.npz`` files of arrays ``landmarks``, and perhaps
    ``angles`` and ``vertices``;  csv: a table of file name, x0, y0, x1, ... (2 x 68 or 3 x 68
    numbers);  labels: ``labels.npz`` of ``prnet label``, photos beside it;  table: another ``.npz``
    (`prnet.evaluation.tables`).
    ``truth`` (of labels): whose landmarks.  ``held_out`` (of labels and tables): only photos that
    training never sees.  Raises PrnetError where there is no such set.
    """
    path = Path(path)
    found = _format_of(path) if format == "auto" else format
    if truth == "annotated" and found != "labels":
        raise PrnetError(f"{path}: expected labels.npz for annotated truth, got a set of {found}")
    if held_out and found not in ("labels", "table"):
        raise PrnetError(f"{path}: expected labels or a table of held-out people, got {found}")
    first = ORIGINS.get(found, 0) if origin is None else origin
    if found == "table":
        return read_table(path, held_out=held_out, origin=first)
    if found == "labels":
        return _read_labels(path, first, truth=truth, held_out=held_out)
    photos: list[Path] = []
    if found == "csv":
        samples, photos = _read_csv(path, first)
    else:
        samples = _read_pairs(path, f".{found}", first)
    if not samples:
        raise PrnetError(f"{path}: expected photos with .{found} files, got none")
    what = {"mat": "the set's own points (pt3d_68, else pt2d)"}.get(
        found, f"points of the .{found}"
    )
    points = f"{what}, first pixel {first} in the files, 0 here"
    yaw = {"mat": "Pose_Para of the .mat", "npz": "angles of the .npz"}.get(found, "unknown")
    return Dataset(path, found, points, yaw, tuple(samples), photos=tuple(photos))


def with_landmarks(dataset: Dataset, path: Path, *, origin: Origin = 1) -> Dataset:
    """Other true points, such as the re-annotated ones of AFLW2000-3D: ``.npy`` (N, 68, 2 or 3)
    or (N, 2 or 3, 68), one row for each sample in the order of the names."""
    table = _table(path, len(dataset.samples), Array(np.float64, ("N", "A", "B")))
    samples = tuple(
        replace(sample, landmarks=as_landmarks(row, origin, f"{path}, row {number}"), problem=None)
        for number, (sample, row) in enumerate(zip(dataset.samples, table, strict=True))
    )
    points = f"points of {path.name}, first pixel {origin} in the file, 0 here"
    return replace(dataset, samples=samples, points=points)


def with_yaw(dataset: Dataset, path: Path) -> Dataset:
    """Other yaw angles: ``.npy`` (N,) in degrees, in the order of the names."""
    yaws = _table(path, len(dataset.samples), Array(np.float64, ("N",)))
    samples = tuple(
        replace(sample, angles=np.array([sample.angles[0], yaw, sample.angles[2]]))
        for sample, yaw in zip(dataset.samples, yaws.tolist(), strict=True)
    )
    return replace(dataset, samples=samples, yaw=path.name)


def _table(path: Path, count: int, wanted: Array) -> Floats:
    table = read_array(path, replace(wanted, gaps=True), "an array (.npy) of numbers")
    if len(table) != count:
        raise PrnetError(f"{path}: expected {count} rows, one for each sample, got {len(table)}")
    return table


def _format_of(path: Path) -> str:
    if path.suffix == ".csv":
        return "csv"
    if path.suffix == ".npz":
        return "table" if is_table(path) else "labels"
    if (path / LABELS_FILE).is_file():
        return "labels"
    if not path.is_dir():
        got = "another file" if path.exists() else "no such thing"
        raise PrnetError(f"{path}: expected a folder, a .csv or a labels.npz, got {got}")
    for format in ("mat", "pts", "csv", "npz"):
        if next(path.rglob(f"*.{format}"), None) is not None:
            return format
    raise PrnetError(f"{path}: expected photos with .mat, .pts, .csv or .npz, got none of these")


def _read_pairs(folder: Path, suffix: str, origin: Origin) -> list[Sample]:
    """A sample for every photo and every description, also where one has no other."""
    photos, descriptions = defaultdict[str, list[Path]](list), {}
    for path in _files_below(folder):
        inside = path.relative_to(folder)
        name = inside.with_suffix("").as_posix()
        if SKIPPED_FOLDERS & set(inside.parts[:-1]) or path.name.startswith("."):
            continue
        if path.suffix.lower() in IMAGE_SUFFIXES:
            photos[name].append(path)
        elif path.suffix.lower() == suffix:
            descriptions[name] = path
    samples = []
    for name in sorted({*photos, *descriptions}):
        found = sorted(photos.get(name, [folder / f"{name}.jpg"]))
        sample = _sample(name, found[0], descriptions.get(name), suffix, origin)
        if len(found) > 1 and sample.problem is None:
            places = ", ".join(photo.name for photo in found)
            problem = f"{name}: expected one photo of this name, got {places}"
            sample = replace(sample, landmarks=None, problem=problem)
        samples.append(sample)
    return samples


def _files_below(folder: Path) -> Iterator[Path]:
    def unread(error: OSError) -> None:
        raise PrnetError(f"{error.filename}: expected a folder to read, got: {error.strerror}")

    for inside, _, names in os.walk(folder, onerror=unread):
        yield from (Path(inside, name) for name in names)


def _sample(
    name: str, photo: Path, description: Path | None, suffix: str, origin: Origin
) -> Sample:
    sample = Sample(name, None, None, np.full(3, np.nan), partial(load_image, photo), description)
    if description is None:
        return replace(sample, problem=f"no {suffix} file beside the photo")
    try:
        if suffix == ".mat":
            landmarks, angles = _read_mat(description, origin)
            return replace(sample, landmarks=landmarks, angles=angles)
        arrays = read_points(description, origin)
        vertices = arrays.get("vertices")
        return replace(
            sample,
            landmarks=arrays["landmarks"],
            angles=arrays.get("angles", sample.angles),
            read_dense=None if vertices is None else lambda: vertices,
        )
    except PrnetError as error:
        return replace(sample, problem=str(error))


def _read_mat(path: Path, origin: Origin) -> tuple[Floats, Floats]:
    """Landmarks and angles of a .mat of AFLW2000-3D (pt3d_68) or 300W-LP (pt2d)."""
    found = read_mat(path, ["pt3d_68", "pt2d", "Pose_Para"])
    points = found.get("pt3d_68", found.get("pt2d"))
    if points is None:
        raise PrnetError(f"{path}: expected pt3d_68 or pt2d, got neither")
    angles = np.full(3, np.nan)
    if "Pose_Para" in found:  # pitch, yaw, roll in radians, translation, scale
        angles = np.degrees(found["Pose_Para"].ravel()[:3])
        if angles.shape != (3,) or not np.isfinite(angles).all():
            raise PrnetError(f"{path}: expected Pose_Para of finite angles, got others")
    return as_landmarks(points, origin, str(path)), angles


def _read_csv(path: Path, origin: Origin) -> tuple[list[Sample], list[Path]]:
    """The samples, and their photos."""
    if path.is_dir():
        (path,) = _only(path.glob("*.csv"), path)
    try:
        table = csv.reader(io.StringIO(read_text(path, "a table"), newline=""))
        rows = [row for row in table if row]
    except csv.Error as error:
        raise PrnetError(f"{path}: expected a table, got {reason_of(error)}") from error
    if rows and all(len(row) == 1 for row in rows):
        raise PrnetError(f"{path}: expected columns with commas between them, got one column")
    if rows and not is_numeral(rows[0][-1]):
        names = [name.strip() for name in rows.pop(0)[1:3]]
        axes = [name[:1].lower() for name in names]
        if axes != ["x", "y"] and {"x", "y", "z"} & set(axes):
            raise PrnetError(f"{path}: expected columns x0, y0, ..., got {', '.join(names)}, ...")
    twice = [name for name, count in Counter(row[0] for row in rows).items() if count > 1]
    if twice:
        raise PrnetError(f"{path}: expected one row a photo, got more of {twice[0]}")
    rows.sort()
    photos = [path.parent / row[0] for row in rows]
    stems = [_without_suffix(row[0]) for row in rows]
    alike = Counter(stems)
    names = [row[0] if alike[stem] > 1 else stem for row, stem in zip(rows, stems, strict=True)]
    each = zip(rows, names, photos, strict=True)
    return [_csv_sample(path, *row, origin) for row in each], photos


def _without_suffix(name: str) -> str:
    return Path(name).with_suffix("").as_posix() if Path(name).name else name


def _csv_sample(path: Path, row: list[str], name: str, photo: Path, origin: Origin) -> Sample:
    sample = Sample(name, None, None, np.full(3, np.nan), partial(load_image, photo))
    try:
        numbers = np.array([float(cell) for cell in row[1:]])
        if len(numbers) not in (2 * 68, 3 * 68):
            raise ValueError(f"{len(numbers)} numbers")
        points = numbers.reshape(68, -1)
        return replace(sample, landmarks=as_landmarks(points, origin, f"{path}, {name}"))
    except PrnetError as error:
        return replace(sample, problem=str(error))
    except ValueError as error:
        problem = f"{path}, {name}: expected 68 points, got: {reason_of(error)}"
        return replace(sample, problem=problem)


def _only(paths: Iterable[Path], folder: Path) -> list[Path]:
    found = list(paths)
    if len(found) != 1:
        raise PrnetError(f"{folder}: expected one .csv, got {len(found)}")
    return found


def _read_labels(path: Path, origin: Origin, *, truth: str, held_out: bool) -> Dataset:
    from prnet.evaluation.held_out import held_out_names
    from prnet.files.photos import PhotoStore

    file = path / LABELS_FILE if path.is_dir() else path
    key = "landmarks68" if truth == "labels" else "annotated68"
    labels = read_labels(file, "files", key, "rotation", "person")
    names, points = list(map(str, labels["files"])), labels[key].astype(np.float64)
    points[..., :2] -= origin
    people = labels.get("person")
    folders = photo_folders(file)
    store = PhotoStore(*folders)
    wanted = np.asarray(np.isfinite(points).all(axis=(1, 2)))
    if held_out:
        wanted &= held_out_names(names, None if people is None else people.tolist())
    rows = [row for row in sorted(range(len(names)), key=names.__getitem__) if wanted[row]]
    samples = tuple(
        Sample(
            name=names[row],
            landmarks=points[row],
            problem=None,
            angles=euler_angles(labels["rotation"][row]),
            read_photo=partial(store.__getitem__, names[row]),
            source=row,
        )
        for row in rows
    )
    if not samples:
        raise PrnetError(f"{file}: expected labelled photos, got none that were asked for")
    who = "the labels' landmarks" if truth == "labels" else "landmarks that came with the photos"
    kept = ", only photos that training never sees" if held_out else ""
    words = f"{who}{kept}, first pixel {origin} in the file, 0 here"
    photos = tuple(folder / name for folder in folders for name in names)
    return Dataset(file, "labels", words, "the labels' cameras", samples, photos=photos)
