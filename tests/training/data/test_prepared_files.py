"""A prepared folder that is damaged is refused in one line, before training."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from prnet.errors import PrnetError
from prnet.geometry.crop import CropTransform
from prnet.training.data.dataset import PreparedData
from prnet.training.data.prepare import check_crop


def change(name: str, **arrays: Any) -> Callable[[Path], None]:
    """Replace arrays of an ``.npz`` of the folder."""

    def write(folder: Path) -> None:
        with np.load(folder / name) as before:
            changed: dict[str, Any] = {**before, **arrays}
        np.savez(folder / name, **changed)

    return write


def cut(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    return write


def views(folder: Path) -> None:
    """Of a sample that is not there."""
    cameras = {"scale": np.ones(1), "rotation": np.eye(3)[None], "translation": np.zeros((1, 2))}
    shape = {"coefficients": np.zeros((1, 4)), "apart": np.zeros((1, 4)), "view": np.zeros((1, 3))}
    arrays: dict[str, Any] = {"sample": [48], **shape, **cameras}
    np.savez(folder / "turned-000.npz", **arrays)
    np.save(folder / "turned-000.npy", np.zeros((1, 192, 192, 3), np.uint8))


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (cut("samples.npz"), "samples.npz: expected samples of prnet prepare, got a damaged file"),
        (cut("basis.npz"), "basis.npz: expected a basis of prnet prepare, got a damaged file"),
        (cut("crops.npy"), r"crops.npy: expected stored crops .* \(cut short\?\)"),
        (
            lambda folder: np.save(folder / "crops.npy", np.zeros((48, 9, 9, 3))),
            "float64, not uint8",
        ),
        (
            lambda folder: np.save(folder / "crops.npy", np.zeros((47, 9, 9, 3), np.uint8)),
            "expected 48 stored crops, got 47",
        ),
        (
            change("samples.npz", coefficients=np.zeros((48, 5)), apart=np.zeros((48, 5))),
            "expected 4 coefficients.*got 5",
        ),
        (change("samples.npz", rotation=np.zeros((48, 3, 3))), "expected rotation matrices"),
        (change("samples.npz", scale=np.zeros(48)), "expected scales above 0"),
        (change("basis.npz", grid_inside=np.eye(64, dtype=bool)), "expected 64 points of the grid"),
        (views, r"expected views of samples below 48, got others"),
    ],
)
def test_damaged_folders_are_refused(
    prepared: Path, tmp_path: Path, damage: Callable[[Path], None], got: str
) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(prepared, folder)
    PreparedData(folder)
    damage(folder)
    with pytest.raises(PrnetError, match=got) as raised:
        PreparedData(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("side", "x"), [(1e9, 0.0), (50.0, 1e9), (np.inf, 0.0), (50.0, np.nan)])
def test_labels_of_another_photo_take_no_memory(side: float, x: float) -> None:
    photo = np.zeros((40, 50, 3), np.uint8)
    check_crop(CropTransform(20, 20, 60, 192), photo, "a.jpg")
    with pytest.raises(PrnetError, match=r"a\.jpg: expected labels of this photo \(50 x 40\)"):
        check_crop(CropTransform(x, 20, side, 192), photo, "a.jpg")
