"""Where a face is looked for once more."""

from __future__ import annotations

import numpy as np
import pytest

from prnet.geometry.boxes import Box
from prnet.geometry.doubted import ASIDE, TURNED_FROM, apart, around, elsewhere


def test_a_given_box_is_turned_and_moved_to_all_sides() -> None:
    places = around(Box(0, 0, 100, 80))
    assert [place.roll for place in places] == [90, -180, -90, 0, 0, 0, 0]
    centres = np.array([place.centre for place in places])
    reach = 100 * ASIDE
    moves = [(0, 0)] * 3 + [(reach, 0), (0, reach), (-reach, 0), (0, -reach)]
    np.testing.assert_allclose(centres - [50, 40], moves, atol=1e-9)


def test_small_boxes_are_turned_over_alone() -> None:
    large, small = Box(0, 0, TURNED_FROM, 20), Box(0, 0, TURNED_FROM - 1, 20)
    assert [place.roll for place in elsewhere(large)] == [90, -180, -90, 0, 0]
    assert [place.roll for place in elsewhere(small)] == [-180, 0, 0]


@pytest.mark.parametrize(("move", "size", "share"), [((39, 0), 1, 0.39), ((0, 79), 2, 0.395)])
def test_faces_are_told_by_their_centres(
    move: tuple[float, float], size: float, share: float
) -> None:
    points = np.random.default_rng(0).uniform(-50, 50, (68, 3))
    points[:2, :2] = [-50, -50], [50, 50]
    other = points * size + np.array([*move, 1e3])
    far = points + np.array([400, 300, 0])
    expected = [share, np.hypot(400, 300) / 100]
    np.testing.assert_allclose(apart(points, [other, far]), expected, rtol=1e-9)
    assert len(apart(points, [])) == 0
