"""Tables of landmarks as test sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prnet.errors import PrnetError
from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.held_out import is_held_out
from prnet.evaluation.measures import Settings, score
from prnet.evaluation.predictions import Prediction
from prnet.evaluation.protocols import by_yaw, pose_errors
from prnet.files.arrays import write_arrays
from prnet.geometry.camera import FLIP_Y, Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.layout.uv_layout import default_layout


def write_table(path: Path, count: int = 40, **more: np.ndarray) -> np.ndarray:
    """The mean face at yaws from -60 to 60 degrees; returns the yaws."""
    layout = default_layout()
    mean = layout.sample_landmarks(layout.canonical) * FLIP_Y
    yaws = np.linspace(-60, 60, count)
    cameras = (
        WeakPerspectiveCamera(9, rotation_from_pose(Pose(yaw, 5, 3)), np.array([90.0, 80, 0]))
        for yaw in yaws
    )
    points = np.stack([camera.project(mean) for camera in cameras])
    files = np.array([f"set/{i:02d}.png" for i in range(count)])
    write_arrays(path, {"files": files, "landmarks68": points, **more})
    return yaws


def test_angles_are_those_of_the_points(tmp_path: Path) -> None:
    """In the protocol's signs, which are 300W-LP's: the yaw's is the opposite of the API's."""
    yaws = write_table(tmp_path / "table.npz")
    dataset = open_dataset(tmp_path / "table.npz")
    found = np.array([sample.angles[1] for sample in dataset.samples])
    order = np.sign(found[0]) * np.sign(yaws[0])
    assert np.abs(np.abs(found) - np.abs(yaws)).max() < 4  # pitch and roll mix in
    np.testing.assert_allclose(np.sign(found), order * np.sign(yaws))


def test_held_out_people_are_those_of_training_whatever_their_source(tmp_path: Path) -> None:
    people = np.array([f"lfw:Ada_{chr(65 + i // 2)}" for i in range(40)])
    write_table(tmp_path / "table.npz", person=people)
    kept = {sample.source for sample in open_dataset(tmp_path / "table.npz", held_out=True).samples}
    expected = {i for i in range(40) if is_held_out(f"news/Ada_{chr(65 + i // 2)}_0001.jpg")}
    assert kept == expected
    assert 0 < len(kept) < 40


def test_doubtful_rows_are_left_out(tmp_path: Path) -> None:
    spread = np.where(np.arange(40) < 10, 0.03, 0.01)
    write_table(tmp_path / "table.npz", landmark_spread=spread)
    assert len(open_dataset(tmp_path / "table.npz").samples) == 30
    spread[:5] = np.nan
    write_table(tmp_path / "table.npz", landmark_spread=spread)
    assert len(open_dataset(tmp_path / "table.npz").samples) == 35, "NaN: nobody knows"


@pytest.mark.parametrize("columns", [2, 3])
def test_rows_that_are_no_face_are_listed(tmp_path: Path, columns: int) -> None:
    """A row of NaN says that there are no points."""
    points = np.random.default_rng(0).uniform(9, 90, (5, 68, columns))
    points[1], points[2, 17:], points[3, 0, 0], points[4] = 7, 7, np.nan, np.nan
    path = tmp_path / "table.npz"
    write_arrays(path, {"files": list("abcde"), "landmarks68": points})
    problems = {each.name: each.problem for each in open_dataset(path).samples}
    assert problems.keys() == set("abcd")
    assert problems["a"] is None
    assert f"{path}, b: expected 68 points that span a box" in str(problems["b"])
    assert (problems["c"] is None) == (columns == 2), "no camera fits its inner points"
    assert problems["d"] == f"{path}, d: expected 68 finite points, got some that are not"


def test_only_exact_points_are_scored(tmp_path: Path) -> None:
    write_table(tmp_path / "table.npz", exact=np.array([8, 33]))
    dataset = open_dataset(tmp_path / "table.npz")
    assert dataset.exact == (8, 33)
    sample = dataset.samples[0]
    assert sample.landmarks is not None
    wrong = sample.landmarks.copy()
    wrong[[0, 20]] += 50
    settings = Settings(exact=dataset.exact)
    scores = score("sparse-2d", Prediction(wrong), sample, settings)
    assert scores == {"sparse 2D, exact": pytest.approx(0)}
    wrong[8] += (3, 4, 0)
    box = np.sqrt(np.prod(np.ptp(sample.landmarks[:, :2], axis=0)))
    scores = score("sparse-2d", Prediction(wrong), sample, settings)
    assert scores["sparse 2D, exact"] == pytest.approx(100 * 5 / 2 / box)


@pytest.mark.parametrize(
    "arrays",
    [
        {"landmarks68": np.zeros((2, 68, 3))},
        {"files": np.array(["a", "b"]), "landmarks68": np.zeros((3, 68, 3))},
        {"files": np.array(["a", "b"]), "landmarks68": np.zeros((2, 68, 5))},
        {
            "files": np.array(["a"]),
            "landmarks68": np.zeros((1, 68, 2)),
            "exact": np.array([70]),
        },
    ],
)
def test_other_files_are_refused(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    write_arrays(tmp_path / "table.npz", arrays)
    with pytest.raises(PrnetError, match="expected"):
        open_dataset(tmp_path / "table.npz", "table")


def test_yaw_bins_are_those_asked_for() -> None:
    bins = by_yaw(np.array([1.0, 2, 3, 4]), np.array([10.0, -40, 60, -90]), (30, 50, 70))
    assert bins.counts == (1, 1, 1, 1)
    assert bins.means == (1, 2, 3, 4)


def test_a_head_that_seems_less_turned_falls_short_to_either_side() -> None:
    true = np.array([[0, 60, 0], [0, -60, 0], [0, 60, 0]], float)
    predicted = np.array([[0, 54, 0], [0, -54, 0], [0, 63, 0]], float)
    np.testing.assert_allclose(pose_errors(predicted, true).short, [6, 6, -3])
