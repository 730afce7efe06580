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

_HEAD_RINGS = np.array([0.05, 0.8, 0.92, 1.0, 1.06, 1.13, 1.22, 1.32])
"""Radii, in units of the face outline, of the rings that turn with the head."""

_HEAD_DROP = np.array([-0.4, -0.3, -0.12, 0.0, -0.18, -0.32, -0.46, -0.60])
"""Depth of these rings below the outline, in units of the face's mean radius."""

_STILL = np.array([0.06, 0.15, 0.3, 0.6, 1.0], np.float32)
"""Rings from the head to the far border (fractions of the way), which turn less and less."""

_FULL_FILL = 25.0
"""Turns of so many degrees and more replace badly seen parts by their mirror twins entirely."""


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
        self._vertices = np.asarray(vertices, np.float32)
        self._topology = topology
        origin = np.array([*camera.translation, 0.0], np.float32)
        face = (topology.close(self._vertices) - origin) @ _in_image(camera.rotation)
        self._head = np.concatenate([face, _head_rings(face)], dtype=np.float32)
        self._far = _far_ring(self._head, camera, image.shape[:2])
        sheet = self._place(camera)
        self._attributes = _texture_coordinates(sheet, topology, image.shape[:2])

    def turn(
        self, yaw: float, pitch: float, *, background: NDArray[np.uint8] | None = None
    ) -> View:
        """The head turned by so many degrees more, in its own axes; roll stays, the face stays
        centred.  Positive yaw turns the face toward the image's right, positive pitch downward.

        ``background`` (H, W, 3) uint8 replaces what lies beyond the head.
        """
        rotation = turned_rotation(self.camera.rotation, yaw, pitch)
        camera = Camera(self.camera.scale, rotation, self.camera.translation)
        count = len(self._vertices)
        shift = _centre(self._vertices) - _centre(self._place(camera)[:count])
        camera = Camera(camera.scale, rotation, camera.translation + shift)
        sheet = self._place(camera)
        cosine = (np.trace(rotation @ self.camera.rotation.T) - 1) / 2
        fill = min(1.0, float(np.degrees(np.arccos(min(1.0, cosine)))) / _FULL_FILL)
        return View(self._render(sheet, fill, background), camera, sheet[:count])

    def _place(self, camera: Camera) -> NDArray[np.float32]:
        """The sheet in the image frame of ``camera``: face, rings of the head, still rings."""
        head = self._head @ _in_image(camera.rotation).T
        head[:, :2] += np.asarray(camera.translation, np.float32)
        still = _STILL[:, None, None]
        between = (1 - still) * head[-_SECTORS:] + still * self._far
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
            keep = (1 - values[:, 5:] / _STILL[0]).clip(0, 1) * raster.mask.reshape(-1, 1)
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
        rings = len(_HEAD_RINGS) + len(_STILL)
        loops = sorted(boundary_loops(triangles), key=len)[:-1]
        fans = [
            np.stack([np.full(len(loop), count + i), np.roll(loop, -1), loop], 1)
            for i, loop in enumerate(loops)
        ]
        self._loops = loops
        self.face_triangles = np.concatenate([triangles, *fans]).astype(np.int32)
        opposite = (_SECTORS // 2 - np.arange(_SECTORS)) % _SECTORS
        rows = np.arange(rings)[:, None] * _SECTORS + count + len(loops)
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

    def blur(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Face values (N,) averaged over each vertex's triangles, twice."""
        triangles = self.face_triangles
        for _ in range(2):
            means = values[triangles].mean(1)
            total = sum(np.bincount(triangles[:, k], means, self.count) for k in range(3))
            values = total / np.maximum(self._degree, 1)
        return np.asarray(values, np.float32)


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


def _in_image(rotation: NDArray[np.floating]) -> NDArray[np.float32]:
    """The rotation for points whose y runs down."""
    flip = np.array([1.0, -1.0, 1.0])
    return np.asarray(flip[:, None] * rotation * flip, np.float32)


def _directions() -> NDArray[np.float64]:
    angle = np.arange(_SECTORS) * (2 * np.pi / _SECTORS)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _sector(offset: NDArray[np.floating]) -> NDArray[np.int64]:
    turns = np.arctan2(offset[:, 1], offset[:, 0]) / (2 * np.pi)
    return np.asarray(np.rint(turns * _SECTORS).astype(np.int64) % _SECTORS)


def _head_rings(head: NDArray[np.floating]) -> NDArray[np.float32]:
    """Anchors (rings * sectors, 3) around the face (N, 3), seen from the front in its own frame."""
    centre = _centre(head)
    offset = head[:, :2] - centre
    radius = np.hypot(*offset.T)
    sector = _sector(offset)
    outline = np.zeros(_SECTORS, np.float32)
    np.maximum.at(outline, sector, radius)
    outline = _smooth(np.maximum(outline, _smooth(outline)))
    rim = radius > 0.9 * outline[sector]
    total = np.bincount(sector[rim], head[rim, 2], _SECTORS)
    depth = _smooth(total / np.maximum(np.bincount(sector[rim], minlength=_SECTORS), 1))
    xy = centre + (_HEAD_RINGS[:, None] * outline)[..., None] * _directions()
    z = depth + _HEAD_DROP[:, None] * outline.mean()
    return np.concatenate([xy, z[..., None]], -1).reshape(-1, 3).astype(np.float32)


def _far_ring(
    head: NDArray[np.float32], camera: Camera, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Anchors (sectors, 3) in the image frame, beyond the picture and far behind the head."""
    matrix = _in_image(camera.rotation)
    roll = np.arctan2(-matrix[0, 1], matrix[1, 1])
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    middle = _centre(head @ matrix.T) + camera.translation
    extent = float(np.ptp(head, axis=0).max())
    reach = 1.5 * np.hypot(*size) + extent
    z = np.full((_SECTORS, 1), head[:, 2].min() - 4 * extent)
    return np.concatenate([middle + reach * _directions() @ turn.T, z], 1).astype(np.float32)


def _smooth(around: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray((np.roll(around, 1) + 2 * around + np.roll(around, -1)) / 4, np.float32)


def _texture_coordinates(
    sheet: NDArray[np.float32], topology: Topology, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Per vertex (N, 6): x, y in the photo, x, y of its mirror twin, need of that, stillness."""
    mirror = topology.sheet_mirror
    own = sheet[:, :2].copy()
    seen = _seen(sheet, topology, size)
    behind = np.flatnonzero(seen[topology.count :] == 0) + topology.count
    own[behind] = _pushed_out(own[behind], sheet[: topology.count])
    better = ((seen[mirror] - seen - 0.1) / 0.3).clip(0, 1)
    better[: topology.count] = topology.blur(better[: topology.count])
    better[-len(_STILL) * _SECTORS :] = 0
    still = np.zeros(len(sheet), np.float32)
    still[-len(_STILL) * _SECTORS :] = np.repeat(_STILL, _SECTORS)
    return np.concatenate(
        [own, own[mirror], better[:, None], still[:, None]], axis=1, dtype=np.float32
    )


def _pushed_out(points: NDArray[np.float32], face: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, 2) behind the face, moved from its centre to just beyond its outline."""
    centre = _centre(face)
    outline = np.zeros(_SECTORS, np.float32)
    np.maximum.at(outline, _sector(face[:, :2] - centre), np.hypot(*(face[:, :2] - centre).T))
    offset = points - centre
    radius = np.hypot(*offset.T) + 1e-6
    wanted = np.maximum(radius, 1.06 * outline[_sector(offset)])
    return np.asarray(centre + offset * (wanted / radius)[:, None], np.float32)


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
