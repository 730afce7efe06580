"""What `prnet prepare` adds to photos: other expressions, a map that goes on beyond its border."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from prnet.cli import main
from prnet.errors import PrnetError
from prnet.files.arrays import write_arrays
from prnet.files.image import save_image
from prnet.training.data import made_from
from prnet.training.data.joined import joined_labels
from prnet.training.data.prepare import grown
from prnet.training.views import turn
from prnet.training.views.turn import another_expression, another_identity

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


def test_other_heads_keep_their_expression() -> None:
    random = np.random.default_rng(0)
    before = np.array([0.5, -1.0, 0.2, 0.3, 0.4, 0.1, 0.1, 0.7], np.float32)
    made = np.stack([another_identity(before, len(NAMES), random) for _ in range(500)])
    assert (made[:, 2:] == before[2:]).all()
    np.testing.assert_allclose(made[:, :2].mean(axis=0), before[:2], atol=0.1)
    assert (made[:, :2].std(axis=0) > 0.5).all()


def labels(path: Path, rows: int = 2) -> Path:
    name = path.stem
    np.savez(
        path,
        files=np.array([f"news/{name}_{i:04d}.jpg" for i in range(rows)]),
        identity=np.full((rows, 2), rows, np.float16),
        expression=np.zeros((rows, 1), np.float16),
        expression_names=np.array(["jawOpen"]),
        source=np.full(rows, "news"),
        scale=np.ones(rows),
        rotation=np.tile(np.eye(3), (rows, 1, 1)),
        translation=np.zeros((rows, 2)),
        fit_error=np.zeros(rows),
        landmark_spread=np.zeros(rows),
        landmarks68=np.zeros((rows, 68, 3)),
        annotated68=np.full((rows, 68, 2), np.nan),
        image_root=np.array(name),
    )
    return path


def test_labels_of_several_sets_become_one_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        labels(tmp_path / f"{name}.npz")
    table = joined_labels([tmp_path / "one.npz", tmp_path / "two.npz"])
    assert table["identity"][:, 0].tolist() == [2, 2, 2, 2]
    assert table["plane"].shape == (4, 3), "labels without it show the shape itself"
    assert table["person"].tolist() == ["one"] * 2 + ["two"] * 2
    write_arrays(tmp_path / "other.npz", {**table, "expression_names": np.array(["mouthLeft"])})
    with pytest.raises(PrnetError, match="same expressions"):
        joined_labels([tmp_path / "one.npz", tmp_path / "other.npz"])


def test_a_photo_is_of_one_label(tmp_path: Path) -> None:
    """Of two sets' ``1.jpg`` both labels would get the photo of the first folder."""
    one = labels(tmp_path / "one.npz")
    (tmp_path / "b").mkdir()
    other = labels(tmp_path / "b" / "one.npz")
    with pytest.raises(PrnetError, match=r"b.one\.npz: expected photos that no other labels name"):
        joined_labels([one, other])


def test_views_need_a_head_that_looks_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    monkeypatch.setattr(turn, "read_samples", lambda _: {"rotation": turned[None]})
    with pytest.raises(PrnetError, match="expected a photo of a head turned less than 40 degrees"):
        turn.turn_views([labels(tmp_path / "one.npz")], [tmp_path], None, tmp_path, shard=0)


def test_what_is_kept_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("samples.npz", "negatives.npy"):
        (tmp_path / name).touch()
    monkeypatch.setattr(made_from, "check_sources", lambda *_: None)
    options = f"--out {tmp_path} --shards 0:0 --negatives {tmp_path / 'other'}"
    assert main(["prepare", str(labels(tmp_path / "one.npz")), *options.split()]) == 0
    assert "negatives.npy: kept as it was" in capsys.readouterr().out


def test_labels_without_their_photos_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = labels(tmp_path / "one.npz"), tmp_path / "out"
    out.mkdir()
    (out / "crops.npy").write_bytes(b"of another hand")
    assert main(["prepare", str(table), "--out", str(out)]) == 2
    assert "expected the photos that the labels name, found none" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["crops.npy"]


def test_labels_of_another_face_model_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = labels(tmp_path / "one.npz"), tmp_path / "out"
    for row in range(2):
        save_image(tmp_path / "news" / f"one_{row:04d}.jpg", np.zeros((9, 9, 3), np.uint8))
    assert main(["prepare", str(table), "--out", str(out)]) == 2
    said = f"{table}: expected 101 coefficients, as the face model has, got 3"
    assert capsys.readouterr().err == f"prnet prepare: {said}\n"
    assert not out.exists()


def test_grown_masks_reach_as_far_as_a_king_moves() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 0] = True
    rows, columns = np.nonzero(grown(mask, 2))
    assert (rows.min(), rows.max(), columns.max()) == (2, 6, 2)
    assert grown(mask, 2).sum() == 15
    assert (grown(mask, 0) == mask).all()
