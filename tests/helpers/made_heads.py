"""Faces of the package's face model whose expression is known."""

from __future__ import annotations

import numpy as np

from prnet.face import Face
from prnet.facemodel.arkit.shapes import ARKIT_NAMES, arkit_shapes
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import face_model
from prnet.geometry.boxes import Box
from prnet.geometry.camera import Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import default_layout

SIZE = 400


class Heads:
    """Faces of the face model, as position maps."""

    def __init__(self) -> None:
        self.model, self.chart = face_model(), Chart.load()
        self.shapes = arkit_shapes(self.model)
        self.pixels = np.flatnonzero(self.chart.region)

    def face(self, shown: dict[str, float], *, person: int = 0, yaw: float = 0.0) -> Face:
        identity = np.random.default_rng(person).normal(0, 0.5, len(self.model.identity))
        values = np.array([shown.get(name, 0.0) for name in ARKIT_NAMES])
        vertices = self.model.neutral + np.tensordot(values.astype(np.float32), self.shapes, 1)
        vertices += np.tensordot(
            identity.astype(np.float32), self.model.identity.astype(np.float32), 1
        )
        rotation = rotation_from_pose(Pose(yaw, 5, -8))
        camera = WeakPerspectiveCamera(9.0, rotation, np.array([200.0, 180.0, 0.0]))
        position_map = np.zeros((256 * 256, 3), np.float32)
        position_map[self.pixels] = camera.project(self.chart.apply(vertices, self.pixels))
        return Face(
            position_map.reshape(256, 256, 3),
            default_layout(),
            Box(100, 80, 300, 280),
            CropTransform(200, 180, side=250, size=128),
            np.full((SIZE, SIZE, 3), 90, np.uint8),
            track=1,
        )
