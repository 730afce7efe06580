"""The sheet that carries a photo: the face's mesh and rings of anchors around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.camera import WeakPerspectiveCamera
from prnet.geometry.mesh import boundary_loops

SECTORS = 64
"""Directions around the face in which the rings have anchors."""

_HEAD_RINGS = np.array([0.05, 0.8, 0.92, 1.0, 1.06, 1.13, 1.22, 1.32])
"""Radii, in units of the face outline, of the rings that turn with the head."""

_HEAD_DROP = np.array([-0.4, -0.3, -0.12, 0.0, -0.18, -0.32, -0.46, -0.60])
"""Depth of these rings below the outline, in units of the face's mean radius."""

STILL = np.array([0.06, 0.15, 0.3, 0.6, 1.0], np.float32)
"""Rings from the head to the far border (fractions of the way), which turn less and less."""


class Topology:
    """Triangles of the face and of the rings around it; the same for every photo.

    triangles: (T, 3) int32 of the face, counterclockwise where seen from outside.  mirror: (V,)
    the vertex on the other side of the face.  Every vertex belongs to the face.  Every boundary
    loop but the longest (eyes, mouth) is closed by a fan around its mean.
    """

    def __init__(self, triangles: NDArray[np.integer], mirror: NDArray[np.integer]) -> None:
        count = len(mirror)
        rings = len(_HEAD_RINGS) + len(STILL)
        loops = sorted(boundary_loops(triangles), key=len)[:-1]
        fans = [
            np.stack([np.full(len(loop), count + i), np.roll(loop, -1), loop], 1)
            for i, loop in enumerate(loops)
        ]
        self._loops = loops
        self.face_triangles = np.concatenate([triangles, *fans]).astype(np.int32)
        opposite = (SECTORS // 2 - np.arange(SECTORS)) % SECTORS
        rows = np.arange(rings)[:, None] * SECTORS + count + len(loops)
        self.sheet_mirror = np.concatenate(
            [mirror, _mirror_loops(loops, mirror, count), (rows + opposite).ravel()]
        )
        self.count = count + len(loops)
        around = _ring_triangles(rings) + self.count
        self.sheet_triangles = np.concatenate([self.face_triangles, around]).astype(np.int32)
        self._degree = np.bincount(self.face_triangles.ravel(), minlength=self.count)

    def close(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vertices (V, 3) and behind them the loops' centres."""
        return np.concatenate([vertices, *(vertices[loop].mean(0)[None] for loop in self._loops)])

    def runs_clockwise(self, front: NDArray[np.floating]) -> bool:
        """Whether the triangles run clockwise on the face seen from the front (y down)."""
        x, y = (front[:, axis][self.face_triangles.T] for axis in (0, 1))
        areas = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
        return bool(areas.sum() > 0.2 * np.abs(areas).sum())

    def blur(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Face values (N,) averaged over each vertex's triangles, twice."""
        triangles = self.face_triangles
        for _ in range(2):
            means = values[triangles].mean(1)
            total = sum(np.bincount(triangles[:, k], means, self.count) for k in range(3))
            values = total / np.maximum(self._degree, 1)
        return np.asarray(values, np.float32)


def _mirror_loops(
    loops: list[NDArray[np.int64]], mirror: NDArray[np.integer], count: int
) -> NDArray[np.int64]:
    sets = [frozenset(loop.tolist()) for loop in loops]
    partners = [sets.index(frozenset(mirror[loop].tolist())) for loop in loops]
    return np.array(partners, np.int64) + count


def centre_of(vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Middle (2,) of the box around the points, in x and y."""
    points = np.ascontiguousarray(vertices[:, :2].T)  # much faster to reduce
    return np.asarray((points.min(1) + points.max(1)) / 2)


def _ring_triangles(rings: int) -> NDArray[np.int64]:
    """Quads between neighbouring rings and sectors, counterclockwise on screen."""
    ring, sector = np.divmod(np.arange((rings - 1) * SECTORS), SECTORS)
    here = ring * SECTORS + sector
    beside = ring * SECTORS + (sector + 1) % SECTORS
    quads = here, beside, here + SECTORS, beside + SECTORS
    return np.concatenate(
        [np.stack([quads[0], quads[1], quads[2]], 1), np.stack([quads[1], quads[3], quads[2]], 1)]
    )


def in_image(rotation: NDArray[np.floating]) -> NDArray[np.float32]:
    """The rotation for points whose y runs down."""
    flip = np.array([1.0, -1.0, 1.0])
    return np.asarray(flip[:, None] * rotation * flip, np.float32)


def _directions() -> NDArray[np.float64]:
    angle = np.arange(SECTORS) * (2 * np.pi / SECTORS)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _sector(offset: NDArray[np.floating]) -> NDArray[np.int64]:
    turns = np.arctan2(offset[:, 1], offset[:, 0]) / (2 * np.pi)
    return np.asarray(np.rint(turns * SECTORS).astype(np.int64) % SECTORS)


def head_rings(head: NDArray[np.floating]) -> NDArray[np.float32]:
    """Anchors (rings * sectors, 3) around the face (N, 3), seen from the front in its own frame."""
    centre = centre_of(head)
    offset = head[:, :2] - centre
    radius = np.hypot(*offset.T)
    sector = _sector(offset)
    outline = np.zeros(SECTORS, np.float32)
    np.maximum.at(outline, sector, radius)
    outline = _smooth(np.maximum(outline, _smooth(outline)))
    rim = radius > 0.9 * outline[sector]
    total = np.bincount(sector[rim], head[rim, 2], SECTORS)
    depth = _smooth(total / np.maximum(np.bincount(sector[rim], minlength=SECTORS), 1))
    xy = centre + (_HEAD_RINGS[:, None] * outline)[..., None] * _directions()
    z = depth + _HEAD_DROP[:, None] * outline.mean()
    return np.concatenate([xy, z[..., None]], -1).reshape(-1, 3).astype(np.float32)


def far_ring(
    head: NDArray[np.float32], camera: WeakPerspectiveCamera, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Anchors (sectors, 3) in the image frame, beyond the picture and far behind the head."""
    matrix = in_image(camera.rotation)
    roll = np.arctan2(-matrix[0, 1], matrix[1, 1])
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    middle = centre_of(head @ matrix.T) + camera.translation[:2]
    extent = float(np.ptp(head, axis=0).max())
    reach = 1.5 * np.hypot(*size) + extent
    z = np.full((SECTORS, 1), head[:, 2].min() - 4 * extent)
    return np.concatenate([middle + reach * _directions() @ turn.T, z], 1).astype(np.float32)


def _smooth(around: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray((np.roll(around, 1) + 2 * around + np.roll(around, -1)) / 4, np.float32)


def pushed_out(points: NDArray[np.float32], face: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, 2) behind the face, moved from its centre to just beyond its outline."""
    centre = centre_of(face)
    outline = np.zeros(SECTORS, np.float32)
    np.maximum.at(outline, _sector(face[:, :2] - centre), np.hypot(*(face[:, :2] - centre).T))
    offset = points - centre
    radius = np.hypot(*offset.T) + 1e-6
    wanted = np.maximum(radius, 1.06 * outline[_sector(offset)])
    return np.asarray(centre + offset * (wanted / radius)[:, None], np.float32)
