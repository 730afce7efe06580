"""The arrays of a prepared folder, see `prnet.training.data.prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.labels import check_rotations
from prnet.files.arrays import Array, Arrays, map_array, read_arrays

HEAD = -1
"""The sample of renders of head models, which are of no photo."""
MARGIN = 1.5
"""Side of a stored crop, over that of the crop that the network is shown."""
SAMPLES, CROPS, NEGATIVES = "samples.npz", "crops.npy", "negatives.npy"
BASIS, FULL_BASIS = "basis.npz", "full_basis.npz"
FOUND_FACES, FOUND_OTHERS = "found_faces.npy", "found_others.npy"
"""What a detector found where people had drawn boxes around all faces."""

_CAMERAS = {
    "coefficients": Array(np.floating, ("N", "K")),
    "apart": Array(np.floating, ("N", "K")),
    "view": Array(np.float32, ("N", 3)),
    "scale": Array(np.float32, ("N",)),
    "rotation": Array(np.float32, ("N", 3, 3)),
    "translation": Array(np.float32, ("N", 2)),
}
_SAMPLES = {
    **_CAMERAS,
    "files": Array(np.str_, ("N",)),
    "held_out": Array(np.bool_, ("N",)),
    "crop": Array(np.float64, ("N", 3)),
    "annotated68": Array(np.float32, ("N", 68, 2), gaps=True),
}
_VIEWS = {**_CAMERAS, "sample": Array(np.int64, ("N",))}
_BASIS = {
    "grid_inside": Array(np.bool_, ("G", "G")),
    "grid_mean": Array(np.float32, ("P", 3)),
    "grid_offsets": Array(np.float32, ("K", "P", 3)),
    "landmark_mean": Array(np.float32, (68, 3)),
    "landmark_offsets": Array(np.float32, ("K", 68, 3)),
}
_CROPS = Array(np.uint8, ("N", "H", "H", 3))


def read_samples(folder: Path) -> Arrays:
    """What `prepare` wrote of each photo, as far as training reads it; PrnetError for others."""
    path = folder / SAMPLES
    if not path.exists():
        raise PrnetError(f"{folder}: expected a folder that `prnet prepare` wrote")
    samples = _with_cameras(path, read_arrays(path, _SAMPLES, "samples of prnet prepare"))
    if not len(samples["files"]):
        raise PrnetError(f"{path}: expected samples, got none")
    return samples


def read_basis(path: Path) -> Arrays:
    """What `save_basis` wrote."""
    basis = read_arrays(path, _BASIS, "a basis of prnet prepare")
    points, inside = len(basis["grid_mean"]), int(basis["grid_inside"].sum())
    if points != inside:
        raise PrnetError(f"{path}: expected {inside} points of the grid, got {points}")
    return basis


def read_views(path: Path, samples: int) -> Arrays:
    """What `turn_views` wrote of views of so many ``samples``, or of heads, which are `HEAD`."""
    views = _with_cameras(path, read_arrays(path, _VIEWS, "views of prnet prepare"))
    rows = views["sample"]
    if rows.size and not HEAD <= rows.min() <= rows.max() < samples:
        raise PrnetError(f"{path}: expected views of samples below {samples}, got others")
    return views


def map_crops(path: Path, count: int | None = None) -> NDArray[Any]:
    """Stored crops (N, H, H, 3) uint8, ``count`` of them if given, left on the disk."""
    crops = map_array(path, _CROPS, "stored crops of prnet prepare")
    if count is not None and len(crops) != count:
        raise PrnetError(f"{path}: expected {count} stored crops, got {len(crops)}")
    return crops


def _with_cameras(path: Path, arrays: Arrays) -> Arrays:
    check_rotations(arrays["rotation"], path)
    if not (arrays["scale"] > 0).all():
        raise PrnetError(f"{path}: expected scales above 0, got {arrays['scale'].min():.6g}")
    return arrays
