"""A person's head with ARKit's 52 shapes as morph targets, and the film's curves as its motion."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.face import Face
from prnet.facemodel.arkit.curves import BLINKS, MeanMeasure, curve_model, motions
from prnet.facemodel.arkit.shapes import ARKIT_NAMES, arkit_shapes
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import face_model
from prnet.formats.gltf import Targets, glb_bytes
from prnet.geometry.camera import FLIP_Y
from prnet.geometry.mesh import vertex_normals
from prnet.layout.uv_layout import default_layout
from prnet.video.meshes.animation import HeadMotion, sparse_surface

STEP: Final = 3
"""Map pixels between two vertices: 52 targets of all of them would be 38 MB."""
METRES: Final = 0.01
"""Of a unit of the face model."""


class PersonRig:
    """One person's faces over time -> a GLB with targets of ARKit's names that move as in the film.

    The mesh is the person's: the mean of the maps, less what the face shows in the mean.
    """

    def __init__(self) -> None:
        self._model = curve_model()
        self._head, self._mean = HeadMotion(), MeanMeasure()
        self._measures: list[NDArray[np.float32]] = []
        self._points: NDArray[np.float64] | float = 0.0
        self._weight = 0.0

    def add(self, seconds: float, face: Face) -> None:
        measure = self._model.measure(face)
        weight = self._mean.add(measure)
        self._head.add(seconds, face, measure.camera)
        self._measures.append(measure.values)
        points = face.vertices[_sparse_mesh().kept]
        self._points = self._points + weight * measure.camera.unproject(points)
        self._weight += weight

    def __len__(self) -> int:
        return len(self._measures)

    def glb(self, name: str) -> bytes:
        mesh, person = _sparse_mesh(), self._model.person(self._mean)
        shown, shapes = person.shown.copy(), mesh.shapes.copy()
        # The person's open eyes are the mesh's, and a whole blink closes them.
        shown[BLINKS] -= person.open_lids
        shapes[BLINKS] *= (1 - person.open_lids)[:, None, None].astype(np.float32)
        mean = self._points / self._weight
        moved = np.tensordot(person.moved, np.stack(motions(np.asarray(mean))), 1)
        neutral = (mean - moved - np.tensordot(shown, mesh.shapes, 1)) * METRES
        curves = self._model.curves(np.stack(self._measures), person)
        return glb_bytes(
            neutral,
            mesh.triangles,
            normals=vertex_normals(neutral * FLIP_Y, mesh.triangles) * FLIP_Y,
            texture_coordinates=default_layout().texture_coordinates[mesh.kept],
            picture=self._head.picture(),
            name=name,
            targets=Targets(ARKIT_NAMES, shapes * np.float32(METRES)),
            motion=self._head.motion(curves, METRES),
        )


class _SparseMesh:
    """``kept`` (V,): the layout's vertices that are used; ``triangles`` (T, 3) into them;
    ``shapes`` (52, V, 3), cm."""

    def __init__(self) -> None:
        layout, chart, model = default_layout(), Chart.load(), face_model()
        self.kept, self.triangles = sparse_surface(layout, STEP)
        pixels = np.flatnonzero(layout.region)[self.kept]
        shapes = arkit_shapes(model)
        shapes[:, chart.rigid] = 0
        self.shapes = np.stack([chart.apply(shape, pixels) for shape in shapes])


@lru_cache(maxsize=1)
def _sparse_mesh() -> _SparseMesh:
    return _SparseMesh()
