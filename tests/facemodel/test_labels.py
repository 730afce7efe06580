"""Labels are what they should be, or refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prnet.errors import PrnetError
from prnet.facemodel.labels import read_labels
from prnet.files.arrays import write_arrays


def some_labels(count: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "files": [f"a/{row}.jpg" for row in range(count)],
        "source": ["a"] * count,
        "identity": random.normal(size=(count, 4)).astype("f2"),
        "expression": random.random((count, 2)).astype("f2"),
        "expression_names": ["jawOpen", "eyeBlink_L"],
        "scale": np.full(count, 5.0),
        "rotation": np.repeat(np.eye(3)[None], count, axis=0),
        "translation": np.zeros((count, 2)),
        "fit_error": np.zeros(count),
        "landmark_spread": np.zeros(count),
        "landmarks68": random.random((count, 68, 3)),
        "annotated68": np.full((count, 68, 2), np.nan),
    }


def test_what_is_asked_for_is_read(tmp_path: Path) -> None:
    labels = some_labels()
    write_arrays(tmp_path / "labels.npz", labels)
    assert set(read_labels(tmp_path / "labels.npz")) == set(labels)
    some = read_labels(tmp_path / "labels.npz", "rotation", "files", "person")
    assert list(some) == ["files", "rotation"]
    assert some["rotation"].dtype == np.float32
    assert some["files"].tolist() == labels["files"]


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"rotation": np.ones((3, 3, 3))}, "rotation matrices, got others"),
        ({"rotation": np.full((3, 3, 3), 1e8)}, "rotation matrices, got others"),
        ({"scale": np.array([1.0, 0.0, 2.0])}, "scales above 0, got 0"),
        ({"scale": np.full(3, np.nan)}, "scale with numbers that are none"),
        ({"files": ["a"]}, "of shape"),
        ({"landmarks68": np.zeros((3, 67, 3))}, r"landmarks68 of shape \(3, 67, 3\)"),
        ({"expression_names": ["jawOpen"]}, r"of shape"),
    ],
)
def test_other_labels_are_refused(tmp_path: Path, changed: dict[str, Any], got: str) -> None:
    write_arrays(tmp_path / "labels.npz", {**some_labels(), **changed})
    with pytest.raises(PrnetError, match=rf"labels\.npz: expected .*{got}"):
        read_labels(tmp_path / "labels.npz")
