"""``labels.npz``: coefficients, camera and landmarks of photos, as ``prnet label`` writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.arrays import Array, Arrays, read_arrays

LABELS_FILE = "labels.npz"
"""In the folder of `prnet label`."""
_WHAT = f"labels ({LABELS_FILE} of prnet label)"

LABELS = {
    "files": Array(np.str_, ("N",)),
    "source": Array(np.str_, ("N",)),
    "person": Array(np.str_, ("N",), optional=True),
    "identity": Array(np.floating, ("N", "I")),
    "expression": Array(np.floating, ("N", "E")),
    "expression_names": Array(np.str_, ("E",)),
    "plane": Array(np.floating, ("N", "K"), optional=True),
    "scale": Array(np.float32, ("N",)),
    "rotation": Array(np.float32, ("N", 3, 3)),
    "translation": Array(np.float32, ("N", 2)),
    "fit_error": Array(np.float32, ("N",)),
    "landmark_spread": Array(np.float32, ("N",)),
    "landmarks68": Array(np.float32, ("N", 68, 3)),
    "annotated68": Array(np.float32, ("N", 68, 2), gaps=True),
}
"""What they mean: `prnet.training.labels.labelling`."""

ROTATION_SLACK = 0.01


def read_labels(path: str | Path, *names: str) -> Arrays:
    """Those arrays of ``labels.npz``, in the order of `LABELS`; without ``names``, all.

    Raises PrnetError for files that cannot be read, are damaged or are no labels.
    """
    wanted = {name: LABELS[name] for name in LABELS if name in names or not names}
    arrays = read_arrays(path, wanted, _WHAT)
    if "rotation" in arrays:
        check_rotations(arrays["rotation"], path)
    if "scale" in arrays and not (arrays["scale"] > 0).all():
        raise PrnetError(f"{path}: expected scales above 0, got {arrays['scale'].min():.6g}")
    return arrays


def photo_folders(path: Path) -> list[Path]:
    """Where the photos of ``labels.npz`` may lie: beside it, and where they were labelled."""
    wanted = {"image_root": Array(np.str_, (), optional=True)}
    told = read_arrays(path, wanted, _WHAT).values()
    return [path.parent, *(root for root in map(Path, map(str, told)) if root.is_dir())]


def shape_arguments(
    labels: Arrays,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What `MapBasis.positions` takes of rows of labels: coefficients (N, I + E), apart (N, I + E;
    0 where there is no "plane"), view (N, 3)."""
    shape = np.concatenate([labels["identity"], labels["expression"]], axis=1).astype(np.float32)
    apart = labels.get("plane", shape).astype(np.float32) - shape
    return shape, apart, np.ascontiguousarray(labels["rotation"][:, 2])


def check_coefficients(
    path: str | Path, coefficients: NDArray[np.floating], offsets: NDArray[np.float32]
) -> None:
    """Raises PrnetError unless ``coefficients`` (N, K) are of a basis, whose ``offsets`` are
    (K, P, 3)."""
    got, known = coefficients.shape[1], len(offsets)
    if got != known:
        raise PrnetError(f"{path}: expected {known} coefficients, as the face model has, got {got}")


def check_rotations(rotations: NDArray[np.float32], path: str | Path) -> None:
    """Raises PrnetError unless ``rotations`` (N, 3, 3) are that."""
    with np.errstate(over="ignore", invalid="ignore"):
        products = rotations @ np.swapaxes(rotations, 1, 2)
    if not (np.abs(products - np.eye(3)) < ROTATION_SLACK).all():
        raise PrnetError(f"{path}: expected rotation matrices, got others")
