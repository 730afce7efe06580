"""What `prnet prepare` adds to photos: other expressions, a map that goes on beyond its border."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from prnet.training.data.prepare import grown
from prnet.training.views.turn import another_expression

NAMES = ("eyeBlink_L", "eyeBlink_R", "eyeWide_L", "eyeWide_R", "jawOpen", "mouthSmile_L")


def test_other_expressions_change_lids_and_jaw_alone() -> None:
    random = np.random.default_rng(0)
    before = np.array([0.5, -1.0, 0.2, 0.3, 0.4, 0.1, 0.1, 0.7], np.float32)
    made = np.stack([another_expression(before, NAMES, random) for _ in range(300)])
    assert (made[:, [0, 1, 7]] == before[[0, 1, 7]]).all()  # identity and smile
    closed, moved = made[:, 2] != before[2], made[:, 6] != before[6]
    assert 0.5 < closed.mean() < 0.8
    assert 0.5 < moved.mean() < 0.8
    assert (closed | moved).all()
    assert (made[closed, 2:4] >= 0.5).all()
    assert (made[closed, 4:6] == 0).all()
    assert made[:, 6].min() < 0.1
    assert made[:, 6].max() > 0.7


def test_grown_masks_reach_as_far_as_a_king_moves() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 0] = True
    rows, columns = np.nonzero(grown(mask, 2))
    assert (rows.min(), rows.max(), columns.max()) == (2, 6, 2)
    assert grown(mask, 2).sum() == 15
    assert (grown(mask, 0) == mask).all()
