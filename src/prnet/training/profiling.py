"""Out-of-plane views of a labelled photo, as in the face profiling of 300W-LP.

Zhu, Lei, Liu, Shi, Li: Face alignment across large poses: a 3D solution (CVPR 2016).  The fitted
mesh is textured by its photo and surrounded by rings of anchors that fall away behind the face
outline (hair, head) and stand still at the picture's border, so that the whole photo turns as one
sheet.  What the photo does not show of the face is filled from its mirrored half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.rasterize import interpolate, rasterize

_SECTORS = 64
"""Directions around the face in which the rings have anchors."""

_HEAD_RINGS = np.array([0.90, 1.0, 1.06, 1.13, 1.22, 1.32])
"""Radii, in units of the face outline, of the rings that turn with the head."""

_HEAD_DROP = np.array([-0.10, 0.0, -0.18, -0.32, -0.46, -0.60])
"""Depth of these rings below the outline, in units of the face's mean radius."""

_STILL_RINGS = np.array([0.12, 0.3, 0.6, 1.0])
"""Rings from the head to the far border (fractions of the way), which turn less and less."""


@dataclass(frozen=True)
class Camera:
    """Weak perspective as in the labels: x = s (R X)_x + t_x, y = -s (R X)_y + t_y, z = s (R X)_z.

    scale: pixels per model unit.  rotation: (3, 3).  translation: (2,) pixels.
    """

    scale: float
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A rendered view: image (H, W, 3) uint8, its camera, the face mesh's vertices (V, 3) in it."""

    image: NDArray[np.uint8]
    camera: Camera
    vertices: NDArray[np.float32]


class PhotoMesh:
    """One photo on its fitted mesh, ready to be turned any number of times."""

    def __init__(
        self,
        image: NDArray[np.uint8],
        vertices: NDArray[np.floating],
        topology: Topology,
        camera: Camera,
    ) -> None:
        """image (H, W, 3); vertices (V, 3) of the face in its image frame, made by ``camera``."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise PrnetError(f"expected a (H, W, 3) uint8 image, got {image.shape} {image.dtype}")
        self.image = image
        self.camera = camera
        self.vertices = np.asarray(vertices, np.float32)
        self._topology = topology
        face = topology.close(self.vertices)
        rings, self._turning = _rings(face, image.shape[:2])
        self._sheet = np.concatenate([face, rings])
        self._own, self._mirrored, self._trust = _texture_coordinates(self._sheet, topology, image)

    def turn(
        self, yaw: float, pitch: float, *, background: NDArray[np.uint8] | None = None
    ) -> View:
        """The head turned by so many degrees more, in its own axes; roll stays, the face stays
        centred.  Positive yaw turns the face toward the image's right, positive pitch downward.

        ``background`` (H, W, 3) uint8 replaces what lies beyond the head.
        """
        turned = turned_rotation(self.camera.rotation, yaw, pitch)
        change = turned @ self.camera.rotation.T
        flip = np.array([1.0, -1.0, 1.0])
        matrix = (flip[:, None] * change * flip).astype(np.float32)
        origin = np.array([*self.camera.translation, 0.0], np.float32)
        moved = (self._sheet - origin) @ matrix.T + origin
        count = len(self.vertices)
        shift = _centre(self.vertices) - _centre(moved[:count])
        moved[:, :2] += shift
        turning = self._turning[:, None]
        moved[-len(turning) :, :2] = (
            turning * moved[-len(turning) :, :2] + (1 - turning) * self._sheet[-len(turning) :, :2]
        )
        moved[-len(turning) :, 2] -= (1 - self._turning) * 4 * np.ptp(self.vertices[:, 2])
        camera = Camera(self.camera.scale, turned, self.camera.translation + shift)
        picture = self._render(moved, background)
        return View(picture, camera, moved[:count])

    def _render(
        self, moved: NDArray[np.float32], background: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        height, width = self.image.shape[:2]
        triangles = self._topology.sheet_triangles
        raster = rasterize(moved, triangles, height, width)
        still = np.zeros(len(moved), np.float32)
        still[-len(self._turning) :] = 1 - self._turning
        attributes = np.concatenate(
            [self._own, self._mirrored, self._trust[:, None], still[:, None]], axis=1
        )
        values = interpolate(raster, triangles, attributes).reshape(-1, 6)
        colour = _sample(self.image, values[:, :2])
        hidden = np.flatnonzero(values[:, 4] < 1)
        trust = values[hidden, 4, None]
        colour[hidden] = trust * colour[hidden] + (1 - trust) * _sample(
            self.image, values[hidden, 2:4]
        )
        if background is not None:
            keep = (1 - values[:, 5:] / _STILL_RINGS[0]).clip(0, 1) * raster.mask.reshape(-1, 1)
            colour = keep * colour + (1 - keep) * background.reshape(-1, 3)
        return np.rint(colour).astype(np.uint8).reshape(height, width, 3)


class Topology:
    """Triangles of the face and of the rings around it; the same for every photo.

    triangles: (T, 3) int32 of the face, counterclockwise where seen from outside.  mirror: (V,)
    the vertex on the other side of the face.  Every boundary loop but the longest (eyes, mouth)
    is closed by a fan around its mean.
    """

    def __init__(self, triangles: NDArray[np.integer], mirror: NDArray[np.integer]) -> None:
        count = len(mirror)
        loops = sorted(boundary_loops(triangles), key=len)[:-1]
        fans = [
            np.stack([np.full(len(loop), count + i), np.roll(loop, -1), loop], 1)
            for i, loop in enumerate(loops)
        ]
        self._loops = loops
        self.face_triangles = np.concatenate([triangles, *fans]).astype(np.int32)
        self.mirror = np.concatenate([mirror, _mirror_loops(loops, mirror, count)])
        rings = _ring_triangles(len(_HEAD_RINGS) + len(_STILL_RINGS)) + count + len(loops)
        self.sheet_triangles = np.concatenate([self.face_triangles, rings]).astype(np.int32)

    def close(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vertices (V, 3) and behind them the loops' centres."""
        return np.concatenate([vertices, *(vertices[loop].mean(0)[None] for loop in self._loops)])


def turned_rotation(
    rotation: NDArray[np.floating], yaw: float, pitch: float
) -> NDArray[np.float64]:
    """R = roll pitch yaw (z, x, y axes; y up) with yaw and pitch increased, in degrees."""
    r = np.asarray(rotation, np.float64)
    now_pitch = np.arctan2(r[2, 1], np.hypot(r[0, 1], r[1, 1]))
    now_yaw = np.arctan2(-r[2, 0], r[2, 2])
    inner = _axis(0, now_pitch) @ _axis(1, now_yaw)
    return np.asarray(
        r @ inner.T @ _axis(0, now_pitch + np.radians(pitch)) @ _axis(1, now_yaw + np.radians(yaw))
    )


def boundary_loops(triangles: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """Vertices of each open edge loop, in the direction of its triangles."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs = {(int(a), int(b)) for a, b in edges}
    following = {a: b for a, b in pairs if (b, a) not in pairs}
    loops = []
    while following:
        start, vertex = following.popitem()
        loop = [start]
        while vertex != start:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop))
    return loops


def _mirror_loops(
    loops: list[NDArray[np.int64]], mirror: NDArray[np.integer], count: int
) -> NDArray[np.int64]:
    sets = [frozenset(loop.tolist()) for loop in loops]
    partners = [sets.index(frozenset(mirror[loop].tolist())) for loop in loops]
    return np.array(partners, np.int64) + count


def _axis(axis: int, angle: float) -> NDArray[np.float64]:
    """Rotation about x (0) or y (1), right-handed, y up."""
    c, s = np.cos(angle), np.sin(angle)
    if axis == 0:
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _centre(vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((vertices[:, :2].min(0) + vertices[:, :2].max(0)) / 2)


def _ring_triangles(rings: int) -> NDArray[np.int64]:
    """Quads between neighbouring rings and sectors, counterclockwise on screen."""
    ring, sector = np.divmod(np.arange((rings - 1) * _SECTORS), _SECTORS)
    here = ring * _SECTORS + sector
    beside = ring * _SECTORS + (sector + 1) % _SECTORS
    quads = here, beside, here + _SECTORS, beside + _SECTORS
    return np.concatenate(
        [np.stack([quads[0], quads[1], quads[2]], 1), np.stack([quads[1], quads[3], quads[2]], 1)]
    )


def _rings(
    face: NDArray[np.float32], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Anchors (R * S, 3) around the face and how far each turns with the head (R * S,), 1 to 0."""
    centre = _centre(face)
    offset = face[:, :2] - centre
    radius = np.hypot(*offset.T)
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    sector = np.rint(angle / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS
    outline = np.zeros(_SECTORS, np.float32)
    np.maximum.at(outline, sector, radius)
    outline = _smooth(np.maximum(outline, _smooth(outline)))
    rim = radius > 0.9 * outline[sector]
    total = np.bincount(sector[rim], face[rim, 2], _SECTORS)
    depth = _smooth(total / np.maximum(np.bincount(sector[rim], minlength=_SECTORS), 1))
    direction = np.arange(_SECTORS) * (2 * np.pi / _SECTORS)
    unit = np.stack([np.cos(direction), np.sin(direction)], 1)
    head = _HEAD_RINGS[:, None] * outline
    far = np.maximum(1.5 * head[-1], 1.1 * np.hypot(*size))
    still = head[-1] + _STILL_RINGS[:, None] * (far - head[-1])
    reach = np.concatenate([head, still])
    drop = np.concatenate([_HEAD_DROP, np.full(len(_STILL_RINGS), _HEAD_DROP[-1])])
    z = depth + drop[:, None] * outline.mean()
    xy = centre + reach[..., None] * unit
    turning = np.concatenate([np.ones(len(_HEAD_RINGS)), 1 - _STILL_RINGS])
    anchors = np.concatenate([xy, z[..., None]], -1).reshape(-1, 3)
    return anchors.astype(np.float32), np.repeat(turning, _SECTORS).astype(np.float32)


def _smooth(around: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray((np.roll(around, 1) + 2 * around + np.roll(around, -1)) / 4, np.float32)


def _texture_coordinates(
    sheet: NDArray[np.float32], topology: Topology, image: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Photo coordinates of each vertex (N, 2) and of its mirror twin (N, 2), trust in the first."""
    height, width = image.shape[:2]
    count = len(topology.mirror)
    own = sheet[:, :2]
    mirrored = own.copy()
    mirrored[:count] = own[topology.mirror]
    seen = _seen(sheet[:count], topology.face_triangles, height, width)
    inside = ((own[:count] >= 0) & (own[:count] < (width, height))).all(1)
    seen = seen * inside
    trust = np.ones(len(sheet), np.float32)
    twin = seen[topology.mirror]
    trust[:count] = (seen + 1e-3) / (seen + twin * (1 - seen) + 1e-3)
    return own, mirrored, trust


def _seen(
    vertices: NDArray[np.float32], triangles: NDArray[np.int32], height: int, width: int
) -> NDArray[np.float32]:
    """How well the photo shows each vertex, 0 to 1: not behind others, not at a grazing angle."""
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = [
        sum(np.bincount(triangles[:, k], normals[:, i], len(vertices)) for k in range(3))
        for i in range(3)
    ]
    facing = -total[2] / (np.sqrt(sum(t * t for t in total)) + 1e-9)  # y down: outward is -z
    raster = rasterize(vertices, triangles, height, width, cull="back")
    x = np.rint(vertices[:, 0]).astype(int).clip(0, width - 1)
    y = np.rint(vertices[:, 1]).astype(int).clip(0, height - 1)
    tolerance = 0.02 * np.ptp(vertices[:, 1])
    in_front = vertices[:, 2] > raster.depth[y, x] - tolerance
    return np.asarray(((facing - 0.1) / 0.25).clip(0, 1) * in_front, np.float32)


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
