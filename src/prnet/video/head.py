"""The head's frame of a face, quickly: a film asks for it in every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.camera import FLIP_Y, WeakPerspectiveCamera
from prnet.mapped import MappedFace, camera_of

STEP = 64
"""Of the vertices that the camera is fitted to: their noise is far less than a landmark's."""


def head_camera(face: MappedFace) -> WeakPerspectiveCamera:
    """`MappedFace.camera` in half of its time, of some of the vertices."""
    return camera_of(face, STEP)


def in_head(points: NDArray[np.float32], camera: WeakPerspectiveCamera) -> NDArray[np.float32]:
    """Image points (3, N) -> head points (3, N); as the camera does, in float32 and in an order
    that is three times as fast to filter."""
    matrix = camera.rotation.T * FLIP_Y / camera.scale
    moved = np.asarray(matrix.astype(np.float32) @ points)
    moved -= (matrix @ camera.translation).astype(np.float32)[:, None]
    return moved


def in_image(points: NDArray[np.floating], camera: WeakPerspectiveCamera) -> NDArray[np.float32]:
    """The inverse of :func:`in_head`."""
    matrix = camera.matrix.astype(np.float32)
    return np.asarray(matrix[:, :3] @ points.astype(np.float32) + matrix[:, 3:])
