"""Rows of a prepared folder: their yaw, who is kept back, where their points lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs prnet[train]")

import torch

torch.set_num_threads(1)

from prnet.geometry.camera import FLIP_Y, Pose, rotation_from_pose  # noqa: E402
from prnet.geometry.crop import CropTransform  # noqa: E402
from prnet.training.data import stored  # noqa: E402
from prnet.training.data.dataset import LABELS, PreparedData, Rows, crop_squares  # noqa: E402
from prnet.training.data.draws import Draws  # noqa: E402
from prnet.training.validate import Validation  # noqa: E402

POSES = [Pose(0, 20, 20), Pose(-25, 20, 20), Pose(70, -15, 5), Pose(-100, 0, 30)]


def rows_of(poses: list[Pose], samples: list[int]) -> dict[str, np.ndarray]:
    count = len(poses)
    return {
        "sample": np.array(samples),
        "coefficients": np.zeros((count, 4), np.float32),
        "apart": np.zeros((count, 4), np.float32),
        "view": np.tile(np.array([0, 0, 1], np.float32), (count, 1)),
        "scale": np.full(count, 5, np.float32),
        "rotation": np.stack([rotation_from_pose(pose) for pose in poses]).astype(np.float32),
        "translation": np.full((count, 2), 96, np.float32),
    }


def with_views(prepared: Path, folder: Path, poses: list[Pose], samples: list[int]) -> Path:
    """The prepared photos with views of some of them beside, in a folder of their own."""
    shutil.copytree(prepared, folder)
    np.savez(folder / "turned-000.npz", allow_pickle=False, **rows_of(poses, samples))
    np.save(folder / "turned-000.npy", np.zeros((len(poses), 192, 192, 3), np.uint8))
    return folder


def test_yaw_is_the_camera_s() -> None:
    rows = Rows(crops=np.zeros((4, 1, 1, 3), np.uint8), **rows_of(POSES, [0] * 4))
    np.testing.assert_allclose(rows.yaw, [pose.yaw for pose in POSES], atol=1e-4)


def test_views_are_validated_by_the_camera_s_yaw_and_of_people_kept_back(
    prepared: Path, tmp_path: Path
) -> None:
    """Every sixth drawn face is kept back; 25 degrees of yaw stay 25 where the head is tilted."""

    class Anything:
        def predict(
            self, network: object, crops: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.rand(len(crops), len(inside), 3), torch.rand(len(crops), 68, 3)

    poses = [Pose(-25, 20, 20), Pose(25, -20, 20), Pose(70, 0, 0), Pose(45, 0, 0)]
    data = PreparedData(with_views(prepared, tmp_path / "views", poses, [0, 6, 12, 1]))
    inside = np.flatnonzero(data.grid_inside)
    validate = Validation(data, Anything(), crop_size=64)
    told = validate(torch.nn.Linear(1, 1))
    assert {key for key in told if key.startswith("views")} == {"views 0-30", "views 60-90"}


def test_training_draws_nobody_who_is_kept_back(prepared: Path, tmp_path: Path) -> None:
    poses = [Pose(10.0 * row, 0, 0) for row in range(9)]
    data = PreparedData(with_views(prepared, tmp_path / "views", poses, [*range(9)]))
    _, drawn_labels = data.draw(Draws(0), 400, {"views": 0.25})
    scale, rotation = (drawn_labels[LABELS.index(key)] for key in ("scale", "rotation"))
    turned = (rotation[:, 0, 0] < 1) | (scale == 5)
    assert int(turned.sum()) == 100
    drawn = np.unique(rotation[turned].numpy().round(4), axis=0)
    allowed = np.stack([rotation_from_pose(poses[row]) for row in range(9) if row % 6])
    assert len(drawn) == len(allowed) == 7
    for one in drawn:
        assert np.abs(allowed - one).max(axis=(1, 2)).min() < 1e-3
    kept_back = data.parts[0].scale[data.held_out]
    assert not np.isin(scale[~turned].numpy(), kept_back).any()


def test_a_device_holds_the_crops_that_are_on_the_disk(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they take half of what is free, and not where they take more."""
    folder = with_views(prepared, tmp_path / "views", POSES, [0, 1, 2, 3])
    np.save(folder / "turned-000.npy", np.full((4, 192, 192, 3), [[[[7, 8, 9]]]] * 4, np.uint8))
    monkeypatch.setattr(stored, "CHUNK", 5)
    held = {}
    for free, there in ((0, False), (2 * 52 * 192 * 192 * 3 - 1, False), (1 << 40, True)):
        monkeypatch.setattr(stored, "free_memory", lambda device, free=free: free)
        data = PreparedData(folder)
        assert data.stored.on_device == there
        held[there] = data.stored[torch.tensor([51, 0, 47, 48, 12])]
    assert held[True].dtype == torch.uint8
    assert held[True][0, 0, 0].tolist() == [7, 8, 9]
    assert torch.equal(held[True], held[False])


def test_positions_are_the_camera_s_view_of_the_head(prepared: Path, tmp_path: Path) -> None:
    """x and y as the labels' camera projects, z nearer = larger, in the same unit."""
    data = PreparedData(with_views(prepared, tmp_path / "views", POSES, [0, 1, 2, 3]))
    _, labels = data.gather(data.rows(1, range(4)))
    with np.load(prepared / "basis.npz") as basis:
        head = np.concatenate([basis["grid_mean"], basis["landmark_mean"]])
    for pose, points in zip(POSES, data.positions(labels).numpy(), strict=True):
        expected = 5 * FLIP_Y * (head @ rotation_from_pose(pose).T) + [96, 96, 0]
        np.testing.assert_allclose(points, expected, atol=1e-3)


def test_training_crops_as_the_package_does() -> None:
    """Around high faces, wide ones and square ones."""
    points = torch.rand(9, 70, 3, generator=torch.Generator().manual_seed(0)) * 90
    points[:3, :, 0] *= 0.5
    points[3:6, :, 1] *= 0.5
    centre, side = crop_squares(points)
    for index, each in enumerate(points.numpy()):
        crop = CropTransform.from_landmarks(each[-68:], size=128)
        assert centre[index].tolist() == pytest.approx([crop.centre_x, crop.centre_y], rel=1e-5)
        assert float(side[index]) == pytest.approx(crop.side, rel=1e-5)
