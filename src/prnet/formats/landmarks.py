"""Landmark files of data sets and of other systems: ``.pts``, ``.txt``, ``.npz``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError

Floats = NDArray[np.float64]


def as_landmarks(points: NDArray[Any], origin: int, name: str = "landmarks") -> Floats:
    """68 points as (68, 2 or 3) or (2 or 3, 68), x and y counted from ``origin`` -> (68, 2 or 3)
    float64, counted from 0."""
    array = np.array(points, np.float64)
    if array.shape in ((2, 68), (3, 68)):
        array = array.T
    if array.shape not in ((68, 2), (68, 3)) or not np.isfinite(array).all():
        raise PrnetError(f"{name}: expected 68 finite points, got shape {np.shape(points)}")
    if not np.ptp(array[:, :2], axis=0).all():
        raise PrnetError(f"{name}: expected 68 points that span a box, got a line or one point")
    array[:, :2] -= origin
    return array


def read_points(path: Path, origin: int) -> dict[str, Floats]:
    """The arrays of one file: ``landmarks`` (68, 2 or 3) zero-based, and of an ``.npz`` perhaps
    ``vertices`` (V, 3), ``rotation`` (3, 3) of head axes, ``angles`` (3,) pitch, yaw, roll.

    ``.pts`` (300W), ``.txt`` (rows of x y [z], or the 3 x 68 transpose), ``.npz`` with those names
    or as ``prnet reconstruct --save npz`` writes it.
    """
    try:
        if path.suffix.lower() == ".npz":
            return _read_npz(path, origin)
        text = path.read_text()
        if path.suffix.lower() == ".pts":
            text = text[text.index("{") + 1 : text.index("}")]
        rows = text.replace(",", " ").splitlines()
        numbers = np.array([[float(word) for word in row.split()] for row in rows if row.strip()])
    except PrnetError:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        reason = " ".join(str(error).split())
        raise PrnetError(f"{path}: expected a file of 68 points, got: {reason}") from error
    return {"landmarks": as_landmarks(numbers, origin, str(path))}


def _read_npz(path: Path, origin: int) -> dict[str, Floats]:
    with np.load(path, allow_pickle=False) as arrays:
        found = {
            key: np.array(arrays[key], np.float64)
            for key in ("vertices", "angles", "rotation")
            if key in arrays
        }
        if "position_map" in arrays:
            found["vertices"] = arrays["position_map"][arrays["region"]].astype(np.float64)
        if "camera_rotation" in arrays:
            found["rotation"] = arrays["camera_rotation"].astype(np.float64)
        if "landmarks" not in arrays:
            raise PrnetError(f"{path}: expected an array 'landmarks', got {sorted(arrays)}")
        found["landmarks"] = as_landmarks(arrays["landmarks"], origin, str(path))
    for name, shape in {"vertices": (-1, 3), "angles": (3,), "rotation": (3, 3)}.items():
        if name in found:
            found[name] = _shaped(found[name], shape, f"{path}, {name}")
    if "vertices" in found:
        found["vertices"][:, :2] -= origin
    return found


def _shaped(array: Floats, shape: tuple[int, ...], name: str) -> Floats:
    fits = array.ndim == len(shape) and all(
        wanted in (-1, got) for wanted, got in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.isfinite(array).all():
        raise PrnetError(f"{name}: expected finite numbers of shape {shape}, got {array.shape}")
    return array
