"""A person's mesh that moves, as GLB: the head's motion on the node, the rest as morph targets.

glTF cannot animate positions. What the face itself does, without the head's motion, is nearly all
in a few principal components over time, which are found as the frames come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.texture import texture
from prnet.face import Face
from prnet.files.image import image_bytes
from prnet.formats.gltf import Motion, Targets, glb_bytes, quaternions
from prnet.formats.surface import millimetres_per_unit
from prnet.geometry.camera import FLIP_Y, WeakPerspectiveCamera
from prnet.geometry.mesh import vertex_normals
from prnet.layout.uv_layout import UVLayout
from prnet.video.head import head_camera, in_head

STEP: Final = 2
"""Map pixels between two vertices of an animated map: the others are 0.013 % of the face's size off
the surface between them, in the mean, and each morph target takes a quarter of the room."""
TARGETS: Final = 32
"""Morph targets of an animated map: 0.18 MB each."""
KEPT, BLOCK = 48, 32
"""Components that are carried along; frames after which they are found anew."""
ROUNDING: Final = 1e-7
"""Share of a block's power below which a direction is none."""
BETTER: Final = 1.1
"""So much better a frame must be to give the texture."""


class StreamedComponents:
    """Principal components of vectors (D,) that come one by one, in memory that does not grow but
    by ``KEPT`` numbers a vector. What `BLOCK` vectors add to the ``KEPT`` best directions so far is
    joined to them, and the best are kept (as in Brand, "Fast low-rank modifications of the thin
    SVD", 2006)."""

    def __init__(self) -> None:
        self._origin: NDArray[np.float32] | None = None
        self._directions = np.zeros((0, 0), np.float32)
        self._along = np.zeros((0, 0), np.float32)
        self._block: list[NDArray[np.float32]] = []

    def add(self, vector: NDArray[np.float32]) -> None:
        if self._origin is None:
            self._origin, self._directions = vector, np.zeros((0, len(vector)), np.float32)
        self._block.append(vector - self._origin)
        if len(self._block) == BLOCK:
            self._join()

    def found(
        self, count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """A base (D,), offsets (C, D) with C <= ``count`` and weights (N, C) in 0..1, as editors
        want them: vector n is nearly base + weights[n] @ offsets."""
        self._join()
        middle = self._along.mean(axis=0, dtype=np.float64)
        centred = self._along - middle
        values, axes = np.linalg.eigh(centred.T @ centred)
        axes = axes[:, np.flatnonzero(values > 1e-9 * values.sum())[::-1][:count]]
        along = centred @ axes
        low, span = along.min(axis=0), np.ptp(along, axis=0)
        base = self._origin + (middle + axes @ low).astype(np.float32) @ self._directions
        offsets = (axes * span).T.astype(np.float32) @ self._directions
        return base, offsets, (along - low) / span

    def _join(self) -> None:
        if not self._block:
            return
        block = np.stack(self._block)
        known = block @ self._directions.T
        rest = block - known @ self._directions
        power, mixes = np.linalg.eigh(rest @ rest.T)
        new = power > ROUNDING * max(float(np.square(block).sum()), 1e-30)
        found = (mixes[:, new] / np.sqrt(power[new])).T @ rest
        both = np.concatenate([self._directions, found])
        before = np.pad(self._along, ((0, 0), (0, len(both) - self._along.shape[1])))
        along = np.concatenate([before, np.concatenate([known, rest @ found.T], axis=1)])
        _, axes = np.linalg.eigh(along.T.astype(np.float64) @ along)
        best = axes[:, ::-1][:, :KEPT].astype(np.float32)
        self._directions, self._along, self._block = best.T @ both, along @ best, []


@dataclass
class HeadMotion:
    """Where a person's head was, moment by moment; and the frame that shows the face best."""

    seconds: list[float] = field(default_factory=list)
    cameras: list[WeakPerspectiveCamera] = field(default_factory=list)
    shown: Face | None = None
    _best: float = 0.0

    def add(self, seconds: float, face: Face, camera: WeakPerspectiveCamera) -> None:
        self.seconds.append(seconds)
        self.cameras.append(camera)
        good = camera.scale * float(np.clip(camera.rotation[2, 2], 0, 1)) ** 2
        if self.shown is None or good > BETTER * self._best:
            self.shown, self._best = face, good

    def motion(self, weights: NDArray[np.floating], metres: float) -> Motion:
        """With the ``weights`` (N, T) of the moments; ``metres`` of a head unit. The frame's middle
        is the scene's, and the head has its true size where it is at the median distance: a face
        that comes nearer grows, as a weak-perspective camera knows no distance."""
        assert self.shown is not None
        assert self.shown.image is not None
        height, width = self.shown.image.shape[:2]
        scales = np.array([camera.scale for camera in self.cameras])
        middle = np.array([(width - 1) / 2, (height - 1) / 2, 0])
        places = np.stack([camera.translation for camera in self.cameras]) - middle
        usual = float(np.median(scales))
        return Motion(
            seconds=np.array(self.seconds),
            rotation=quaternions(np.stack([camera.rotation for camera in self.cameras])),
            translation=places * FLIP_Y / usual * metres,
            scale=scales / usual,
            weights=weights,
        )

    def picture(self) -> bytes:
        """The texture of the frame that shows the face best, hidden parts filled; JPEG."""
        assert self.shown is not None
        return image_bytes(texture(self.shown, fill=True), "JPEG")


@lru_cache(maxsize=4)
def sparse_surface(layout: UVLayout, step: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The layout's vertices (V,) at every ``step``-th map pixel, and triangles (T, 3) into them."""
    triangles = layout.sparse_triangles(step)
    kept, numbers = np.unique(triangles, return_inverse=True)
    return kept, np.asarray(numbers.reshape(triangles.shape), np.int32)


class AnimatedMap:
    """One person's position maps over time -> an animated GLB of a quarter of their vertices."""

    def __init__(self) -> None:
        self._head, self._shapes = HeadMotion(), StreamedComponents()

    def add(self, seconds: float, face: Face) -> None:
        camera = head_camera(face)
        self._head.add(seconds, face, camera)
        kept, _ = sparse_surface(face.layout, STEP)
        self._shapes.add(in_head(face.vertices[kept].T, camera).T.ravel())

    def __len__(self) -> int:
        return len(self._head.seconds)

    def glb(self, name: str) -> bytes:
        face = self._head.shown
        assert face is not None
        kept, triangles = sparse_surface(face.layout, STEP)
        base, offsets, weights = self._shapes.found(TARGETS)
        metres = millimetres_per_unit(face.layout) / 1000
        vertices = base.reshape(-1, 3) * metres
        usual = (base + weights.mean(axis=0) @ offsets).reshape(-1, 3)
        names = tuple(f"motion{number + 1}" for number in range(len(offsets)))
        targets = Targets(names, offsets.reshape(-1, *vertices.shape) * np.float32(metres))
        return glb_bytes(
            vertices,
            triangles,
            normals=vertex_normals(usual * FLIP_Y, triangles) * FLIP_Y,
            texture_coordinates=face.texture_coordinates[kept],
            picture=self._head.picture(),
            name=name,
            targets=targets if len(offsets) else None,
            motion=self._head.motion(weights, metres),
        )
