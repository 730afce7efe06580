"""Landmarks go where their sources are nearest, a point and its twin alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from place_landmarks import HEAD_YAWS, INNER, JAW, TURNED, placed, range_of, training_set

from prnet.evaluation.datasets import open_dataset
from prnet.facemodel.heads import HeadSet
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


@pytest.mark.shared
def test_what_tests_score_places_nothing(shared: Path) -> None:
    for path in (shared / "turned/turned.npz", shared / "congress/photos.npz"):
        scored = {sample.name for sample in open_dataset(path, held_out=True).samples}
        names = {sample.name for sample in training_set(path).samples}
        everyone = {sample.name for sample in open_dataset(path).samples}
        assert names == everyone - scored
    clicked = shared / "points/3dsk.npz"
    names = {sample.name for sample in training_set(clicked).samples}
    assert names == {sample.name for sample in open_dataset(clicked).samples[::2]}
    rendered = [sample.name for sample in training_set(shared / "heads").samples]
    heads = HeadSet(shared / "heads")
    held_out = {heads[int(i)].name for i in np.flatnonzero(heads.held_out)}
    assert len(rendered) == len(HEAD_YAWS) * (100 - len(held_out))
    assert not held_out & {name.rsplit("_", 1)[0] for name in rendered}
