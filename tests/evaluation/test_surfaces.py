"""Distances to a true surface: a sphere of which everything is known."""

from __future__ import annotations

import numpy as np
import pytest

from prnet.evaluation.surfaces import TrueSurface, front_of_face, sampled, surface_errors
from prnet.geometry.camera import Pose, rotation_from_pose
from prnet.layout.uv_layout import Part, default_layout

pytest.importorskip("scipy")

RADIUS = 80.0


def ball(steps: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a sphere of `RADIUS` around the origin."""
    around, up = np.meshgrid(np.linspace(0, 2 * np.pi, steps), np.linspace(0, np.pi, steps))
    x, y = np.sin(up) * np.sin(around), np.cos(up)
    vertices = RADIUS * np.stack([x, y, np.sin(up) * np.cos(around)], axis=-1).reshape(-1, 3)
    index = np.arange(steps**2).reshape(steps, steps)
    corners = [index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]]
    quads = np.stack(corners, axis=-1).reshape(-1, 4)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


@pytest.fixture(scope="module")
def surface() -> TrueSurface:
    random = np.random.default_rng(0)
    landmarks = random.normal(size=(68, 3)) * (1, 1, 0.2) + (0, 0, 2)
    landmarks[[36, 45]] = [(-0.55, 0.2, 0.81), (0.55, 0.2, 0.81)]
    landmarks *= RADIUS / np.linalg.norm(landmarks, axis=1, keepdims=True)
    landmarks[30] = (0, 0, RADIUS)
    return TrueSurface(*ball(), landmarks=landmarks)


def test_the_eye_corners_tell_the_millimetre(surface: TrueSurface) -> None:
    corners = surface.landmarks[[36, 45]] * surface.millimetres
    assert np.linalg.norm(corners[0] - corners[1]) == pytest.approx(88)


def test_distances_are_to_the_surface_not_to_its_vertices(surface: TrueSurface) -> None:
    random = np.random.default_rng(1)
    directions = random.normal(size=(300, 3)) * (0.4, 0.4, 0.1) + (0, 0, 1)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radius = RADIUS * surface.millimetres
    points = directions * (radius + random.uniform(-4, 4, 300))[:, None]
    foot, distance = surface.nearest(points)
    np.testing.assert_allclose(distance, np.abs(np.linalg.norm(points, axis=1) - radius), atol=0.15)
    np.testing.assert_allclose(np.linalg.norm(foot, axis=1), radius, atol=0.15)


def test_any_similarity_of_the_truth_is_exact_and_a_dent_is_not(surface: TrueSurface) -> None:
    vertices, _ = ball(40)
    front = vertices[np.linalg.norm(vertices - (0, 0, RADIUS), axis=1) < 70]
    turn = rotation_from_pose(Pose(40, 10, -20))

    def moved(points: np.ndarray) -> np.ndarray:
        return np.asarray(0.3 * points @ turn.T + (5, -7, 2))

    exact = surface_errors(moved(front), moved(surface.landmarks), surface)
    np.testing.assert_allclose(exact, 0, atol=0.1)
    flat = front * (1, 1, 0.7)
    assert surface_errors(moved(flat), moved(surface.landmarks), surface)[0] > 0.4


def test_samples_cover_a_triangle_and_stay_on_it() -> None:
    corners = np.array([[[0, 0, 0], [4, 0, 0], [0, 3, 0]]], float)
    points, normals = sampled(corners, 0.5)
    assert (points[:, :2] > 0).all()
    assert (points[:, 0] / 4 + points[:, 1] / 3 < 1).all()
    np.testing.assert_allclose(points.mean(axis=0), corners[0].mean(axis=0), atol=0.1)
    np.testing.assert_allclose(normals, np.tile([0, 0, 1.0], (len(points), 1)))


def test_the_front_of_the_face_has_no_ears_and_is_symmetric() -> None:
    layout = default_layout()
    front = np.zeros(layout.region.shape, bool)
    front[layout.region] = front_of_face(layout)
    assert not np.isin(layout.parts[front], (Part.EARS, Part.NECK, Part.OUTSIDE)).any()
    assert (front == front[:, ::-1]).mean() > 0.999
    assert 0.4 < front.sum() / layout.region.sum() < 0.7
