"""Photos and labels -> the arrays that training reads.

A prepared folder holds ``samples.npz`` (coefficients, cameras, names), ``basis.npz`` (see
`MapBasis`), ``crops.npy`` (N, 192, 192, 3) uint8, and shards of out-of-plane views,
``turned-000.npy`` with ``turned-000.npz`` (`prnet.training.views`). A stored crop shows 1.5 times
the side that the network will see, at its resolution, so that rotated and shifted crops stay
inside; networks that see more than 128 pixels want larger stored crops and whole maps
(``full_basis.npz``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet.errors import PrnetError
from prnet.evaluation.held_out import held_out_names
from prnet.facemodel.labels import check_coefficients, shape_arguments
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.facemodel.quantised import face_model
from prnet.files.arrays import new_array, write_arrays
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import project_head
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.training.data.joined import joined_labels
from prnet.training.data.prepared_files import (
    BASIS,
    CROPS,
    FULL_BASIS,
    MARGIN,
    SAMPLES,
    read_basis,
)

STORED_SIZE = 192
BASIS_STEP = 4
"""Training compares means over squares of 4 x 4 UV pixels, one a control point of the network."""
FARTHEST = 20
"""Sides of the photo: no crop is larger or farther away."""
BASIS_MARGIN = 2
"""Squares beyond the region whose control points its pixels depend on."""

Floats = NDArray[np.floating]


def prepare(
    labels: Sequence[Path],
    photos: Sequence[Path],
    model: Path | None,
    out: Path,
    *,
    worst_fits: float = 0.03,
    stored_size: int = STORED_SIZE,
) -> tuple[int, int]:
    """Write ``samples.npz``, ``basis.npz``, ``crops.npy`` (sides of ``stored_size``) to ``out``;
    returns of how many photos, and how many have labels.

    The share ``worst_fits`` of the photos with the worst ``fit_error``, and as many with the
    largest ``landmark_spread``, are left out.
    """
    table = joined_labels(labels)
    names = tuple(map(str, table["expression_names"]))
    shapes, chart, layout = face_model(model), Chart.load(), default_layout()
    save_basis(out / BASIS, shapes, chart, names, layout)

    store = PhotoStore(*photos)
    rows = good_rows(table, store, worst_fits)
    held_out = held_out_rows(table, rows)
    shown = ("identity", "expression", "plane", "rotation")
    coefficients, apart, view = shape_arguments({key: table[key][rows] for key in shown})
    landmarks68 = landmark_basis(out)
    check_coefficients(labels[0], coefficients, landmarks68.offsets)
    cameras: dict[str, list[Any]] = {"scale": [], "translation": []}
    centres = []
    shape = (len(rows), stored_size, stored_size, 3)
    with new_array(out / CROPS, shape, np.uint8) as crops:
        for i, row in enumerate(tqdm(rows, desc="crops", mininterval=5)):
            camera = table["scale"][row], table["rotation"][row], table["translation"][row]
            one = slice(i, i + 1)
            head = landmarks68.positions(coefficients[one], apart[one], view[one])[0]
            landmarks = project_head(head, *camera)
            transform = stored_crop(landmarks, stored_size)
            name = str(table["files"][row])
            photo = store[name]
            check_crop(transform, photo, name)
            # Black beyond the photo's border is what the network meets; but when it is all that it
            # meets beyond tight crops, it learns frames instead of faces.
            cut = edge_padded_crop(photo, transform) if i % 3 else transform.crop_image(photo)
            crops.write(cut.tobytes())
            cameras["scale"].append(camera[0] * transform.scale)
            cameras["translation"].append(transform.to_crop(camera[2][None])[0])
            centres.append((transform.centre_x, transform.centre_y, transform.side))
    samples = {
        "files": table["files"][rows],
        "source": table["source"][rows],
        "held_out": held_out,
        "coefficients": coefficients,
        "apart": apart,
        "view": view,
        "scale": np.array(cameras["scale"], np.float32),
        "rotation": table["rotation"][rows],
        "translation": np.array(cameras["translation"], np.float32),
        "crop": np.array(centres, np.float64),
        "fit_error": table["fit_error"][rows],
        "annotated68": table["annotated68"][rows],
        "landmarks68": table["landmarks68"][rows],
    }
    write_arrays(out / SAMPLES, samples, compressed=False)
    return len(rows), len(table["files"])


def good_rows(table: dict[str, NDArray[Any]], store: PhotoStore, worst: float) -> NDArray[np.intp]:
    """Rows whose photo is there and whose fit is not among the worst."""
    present = np.array([str(name) in store for name in table["files"]])
    if not present.any():
        raise PrnetError("expected the photos that the labels name, found none of them")
    good = present.copy()
    for key in ("fit_error", "landmark_spread"):
        good &= table[key] <= np.quantile(table[key][present], 1 - worst)
    return np.flatnonzero(good)


def held_out_rows(table: dict[str, NDArray[Any]], rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of the rows are of people held out of all that the labels name; of the rows' own people
    where none of those is left."""
    for part in (np.arange(len(table["files"])), rows):
        people = table["person"][part].tolist() if "person" in table else None
        kept = part[held_out_names([str(name) for name in table["files"][part]], people)]
        held_out = np.isin(rows, kept)
        if 0 < held_out.sum() < len(rows):
            return held_out
    raise PrnetError(f"expected two photos at least, to train on and to judge by, got {len(rows)}")


def stored_crop(landmarks: Floats, size: int) -> CropTransform:
    """The crop to store: the training crop with its margin."""
    seen = CropTransform.from_landmarks(landmarks, size=size)
    return CropTransform(seen.centre_x, seen.centre_y, seen.side * MARGIN, size)


def prepare_full_maps(labels: Sequence[Path], model: Path | None, out: Path) -> None:
    """Write ``full_basis.npz`` to ``out``: ``basis.npz`` at every pixel of the region (115 MB)."""
    names = tuple(map(str, joined_labels(labels)["expression_names"]))
    path = out / FULL_BASIS
    save_basis(path, face_model(model), Chart.load(), names, default_layout(), step=1, margin=0)


def save_basis(
    path: Path,
    model: MorphableModel,
    chart: Chart,
    names: tuple[str, ...],
    layout: UVLayout,
    *,
    step: int = BASIS_STEP,
    margin: int = BASIS_MARGIN,
) -> None:
    """Bases at the grid (means of step x step pixels) and at the landmarks.

    The grid holds every square that the region reaches and ``margin`` more around them, where the
    position of the nearest region pixel goes on: without them nothing would hold the control
    points beyond the map's border, and the border would fray.
    """
    grid = layout.size // step
    touched = np.asarray(layout.region.reshape(grid, step, grid, step).any(axis=(1, 3)))
    inside = grown(touched, margin)
    nearest = layout.vertex_index.ravel()[layout.nearest_in_region]
    square = nearest.reshape(grid, step, grid, step).transpose(0, 2, 1, 3)[inside]
    corners = square.reshape(-1, step**2)
    full = MapBasis.from_model(model, chart, names, np.flatnonzero(layout.region))
    arrays = {
        "grid_inside": inside,
        "grid_mean": full.mean[corners].mean(axis=1),
        "grid_offsets": np.stack([shape[corners].mean(axis=1) for shape in full.offsets]),
        "landmark_mean": _at_landmarks(full.mean[None], layout)[0],
        "landmark_offsets": _at_landmarks(full.offsets, layout),
    }
    write_arrays(path, arrays, compressed=False)


def grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """A mask (H, W) and what king's moves reach from it."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        rows, columns = mask.shape
        around = [padded[r : r + rows, c : c + columns] for r in range(3) for c in range(3)]
        mask = np.logical_or.reduce(around)
    return mask


def _at_landmarks(values: Floats, layout: UVLayout) -> Floats:
    """Values (K, V, 3) at the region's pixels -> (K, 68, 3)."""
    maps = np.zeros((len(values), *layout.region.shape, 3), np.float32)
    maps[:, layout.region] = values
    return layout.sample_landmarks(maps)


def check_crop(crop: CropTransform, photo: NDArray[np.uint8], name: str) -> None:
    """Raises PrnetError where labels cannot be this photo's: padding would take all memory."""
    height, width = photo.shape[:2]
    reach = FARTHEST * max(height, width)
    if not all(abs(number) < reach for number in (crop.side, crop.centre_x, crop.centre_y)):
        raise PrnetError(
            f"{name}: expected labels of this photo ({width} x {height}), got a face of "
            f"{crop.side / MARGIN:.3g} pixels at {crop.centre_x:.3g}, {crop.centre_y:.3g}"
        )


def landmark_basis(folder: Path) -> MapBasis:
    """Of a prepared folder: the basis at the 68 landmarks."""
    basis = read_basis(folder / BASIS)
    return MapBasis(mean=basis["landmark_mean"], offsets=basis["landmark_offsets"])


def edge_padded_crop(photo: NDArray[np.uint8], crop: CropTransform) -> NDArray[np.uint8]:
    """The stored crop with the photo's border repeated, not black, outside."""
    reach = int(np.ceil(crop.side))
    padded = np.pad(photo, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    moved = replace(crop, centre_x=crop.centre_x + reach, centre_y=crop.centre_y + reach)
    return moved.crop_image(padded)
