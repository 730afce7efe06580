"""Drawings on a copy of the photo: landmarks, mesh lines, pose box. Antialiased, with line widths
that follow the size of the face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from prnet.files.pixels import rgb_from_array
from prnet.geometry.boxes import given_landmarks
from prnet.geometry.camera import FLIP_Y
from prnet.mapped import MappedFace

Colour = tuple[int, int, int, int]
"""Red, green, blue, opacity, each 0..255."""

LANDMARK_GROUPS = (
    ([*range(0, 17)], False),  # jaw
    ([*range(17, 22)], False),  # brows
    ([*range(22, 27)], False),
    ([*range(27, 31)], False),  # nose
    ([*range(31, 36)], False),
    ([*range(36, 42)], True),  # eyes
    ([*range(42, 48)], True),
    ([*range(48, 60)], True),  # lips, outer and inner
    ([*range(60, 68)], True),
)
"""iBUG's 68 points as (indices, closed) lines."""

LANDMARK_COLOUR: Colour = (64, 224, 120, 255)
MESH_COLOUR: Colour = (255, 255, 255, 90)
BOX_COLOUR: Colour = (255, 170, 40, 230)

Points = NDArray[np.floating]
"""A line (N, 2) in image pixels; one point alone is a dot."""

MESH_STEP = 6
"""Map pixels between two drawn mesh lines."""

_MAX_CANVAS = 4096
"""Side of the largest canvas that is drawn at several times the photo's size."""


def overlay(image: NDArray[Any], faces: MappedFace | Iterable[MappedFace]) -> NDArray[np.uint8]:
    """The picture to judge a result by: mesh lines, landmarks and pose box of every face on a
    copy of the photo, any array that `prnet.load_image` takes -> (H, W, 3) uint8."""
    image = rgb_from_array(image)
    for face in [faces] if isinstance(faces, MappedFace) else faces:
        image = draw_mesh(image, face)
        image = draw_pose_box(image, face)
        image = draw_landmarks(image, face.landmarks)
    return image.copy()


def draw_landmarks(
    image: NDArray[Any], landmarks: Points, *, colour: Colour = LANDMARK_COLOUR
) -> NDArray[np.uint8]:
    """68 landmarks (68, 2 or 3) in image pixels, joined in iBUG's groups, with a dot on each."""
    points = given_landmarks(landmarks)[:, :2]
    width = line_width(points)
    faint = (*colour[:3], colour[3] * 2 // 3)
    lines = [points[[*group, group[0]] if closed else group] for group, closed in LANDMARK_GROUPS]
    image = _paint(image, lines, colour=faint, width=0.6 * width)
    return _paint(image, list(points[:, None]), colour=colour, width=2 * width)


def draw_mesh(
    image: NDArray[Any],
    face: MappedFace,
    *,
    step: int = MESH_STEP,
    colour: Colour = MESH_COLOUR,
) -> NDArray[np.uint8]:
    """Every ``step``-th row and column of the position map, where the surface faces the viewer."""
    points, seen = face.position_map, _facing(face)
    lines = []
    for k in range(step // 2, len(points), step):
        lines += _runs(points[k], seen[k]) + _runs(points[:, k], seen[:, k])
    return _paint(image, lines, colour=colour, width=0.3 * line_width(face.landmarks))


def draw_pose_box(
    image: NDArray[Any], face: MappedFace, *, colour: Colour = BOX_COLOUR
) -> NDArray[np.uint8]:
    """The box around the canonical face's landmarks, seen by the face's camera; its front is drawn
    thicker."""
    head = face.layout.canonical_landmarks * FLIP_Y
    low, high = head.min(axis=0), head.max(axis=0)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    back, front = (
        face.camera.project(np.c_[low[:2] + square * (high - low)[:2], np.full(5, z)])[:, :2]
        for z in (low[2], high[2])
    )
    edges = [np.stack(pair) for pair in zip(back[:4], front[:4], strict=True)]
    width = line_width(face.landmarks)
    image = _paint(image, [back, *edges], colour=colour, width=0.5 * width)
    return _paint(image, [front], colour=colour, width=1.2 * width)


def line_width(landmarks: Points) -> float:
    """Pixels of a medium line on a face with these landmarks (N, 2 or more): 1 % of its size."""
    extent = np.ptp(landmarks[:, :2], axis=0)
    return max(1.0, 0.01 * float(extent.max()))


def _facing(face: MappedFace) -> NDArray[np.bool_]:
    """(256, 256): inside the region and turned toward the viewer (rows x columns, y down, of a
    surface seen from outside wind so that the z of their cross product is positive)."""
    points = face.position_map.astype(np.float64)
    (down_x, down_y), (right_x, right_y) = (
        (np.gradient(points[..., 0], axis=axis), np.gradient(points[..., 1], axis=axis))
        for axis in (0, 1)
    )
    toward: NDArray[np.bool_] = right_x * down_y > right_y * down_x
    return toward & face.layout.region


def _runs(points: Points, keep: NDArray[np.bool_]) -> list[Points]:
    """The stretches of ``points`` (N, 3) in which ``keep`` (N,) stays true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
    pairs = edges.reshape(-1, 2)
    return [points[start:stop, :2] for start, stop in pairs if stop - start > 1]


def _paint(
    image: NDArray[Any], lines: Sequence[Points], *, colour: Colour, width: float
) -> NDArray[np.uint8]:
    """``lines`` over ``image``, in RGB. They are drawn as a mask at several times the size, which
    is then shrunk: Pillow's own lines are jagged. Only what they touch of the photo is handled.
    """
    image = rgb_from_array(image)
    height_px, width_px = image.shape[:2]
    if not lines:
        return image
    stacked = np.concatenate(lines)
    margin = width + 2
    low = np.maximum(np.floor(stacked.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(stacked.max(axis=0) + margin) + 1, [width_px, height_px]).astype(int)
    if (high <= low).any():
        return image
    size = high - low
    factor = next(n for n in (5, 3, 1) if n == 1 or size.max() * n <= _MAX_CANVAS)  # odd: centred
    mask = Image.new("L", (int(size[0]) * factor, int(size[1]) * factor))
    canvas = ImageDraw.Draw(mask)
    for line in lines:
        _stroke(canvas, (line - low + 0.5) * factor - 0.5, width * factor)
    opacity = np.asarray(mask.reduce(factor), np.float32)[..., None] * (colour[3] / 255**2)
    painted = image.copy()
    part = painted[low[1] : high[1], low[0] : high[0]]
    part[:] = np.rint(part + opacity * (np.array(colour[:3], np.float32) - part))
    return painted


def _stroke(canvas: ImageDraw.ImageDraw, points: Points, width: float) -> None:
    if len(points) == 1:
        (x, y), radius = np.rint(points[0]), round(width / 2)
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    else:
        corners = [(float(x), float(y)) for x, y in np.rint(points)]
        canvas.line(corners, fill=255, width=max(1, round(width)), joint="curve")
