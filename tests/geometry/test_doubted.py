"""Where a face is looked for once more."""

from __future__ import annotations

import numpy as np
import pytest

from prnet.geometry.boxes import Box
from prnet.geometry.doubted import ASIDE, TURNED_FROM, around, elsewhere, is_among


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


@pytest.mark.parametrize(
    ("away", "near", "same"), [(39, 0.4, True), (41, 0.4, False), (59, 0.6, True)]
)
def test_faces_are_one_by_their_centres(away: float, near: float, same: bool) -> None:
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    points[:2] = [0, 0], [100, 100]
    assert is_among(points, [points + np.array([away, 0])], near=near) == same
