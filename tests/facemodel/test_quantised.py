"""The package's face model: modes in bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.facemodel.quantised import face_model, load_quantised, quantised, save_quantised
from prnet.layout.uv_layout import default_layout
from prnet.packaged import TRAINING_DATA


def test_steps_are_a_127th_of_a_modes_largest_value() -> None:
    modes = (
        np.random.default_rng(0).normal(size=(4, 9, 3)) * np.array([1, 5, 0.01, 0])[:, None, None]
    )
    whole, steps = quantised(modes)
    assert np.abs(whole).max() == 127
    error = np.abs(whole * steps[:, None, None] - modes).max(axis=(1, 2))
    assert (error <= 0.51 * np.abs(modes).max(axis=(1, 2)) / 127).all()


def test_kept_vertices_come_back_under_their_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    model = MorphableModel(
        neutral=random.normal(size=(20, 3)).astype(np.float32),
        uv=np.zeros((1, 2), np.float32),
        faces=np.zeros((1, 4), np.int32),
        face_uvs=np.zeros((1, 4), np.int32),
        identity=random.normal(size=(3, 20, 3)).astype(np.float16),
        expression=random.normal(size=(2, 20, 3)).astype(np.float16),
        identity_names=("identity000", "identity001", "identity002"),
        expression_names=("jawOpen", "mouthLeft"),
    )
    kept = np.array([3, 4, 11, 19])
    save_quantised(tmp_path / "small.npz", model, kept)
    packed = load_quantised(tmp_path / "small.npz")
    assert packed.expression_names == model.expression_names
    np.testing.assert_array_equal(packed.neutral[kept], model.neutral[kept])
    np.testing.assert_allclose(packed.identity[:, kept], model.identity[:, kept], atol=0.02)
    np.testing.assert_allclose(packed.expression[:, kept], model.expression[:, kept], atol=0.02)
    assert not packed.identity[:, 5].any()
    (tmp_path / "other.npz").write_bytes(b"no")
    with pytest.raises(PrnetError, match="quantised face model"):
        load_quantised(tmp_path / "other.npz")


def test_the_packages_model_covers_the_layout_and_is_small() -> None:
    path = TRAINING_DATA / "face_model.npz"
    assert path.stat().st_size < 6e6
    model, layout = face_model(), default_layout()
    assert (len(model.identity), len(model.expression)) == (100, 57)
    pixels = np.flatnonzero(layout.region)[::97]
    basis = MapBasis.from_model(model, Chart.load(), ("jawOpen", "eyeBlink_L"), pixels)
    apart = basis.mean * (1, -1, 1) - layout.canonical.reshape(-1, 3)[pixels]
    assert np.linalg.norm(apart, axis=1).mean() < 0.5, "the mean training face is near the neutral"
    assert (np.abs(basis.offsets[:100]).max(axis=(1, 2)) > 0).all()


@pytest.mark.shared
def test_bytes_cost_a_tenth_of_a_millimetre(shared: Path) -> None:
    whole = MorphableModel.load(shared / "facemodel" / "ict_facekit.npz")
    packed, used = face_model(), np.unique(Chart.load().vertex)
    random = np.random.default_rng(0)
    people, faces = random.normal(size=(5, 100)), random.uniform(0, 0.3, (5, 57))
    one, other = (model.vertices(people, faces, subset=used) for model in (whole, packed))
    assert 10 * np.linalg.norm(one - other, axis=2).mean() < 0.1
