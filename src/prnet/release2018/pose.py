"""Pose and frontal view as the 2018 release has them (``utils.estimate_pose``,
``utils.rotate_vertices``): its angles, in radians, and its affine alignment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.files.arrays import Array, read_array
from prnet.geometry.camera import align_similarity
from prnet.release2018.given import given_array
from prnet.release2018.resample import to_2018

CANONICAL: Final = Path("Data/uv-data/canonical_vertices.npy")
"""The release's own mean face is taken where it lies, as there."""


def canonical_vertices() -> NDArray[np.float64]:
    """(V, 3): the release's mean face where ``Data/uv-data`` is in the working folder, else ours in
    its units and place; image axes."""
    if CANONICAL.is_file():
        array = read_array(CANONICAL, Array(np.float64, ("V", 3)), "the mean face (.npy)")
        return np.asarray(array, np.float64)
    return to_2018().target.canonical_vertices.astype(np.float64)


def frontalize(vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    """(V, 3) -> (V, 3), moved onto the mean face by the affine transform that fits it best."""
    canonical = _fitting(vertices)
    points = np.c_[vertices.astype(np.float64), np.ones(len(vertices))]
    return np.asarray(points @ np.linalg.lstsq(points, canonical, rcond=None)[0])


def estimate_pose(
    vertices: NDArray[np.floating],
) -> tuple[NDArray[np.float64], tuple[float, float, float]]:
    """Vertices (V, 3) -> camera matrix (3, 4), mean face to picture, and (yaw, pitch, roll) in
    radians, with the release's signs. Its matrix left scale and rotation out of the translation;
    this one is a camera."""
    scale, rotation, shift = align_similarity(_fitting(vertices), vertices)
    matrix = np.c_[scale * rotation, shift]
    yaw, pitch, roll = angles_2018(matrix)
    return matrix, (float(yaw), float(pitch), float(roll))


def angles_2018(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """Yaw, pitch, roll in radians by demo.py's formulas and signs, which are not those of
    `prnet.geometry.camera`: the angles of R = Rz(roll) Ry(-yaw) Rx(pitch), image axes."""
    r = matrix[:, :3] / np.linalg.norm(matrix[0, :3])
    yaw = np.arcsin(np.clip(r[2, 0], -1, 1))
    return np.array([yaw, np.arctan2(r[2, 1], r[2, 2]), np.arctan2(r[1, 0], r[0, 0])])


def _fitting(vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    canonical = canonical_vertices()
    given_array(vertices, "vertices", *canonical.shape)
    return canonical
