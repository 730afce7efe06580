"""Two shapes in one map: one to the sides of the line of sight, one along it."""

from __future__ import annotations

import numpy as np

from prnet.facemodel.position_map import MapBasis
from prnet.geometry.camera import Pose, project_head, rotation_from_pose


def test_x_and_y_are_the_planes_and_z_the_depths() -> None:
    random = np.random.default_rng(0)
    basis = MapBasis(
        random.normal(size=(7, 3)).astype(np.float32),
        random.normal(size=(5, 7, 3)).astype(np.float32),
    )
    depth, plane = random.normal(size=(2, 3, 5)).astype(np.float32)
    rotation = np.array([rotation_from_pose(Pose(*random.uniform(-60, 60, 3))) for _ in range(3)])
    camera = np.full(3, 4.0), rotation, np.zeros((3, 2))
    both = project_head(basis.positions(depth, plane - depth, rotation[:, 2]), *camera)
    np.testing.assert_allclose(
        both[..., :2], project_head(basis.positions(plane), *camera)[..., :2], atol=1e-4
    )
    np.testing.assert_allclose(
        both[..., 2], project_head(basis.positions(depth), *camera)[..., 2], atol=1e-4
    )
