"""Out-of-plane views of a labelled photo, as in the face profiling of 300W-LP.

Zhu, Lei, Liu, Shi, Li: Face alignment across large poses: a 3D solution (CVPR 2016).  The fitted
mesh is textured by its photo and surrounded by rings of anchors that fall away behind the face
outline (hair, head) and stand still at the picture's border, so that the whole photo turns as one
sheet.  What the photo does not show of the face is filled from its mirrored half.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.geometry.camera import WeakPerspectiveCamera
from prnet.geometry.rasterize import interpolate, rasterize
from prnet.training.views.anchors import (
    SECTORS,
    STILL,
    Topology,
    centre_of,
    far_ring,
    head_rings,
    in_image,
    pushed_out,
)

_FULL_FILL = 25.0
"""Turns of so many degrees and more replace badly seen parts by their mirror twins entirely."""


@dataclass(frozen=True)
class View:
    """A rendered view: image (H, W, 3) uint8, its camera, the face mesh's vertices (V, 3) in it."""

    image: NDArray[np.uint8]
    camera: WeakPerspectiveCamera
    vertices: NDArray[np.float32]


class PhotoMesh:
    """One photo on its fitted mesh, ready to be turned any number of times."""

    def __init__(
        self,
        image: NDArray[np.uint8],
        vertices: NDArray[np.floating],
        topology: Topology,
        camera: WeakPerspectiveCamera,
    ) -> None:
        """image (H, W, 3); vertices (V, 3) of the face in its image frame, made by ``camera``,
        whose t_z is 0. The border of the image is repeated outward."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise PrnetError(f"expected a (H, W, 3) uint8 image, got {image.shape} {image.dtype}")
        self.image = image
        self.camera = camera
        self._vertices = np.asarray(vertices, np.float32)
        self._topology = topology
        face = self._face_of(self._vertices)
        if topology.runs_clockwise(face):
            raise PrnetError("expected triangles counterclockwise from outside, got clockwise ones")
        self._head = np.concatenate([face, head_rings(face)], dtype=np.float32)
        self._far = far_ring(self._head, camera, image.shape[:2])
        sheet = self._place(camera, self._head)
        self._attributes = _texture_coordinates(sheet, topology, image.shape[:2])

    def turn(
        self,
        around: float,
        forward: float,
        *,
        background: NDArray[np.uint8] | None = None,
        moved: NDArray[np.floating] | None = None,
    ) -> View:
        """The head turned by so many degrees more in its own axes (`head_turn`); the neck's tilt
        stays, the face stays centred.

        ``background`` (H, W, 3) uint8 replaces what lies beyond the head. ``moved`` (V, 3): the
        photo's ``vertices`` with another expression, which the view then shows.
        """
        rotation = turned_rotation(self.camera.rotation, around, forward)
        camera = replace(self.camera, rotation=rotation)
        count = len(self._vertices)
        head = self._head
        if moved is not None:
            head = np.concatenate([self._face_of(moved), head[self._topology.count :]])
        shift = centre_of(self._vertices) - centre_of(self._place(camera, head)[:count])
        camera = replace(camera, translation=camera.translation + np.append(shift, np.float32(0)))
        sheet = self._place(camera, head)
        cosine = (np.trace(rotation @ self.camera.rotation.T) - 1) / 2
        fill = min(1.0, float(np.degrees(np.arccos(min(1.0, cosine)))) / _FULL_FILL)
        return View(self._render(sheet, fill, background), camera, sheet[:count])

    def _face_of(self, vertices: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vertices (V, 3) in the photo's image frame -> the closed face in the head's frame."""
        origin = np.asarray(self.camera.translation, np.float32)
        closed = self._topology.close(np.asarray(vertices, np.float32)) - origin
        return np.asarray(closed @ in_image(self.camera.rotation), np.float32)

    def _place(
        self, camera: WeakPerspectiveCamera, head: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The sheet in the image frame of ``camera``: face, rings of the head, still rings."""
        head = head @ in_image(camera.rotation).T + np.asarray(camera.translation, np.float32)
        still = STILL[:, None, None]
        between = (1 - still) * head[-SECTORS:] + still * self._far
        return np.concatenate([head, between.reshape(-1, 3)])

    def _render(
        self, sheet: NDArray[np.float32], fill: float, background: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        height, width = self.image.shape[:2]
        triangles = self._topology.sheet_triangles
        raster = rasterize(sheet, triangles, height, width)
        values = interpolate(raster, triangles, self._attributes).reshape(-1, 6)
        colour = _sample(self.image, values[:, :2])
        hidden = np.flatnonzero(values[:, 4])
        mirrored = fill * values[hidden, 4, None]
        twin = _sample(self.image, values[hidden, 2:4])
        colour[hidden] += mirrored * (twin - colour[hidden])
        if background is not None:
            keep = (1 - values[:, 5:] / STILL[0]).clip(0, 1) * raster.mask.reshape(-1, 1)
            colour = keep * colour + (1 - keep) * background.reshape(-1, 3)
        return np.rint(colour).astype(np.uint8).reshape(height, width, 3)


def head_turn(rotation: NDArray[np.floating]) -> tuple[float, float]:
    """How far the head is turned around its own neck and bent forward, degrees: R = tilt(z)
    forward(x) around(y), y up. Around > 0 is toward the image's right, forward > 0 downward.

    Not the pose's yaw and pitch, whose roll is the innermost turn: a tilted head that turns
    around its own neck sweeps a tilted circle.
    """
    r = np.asarray(rotation, np.float64)
    forward = np.arctan2(r[2, 1], np.hypot(r[0, 1], r[1, 1]))
    return float(np.degrees(np.arctan2(-r[2, 0], r[2, 2]))), float(np.degrees(forward))


def turned_rotation(
    rotation: NDArray[np.floating], around: float, forward: float
) -> NDArray[np.float64]:
    """The rotation with both of `head_turn` increased, in degrees."""
    now_around, now_forward = head_turn(rotation)
    inner = _axis(0, now_forward) @ _axis(1, now_around)
    outer = np.asarray(rotation, np.float64) @ inner.T
    return np.asarray(outer @ _axis(0, now_forward + forward) @ _axis(1, now_around + around))


def _axis(axis: int, degrees: float) -> NDArray[np.float64]:
    """Rotation about x (0) or y (1), right-handed, y up."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == 0:
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _texture_coordinates(
    sheet: NDArray[np.float32], topology: Topology, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Per vertex (N, 6): x, y in the photo, x, y of its mirror twin, need of that, stillness."""
    mirror = topology.sheet_mirror
    own = sheet[:, :2].copy()
    seen = _seen(sheet, topology, size)
    behind = np.flatnonzero(seen[topology.count :] == 0) + topology.count
    own[behind] = pushed_out(own[behind], sheet[: topology.count])
    better = ((seen[mirror] - seen - 0.1) / 0.3).clip(0, 1)
    better[: topology.count] = topology.blur(better[: topology.count])
    better[-len(STILL) * SECTORS :] = 0
    still = np.zeros(len(sheet), np.float32)
    still[-len(STILL) * SECTORS :] = np.repeat(STILL, SECTORS)
    return np.concatenate(
        [own, own[mirror], better[:, None], still[:, None]], axis=1, dtype=np.float32
    )


def _seen(
    sheet: NDArray[np.float32], topology: Topology, size: tuple[int, int]
) -> NDArray[np.float32]:
    """How well the photo shows each vertex, 0 to 1: not behind the face, not at a grazing angle."""
    height, width = size
    face, triangles = sheet[: topology.count], topology.face_triangles
    corners = face[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = [
        sum(np.bincount(triangles[:, k], normals[:, i], len(face)) for k in range(3))
        for i in range(3)
    ]
    facing = np.ones(len(sheet))  # y runs down, so the outward normal has negative z
    facing[: len(face)] = -total[2] / (np.sqrt(sum(t * t for t in total)) + 1e-9)
    raster = rasterize(face, triangles, height, width, cull="back")
    x, y = np.rint(sheet[:, :2].T).astype(int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    depth = raster.depth[y.clip(0, height - 1), x.clip(0, width - 1)]
    in_front = sheet[:, 2] > depth - 0.02 * np.ptp(face[:, 1])
    return np.asarray(((facing - 0.2) / 0.3).clip(0, 1) * in_front * inside, np.float32)


def _sample(image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear colours (N, 3) at x, y (N, 2), the border repeated."""
    height, width = image.shape[:2]
    x = points[:, 0].clip(0, width - 1.001)
    y = points[:, 1].clip(0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    flat = image.reshape(-1, 3)
    start = top * width + left
    upper = flat[start] * (1 - fx) + flat[start + 1] * fx
    lower = flat[start + width] * (1 - fx) + flat[start + width + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float32)
