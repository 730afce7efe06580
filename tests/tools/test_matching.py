from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matching import (
    Surface,
    mean_mesh,
    minimal_mixtures,
    mirror_pairs,
    mirror_twins,
    rematch,
)

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.training.labels.correspondence import (
    LANDMARKS68,
    LID_OPENINGS,
    LIP_OPENINGS,
    LOWER_LIDS,
    LOWER_LIP,
    UPPER_LIDS,
    UPPER_LIP,
    Correspondence,
)


def test_packaged_points_are_mixtures_and_the_mirror_is_its_own_inverse() -> None:
    places = Correspondence.load()
    for weights in (places.weights, places.landmarks68_weights):
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(places.mirror[places.mirror], np.arange(468))
    assert places.mirror[[33, 133, 61, 13]].tolist() == [263, 362, 291, 13]
    np.testing.assert_array_equal(MIRRORED_LANDMARKS[MIRRORED_LANDMARKS], np.arange(68))
    np.testing.assert_array_equal(
        places.mirror[list(LANDMARKS68)], np.take(LANDMARKS68, MIRRORED_LANDMARKS)
    )


def test_pairs_and_sides_are_symmetric() -> None:
    mirror = Correspondence.load().mirror
    for side in (UPPER_LIP, LOWER_LIP, UPPER_LIDS, LOWER_LIDS):
        assert set(mirror[list(side)].tolist()) == set(side)
    for pairs in (LIP_OPENINGS, LID_OPENINGS):
        assert {tuple(pair) for pair in mirror[pairs].tolist()} == {
            tuple(p) for p in pairs.tolist()
        }


@pytest.mark.shared
def test_packaged_points_lie_symmetric_and_on_their_own_side(shared: Path) -> None:
    model = MorphableModel.load(shared / "facemodel" / "ict_facekit.npz")
    places = Correspondence.load()

    def at_points(values: np.ndarray) -> np.ndarray:
        return (values[places.vertices] * places.weights[..., None]).sum(1)

    neutral = at_points(model.neutral)
    twins = neutral[places.mirror] * (-1, 1, 1)
    assert np.linalg.norm(neutral - twins, axis=1).max() < 0.02
    jaw = at_points(model.expression_basis(["jawOpen"])[0].astype(np.float32))[:, 1]
    assert jaw[list(LOWER_LIP)].max() < jaw[list(UPPER_LIP)].min()
    blink = at_points(model.expression_basis(["eyeBlink_L", "eyeBlink_R"]).sum(0))[:, 1]
    assert (blink[LID_OPENINGS[:, 0]] < blink[LID_OPENINGS[:, 1]] - 0.15).all()


def test_correspondence_file_round_trip(tmp_path: Path) -> None:
    places = Correspondence.load()
    places.save(tmp_path / "again.npz", "a test")
    again = Correspondence.load(tmp_path / "again.npz")
    np.testing.assert_array_equal(again.vertices, places.vertices)
    with pytest.raises(PrnetError, match="expected a correspondence file"):
        Correspondence.load(tmp_path / "none.npz")


def test_minimal_mixtures_beat_a_fine_grid() -> None:
    random = np.random.default_rng(2)
    root = random.normal(size=(40, 3, 4))
    matrices = root @ np.swapaxes(root, 1, 2)
    weights, errors = minimal_mixtures(matrices)
    steps = np.linspace(0, 1, 101)
    grid = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-9])
    best = np.einsum("gi,tij,gj->tg", grid, matrices, grid).min(1)
    assert (errors <= best + 1e-9).all()
    assert (errors >= best - 0.01).all()
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1)


def test_mirror_pairs_of_a_turned_tilted_mesh() -> None:
    random = np.random.default_rng(3)
    half = random.normal(size=(234, 3)) * (3, 5, 2) + (6, 0, 0)
    mesh = np.empty((468, 3))
    order = random.permutation(468)
    order = np.array([i for i in order if i not in (33, 263, 10, 152)])
    left, right = order[:232], order[232:]
    mesh[left], mesh[right] = half[:232], half[:232] * (-1, 1, 1)
    mesh[33], mesh[263] = (-4, 2, 1), (4, 2, 1)
    mesh[10], mesh[152] = (0, 8, 0), (0, -8, 0)
    angle = 0.4
    turn = np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    photos = np.stack([7 * mesh @ turn * (1, -1, 1) + (100, 50, 0)] * 3)
    pairs = mirror_pairs(mean_mesh(photos))
    np.testing.assert_array_equal(pairs[left], right)
    assert pairs[33] == 263
    assert pairs[10] == 10


def test_rematch_finds_where_moving_points_really_lie() -> None:
    """Points on a waving sheet, first put a step off, come back to their true places."""
    random = np.random.default_rng(5)
    side = 13
    y, x = np.mgrid[:side, :side].reshape(2, -1) * 0.4 - 0.2 * (side - 1)
    neutral = np.stack([x, y, 0.1 * x**2], 1)
    index = np.arange(side * side).reshape(side, side)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    none = np.zeros(len(neutral))
    surface = Surface(neutral, triangles, mirror_twins(neutral), none, none)
    modes = np.sin(random.normal(size=(4, 2)) @ neutral[:, :2].T)[:, :, None] * 0.3
    waves = (random.normal(size=(60, 4)) @ modes.reshape(4, -1)).reshape(60, -1, 1) * (0, 1, 1)
    carried = (neutral + waves)[..., :2] / 5
    true = triangles[[30, 160, 200, 100]]
    weights = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0]])
    both = np.concatenate([true, surface.twin[true]])
    mixed = np.concatenate([weights, weights])
    targets = (carried[:, both] * mixed[..., None]).sum(2)
    start = np.concatenate([true[:, [0, 0, 0]] + 1, surface.twin[true[:, [0, 0, 0]] + 1]])
    vertices, found = rematch(
        surface, carried, targets, start, np.eye(3)[np.zeros(8, int)],
        mirror=np.roll(np.arange(8), 4), sided=False,
    )  # fmt: skip
    places = (neutral[vertices] * found[..., None]).sum(1)
    expected = (neutral[both] * mixed[..., None]).sum(1)
    assert np.linalg.norm(places - expected, axis=1).max() < 0.06
