"""Point schemes: where they lie, how they turn with the face, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from standins import make_layout

import prnet
from prnet.geometry.camera import FLIP_Y, Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.layout.schemes import media_pipe_triangles, scheme_points
from prnet.layout.uv_layout import default_layout
from prnet.training.labels.correspondence import LANDMARKS68


@pytest.fixture(scope="module")
def layout():
    return default_layout()


def turned(layout, **pose):
    """The mean face's position map under a camera, 20 pixels a unit."""
    angles = Pose(**{"yaw": 0.0, "pitch": 0.0, "roll": 0.0, **pose})
    camera = WeakPerspectiveCamera(20, rotation_from_pose(angles), np.array([300.0, 300, 0]))
    return camera.project(layout.canonical * FLIP_Y).astype(np.float32)


def test_mediapipe_points_lie_at_the_landmarks_nearest_to_them(layout):
    """Of 51 inner landmarks; MediaPipe's brows and lips are others, so millimetres remain."""
    face = turned(layout)
    points = scheme_points(layout, face, "mediapipe468")
    assert points.shape == (468, 3)
    landmarks = layout.sample_landmarks(face)
    off = np.linalg.norm(points[list(LANDMARKS68)] - landmarks, axis=1)[17:]
    assert off.mean() < 0.02 * np.ptp(face[layout.region][:, 1])


def test_mediapipe_lips_and_lids_do_not_swap_sides(layout):
    """Upper above lower, though they touch in a closed face."""
    points = scheme_points(layout, turned(layout), "mediapipe468")
    for above, below in ((13, 14), (0, 17), (159, 145), (386, 374), (10, 152), (61, 199)):
        assert points[above, 1] < points[below, 1]
    assert points[33, 0] < points[133, 0] < points[362, 0] < points[263, 0]


def test_triangles_of_the_points_are_a_disc(layout):
    triangles = media_pipe_triangles()
    assert set(triangles.ravel()) == set(range(468))
    pairs = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, 1:], triangles[:, ::2]]))
    edges = np.unique(pairs, axis=0)
    assert 468 - len(edges) + len(triangles) == 1  # Euler's characteristic


@pytest.mark.parametrize("yaw", [0, 35, -35])
def test_the_seen_jaw_is_the_outline_on_the_far_side(layout, yaw):
    face = turned(layout, yaw=yaw)
    space, seen = (scheme_points(layout, face, name) for name in ("ibug68", "ibug-2d"))
    np.testing.assert_array_equal(seen[17:], space[17:])
    if yaw == 0:
        return
    far = slice(0, 6) if yaw < 0 else slice(11, 17)  # the side that it is turned to
    outward = np.sign(yaw)
    assert (outward * (seen[far, 0] - space[far, 0])).min() > 0.02 * np.ptp(space[:, 0])
    column = face[layout.region]
    for x, y, _ in seen[far]:
        beside = outward * column[np.abs(column[:, 1] - y) < 4, 0]
        assert outward * x > beside.max() - 0.06 * np.ptp(space[:, 0])


@pytest.mark.parametrize("roll", [-70, 30])
def test_the_seen_jaw_turns_with_the_picture(layout, roll):
    upright = scheme_points(layout, turned(layout, yaw=40), "ibug-2d")
    angle = np.radians(roll)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    rolled = (turned(layout, yaw=40) - [300, 300, 0]) @ turn.T
    points = scheme_points(layout, rolled.astype(np.float32), "ibug-2d")
    np.testing.assert_allclose(points, (upright - [300, 300, 0]) @ turn.T, atol=0.05)


def test_the_seen_jaw_of_a_mirrored_face_is_mirrored(layout):
    points = scheme_points(layout, turned(layout, yaw=40), "ibug-2d")
    mirrored = turned(layout, yaw=40)[:, ::-1] * [-1, 1, 1]
    again = scheme_points(layout, mirrored.astype(np.float32), "ibug-2d")
    np.testing.assert_allclose(again, points[MIRRORED_LANDMARKS] * [-1, 1, 1], atol=0.5)


def test_refusals():
    layout = make_layout()
    with pytest.raises(prnet.PrnetError, match="expected the layout prnet-ict, got egg"):
        scheme_points(layout, layout.canonical, "mediapipe468")
    with pytest.raises(prnet.PrnetError, match="got 'dlib5'"):
        scheme_points(layout, layout.canonical, "dlib5")  # type: ignore[arg-type]
    assert scheme_points(layout, layout.canonical, "ibug-2d").shape == (68, 3)
