"""The drawings of the 2018 release's ``utils.cv_plot``, by OpenCV, as there: on a copy of the
picture, in colours that are blue first or red first as the picture is.

Prettier ones, which need no OpenCV, are `prnet.draw_landmarks`, `draw_mesh` and `draw_pose_box`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.release2018.given import given_array, given_picture

Colour = tuple[float, float, float]

_LAST = (16, 21, 26, 30, 35, 41, 47, 67)
"""Landmarks that no line joins to the next."""

_REAR, _FRONT = (90.0, 0.0), (105.0, 110.0)
"""Of the pose box, in the canonical face's units: half a side, depth."""


def plot_kpt(image: NDArray[Any], kpt: NDArray[np.floating]) -> NDArray[Any]:
    """Landmarks (68, 2 or 3) as dots, joined in their groups."""
    cv2, picture = _opencv(), given_picture(image).copy()
    points = _pixels(given_array(kpt, "landmarks", 68, "2 or 3"))
    for number, point in enumerate(points):
        cv2.circle(picture, point, 1, (0, 0, 255), 2)
        if number not in _LAST:
            cv2.line(picture, point, points[number + 1], (255, 255, 255), 1)
    return picture


def plot_vertices(image: NDArray[Any], vertices: NDArray[np.floating]) -> NDArray[Any]:
    """Every second one of the vertices (V, 2 or 3) as a dot."""
    cv2, picture = _opencv(), given_picture(image).copy()
    for point in _pixels(given_array(vertices, "vertices", "V", "2 or 3")[::2]):
        cv2.circle(picture, point, 1, (255, 0, 0), -1)
    return picture


def plot_pose_box(
    image: NDArray[Any],
    P: NDArray[np.floating],
    kpt: NDArray[np.floating],
    color: Colour = (0, 255, 0),
    line_width: int = 2,
) -> NDArray[Any]:
    """A box as the camera ``P`` (3, 4) sees it, about the mean of the landmarks (68, 2 or 3) of jaw
    and brows."""
    cv2, picture = _opencv(), given_picture(image).copy()
    matrix = given_array(P, "a camera matrix", 3, 4)
    landmarks = given_array(kpt, "landmarks", 68, "2 or 3")
    around = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1], [-1, -1]])
    box = np.concatenate([np.c_[around * half, np.full(5, z)] for half, z in (_REAR, _FRONT)])
    seen = (np.c_[box, np.ones(len(box))] @ matrix.T)[:, :2]
    corners = (seen - seen[:4].mean(axis=0) + landmarks[:27, :2].mean(axis=0)).astype(np.int32)
    cv2.polylines(picture, [corners], True, color, line_width, cv2.LINE_AA)
    for rear, front in ((1, 6), (2, 7), (3, 8)):
        ends = corners[rear].tolist(), corners[front].tolist()
        cv2.line(picture, *ends, color, line_width, cv2.LINE_AA)
    return picture


def _pixels(points: NDArray[np.floating]) -> list[list[int]]:
    pixels: list[list[int]] = np.round(points[:, :2]).astype(np.int32).tolist()
    return pixels


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise PrnetError(
            "expected the package 'opencv-python' for utils.cv_plot's drawings, got none "
            "(pip install opencv-python)"
        ) from error
    return cv2
