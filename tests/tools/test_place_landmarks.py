"""Landmarks go where their sources are nearest, a point and its twin alike."""

from __future__ import annotations

import numpy as np
from place_landmarks import INNER, JAW, TURNED, placed, range_of

from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.layout.uv_layout import default_layout


def test_the_least_distance_of_a_point_and_its_twin_is_found() -> None:
    steps = np.arange(-3.0, 3.5, 0.5)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    layout, random = default_layout(), np.random.default_rng(0)
    wanted = random.integers(-5, 6, (68, 2)) / 2
    twins = wanted[MIRRORED_LANDMARKS] * (-1, 1)
    wanted = np.where((np.arange(68) < MIRRORED_LANDMARKS)[:, None], wanted, twins)
    wanted[np.arange(68) == MIRRORED_LANDMARKS, 0] = 0
    costs = np.linalg.norm(offsets - wanted[:, None], axis=2)
    for points in (INNER, JAW):
        moved = placed(layout, costs, offsets, points) - layout.landmarks
        np.testing.assert_allclose(moved[points], wanted[points], atol=1e-4)
        assert not np.delete(moved, points, axis=0).any()


def test_points_of_the_middle_stay_there() -> None:
    offsets = np.array([[-1, 0], [0, 0], [1, 0]], float)
    layout = default_layout()
    costs = np.tile([0.0, 1.0, 2.0], (68, 1))
    moved = placed(layout, costs, offsets, INNER) - layout.landmarks
    middle = np.arange(68) == MIRRORED_LANDMARKS
    assert not moved[middle].any()


def test_a_face_is_taken_for_the_range_of_its_yaw_until_that_has_enough() -> None:
    assert range_of(-40, TURNED, [9, 9, 3, 9], 4) == 2
    assert range_of(40, TURNED, [0, 0, 4, 0], 4) is None
    assert range_of(95, TURNED, [0, 0, 0, 0], 4) is None
    assert range_of(np.nan, TURNED, [4, 1, 4, 4], 4) == 1
