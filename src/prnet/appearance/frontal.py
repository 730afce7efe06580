"""The face looking straight ahead: pose, size and place in the photo taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.camera import FLIP_Y
from prnet.mapped import MappedFace


def frontal_vertices(face: MappedFace) -> NDArray[np.float32]:
    """(V, 3) float32: the face moved onto its layout's canonical face by a similarity (rotation,
    one scale, translation), so that its own shape and expression stay. Canonical units and place
    (centimetres in our layout); image axes: x right, y down, z toward the viewer."""
    return np.asarray(face.camera.unproject(face.vertices) * FLIP_Y, np.float32)


def affine_frontal_vertices(face: MappedFace) -> NDArray[np.float32]:
    """(V, 3) float32 as the 2018 release aligns: by the affine transform (12 numbers) that fits
    the canonical face best. It also takes away what of the face's own proportions and shear an
    affine transform can. Units and axes as in :func:`frontal_vertices`."""
    points = np.c_[face.vertices.astype(np.float64), np.ones(len(face.vertices))]
    canonical = face.layout.canonical_vertices.astype(np.float64)
    transform = np.linalg.lstsq(points, canonical, rcond=None)[0]
    return np.asarray(points @ transform, np.float32)
