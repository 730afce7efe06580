"""Labels of textured heads: the face model fitted to a surface that it made itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("torch")

from prnet.errors import PrnetError
from prnet.facemodel.at_points import basis_at_pixels
from prnet.facemodel.heads import TexturedHead
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import face_model
from prnet.geometry.camera import (
    FLIP_Y,
    Pose,
    WeakPerspectiveCamera,
    rotation_from_pose,
)
from prnet.layout.uv_layout import default_layout
from prnet.training.views.heads import front_basis, label_of, render_heads


def test_a_head_of_the_models_own_is_found_again() -> None:
    model, layout = face_model(), default_layout()
    whole = basis_at_pixels(model, Chart.load(), np.flatnonzero(layout.region.ravel()))
    random = np.random.default_rng(0)
    coefficients = np.zeros((1, len(whole.modes)), np.float32)
    coefficients[0, :30] = random.normal(size=30)
    turn = rotation_from_pose(Pose(4, -5, 2))
    positions = whole.points(coefficients)[0]
    vertices = 0.08 * positions @ turn.T + (0.1, -0.2, 0.3)
    in_map = np.zeros((*layout.region.shape, 3), np.float32)
    in_map[layout.region] = vertices
    head = TexturedHead(
        name="made up",
        vertices=vertices.astype(np.float64),
        triangles=layout.triangles,
        uv=np.zeros((1, 2), np.float32),
        uv_triangles=np.zeros_like(layout.triangles),
        texture=np.zeros((1, 1, 3), np.uint8),
        landmarks=layout.sample_landmarks(in_map).astype(np.float64),
    )
    mean = layout.sample_landmarks(layout.canonical) * FLIP_Y
    label = label_of(head, front_basis(model), mean.astype(np.float64))

    camera = WeakPerspectiveCamera(300, rotation_from_pose(Pose(30, 10, 0)), np.zeros(3))
    true = camera.project(vertices)
    found = label.camera(camera).project(whole.points(label.coefficients[None])[0])
    eyes = camera.project(head.landmarks)[[36, 45]]
    millimetre = np.linalg.norm(eyes[0] - eyes[1]) / 88
    front = layout.canonical_vertices[:, 2] > 5
    assert np.linalg.norm(found - true, axis=1)[front].mean() < 1.5 * millimetre
    start = label.camera(camera).project(whole.mean.astype(np.float64))
    assert np.linalg.norm(start - true, axis=1)[front].mean() > 2 * millimetre


def test_heads_that_are_all_held_out_are_one_line(tmp_path: Path) -> None:
    corners = np.zeros((1, 3), np.int64)
    np.savez(
        tmp_path / "heads.npz",
        ids=np.array(["alone"]),
        vertices=np.zeros((1, 1, 3), np.int16),
        triangles=corners,
        uv=np.zeros((1, 2), np.float32),
        uv_triangles=corners,
        landmark68_vertices=np.zeros((68, 3), np.int64),
        landmark68_weights=np.ones((68, 3)),
    )
    with pytest.raises(PrnetError, match="expected heads to train on, got 1 held out"):
        render_heads(tmp_path, [], None, tmp_path, count=3)
