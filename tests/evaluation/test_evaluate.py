"""Whole evaluations: other systems, our network, failures, files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import standins
from numpy.typing import NDArray

from prnet.cli import main
from prnet.errors import PrnetError
from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.measures import PROTOCOLS, Settings
from prnet.evaluation.predictions import FolderPredictor, NetworkPredictor
from prnet.evaluation.report import RESULTS, summary, table
from prnet.evaluation.run import Evaluation, evaluate
from prnet.files.arrays import write_arrays
from prnet.files.image import save_image
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule
from prnet.reconstruct import Reconstructor

RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.uniform(30, 90, (68, 3))
TRUTH[:4, :2] = [[30, 30], [70, 30], [70, 70], [30, 70]]
TRUTH[4:, :2] = 30 + (TRUTH[4:, :2] - 30) * 2 / 3
"""The box of the points is 40 x 40."""
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    for yaw, name in zip((0, 40, 351, -70), NAMES, strict=True):
        save_image(folder / f"{name}.png", np.full((120, 130, 3), 80, np.uint8))
        vertices = np.concatenate([TRUTH, 2 * TRUTH])
        np.savez(folder / name, landmarks=TRUTH, angles=[0, yaw, 0], vertices=vertices)
    return folder


def write_predictions(folder: Path, shifts: dict[str, NDArray[np.floating]]) -> Path:
    folder.mkdir()
    for name, shift in shifts.items():
        np.savetxt(folder / f"{name}_kpt.txt", TRUTH + shift)
    return folder


SHIFTS = {
    "a": np.array([0.6, 0.8, 100.0]),  # 1 of 40 pixels
    "b": np.array([1.2, 1.6, -50]),
    "c": np.array([3.0, 4.0, 0.0]),
}


def score(photos: Path, predictions: Path, **settings) -> Evaluation:
    dataset = open_dataset(photos)
    return evaluate(dataset, FolderPredictor(predictions, dataset.samples), Settings(**settings))


def test_another_system_is_scored_by_hand_computed_numbers(photos: Path, tmp_path: Path) -> None:
    found = score(photos, write_predictions(tmp_path / "other", SHIFTS), protocols=("sparse-2d",))
    np.testing.assert_allclose(found.measures[0].errors, [2.5, 5, 12.5, np.inf])
    assert list(found.failures) == ["d"]
    facts = summary(found)["measures"][0]
    assert facts["mean"] == pytest.approx(20 / 3, abs=1e-4)
    assert facts["failed"] == 1
    assert [facts["by |yaw|"][name]["mean"] for name in ("0-30", "30-60", "60+")] == [2.5, 5, 12.5]
    assert facts["by |yaw|"]["yaw beyond 180"] == 1
    assert facts["share above the limit"] == 0.5, "c and the failed d, of four"
    assert facts["area under the curve"] == pytest.approx((4.5 / 7 + 2 / 7) / 4, abs=1e-5)
    assert "68 true points" in facts["normaliser"]


def test_the_inner_points_are_measured_by_the_box_of_all(photos: Path, tmp_path: Path) -> None:
    jaw = np.where(np.arange(68) < 17, 9.0, 0)[:, None] * [1, 0, 0]
    shifts = {"a": SHIFTS["a"], "b": jaw, "c": SHIFTS["a"] + jaw}
    found = score(photos, write_predictions(tmp_path / "other", shifts), protocols=("sparse-2d",))
    whole, inner = found.measures
    np.testing.assert_allclose(inner.errors, [2.5, 0, 2.5, np.inf], atol=1e-9)
    assert whole.errors[1] == pytest.approx(100 * 9 * 17 / 68 / 40)


def test_mean_z_is_taken_off_beside_the_raw_number(photos: Path, tmp_path: Path) -> None:
    found = score(photos, write_predictions(tmp_path / "other", SHIFTS), protocols=("sparse-3d",))
    aligned, raw = found.measures
    np.testing.assert_allclose(aligned.errors, [2.5, 5, 12.5, np.inf])
    expected = [100 * np.hypot(1, 100) / 40, 100 * np.hypot(2, 50) / 40, 12.5, np.inf]
    np.testing.assert_allclose(raw.errors, expected)


def test_the_formats_of_predictions_agree(photos: Path, tmp_path: Path) -> None:
    for ending in (".pts", ".npz", ".txt", "_kpt.txt"):
        folder = tmp_path / f"predictions{ending}"
        folder.mkdir()
        for name, shift in SHIFTS.items():
            points = TRUTH + shift
            if ending == ".npz":
                np.savez(folder / name, landmarks=points)
            elif ending == ".pts":
                rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points[:, :2] + 1)
                text = f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n"
                (folder / f"{name}.pts").write_text(text)
            else:
                np.savetxt(folder / f"{name}{ending}", points.T if ending == ".txt" else points)
        errors = score(photos, folder).measures[0].errors
        np.testing.assert_allclose(errors, [2.5, 5, 12.5, np.inf], atol=1e-4, err_msg=ending)


def test_files_that_tell_most_are_taken(photos: Path, tmp_path: Path) -> None:
    folder = write_predictions(tmp_path / "other", SHIFTS)
    for name in SHIFTS:
        (folder / f"{name}_kpt.txt").rename(folder / f"{name}_landmarks.txt")
        np.savez(folder / name, landmarks=TRUTH, angles=[0, 0, 0])
    found = score(photos, folder, protocols=("sparse-2d", "pose"))
    assert list(found.failures) == ["d"]


def test_the_truth_is_no_prediction(photos: Path) -> None:
    np.savetxt(photos / "a_kpt.txt", TRUTH + SHIFTS["a"])
    found = score(photos, photos, protocols=("sparse-2d",))
    np.testing.assert_allclose(found.measures[0].errors, [2.5, np.inf, np.inf, np.inf])
    assert found.failures["b"].startswith("no prediction b.npz (or ")


def test_a_name_too_long_for_a_file_has_no_prediction(photos: Path, tmp_path: Path) -> None:
    for suffix in (".png", ".npz"):
        (photos / f"d{suffix}").rename(photos / f"{250 * 'd'}{suffix}")
    found = score(photos, write_predictions(tmp_path / "other", SHIFTS))
    np.testing.assert_allclose(found.measures[0].errors, [2.5, 5, 12.5, np.inf])


def test_one_based_files_are_one_based_in_x_and_y_throughout(photos: Path, tmp_path: Path) -> None:
    folder, first = tmp_path / "other", np.array([1.0, 1, 0])
    folder.mkdir()
    dense = np.concatenate([TRUTH, 2 * TRUTH])
    np.savez(folder / "a", landmarks=TRUTH + first, vertices=dense + first)
    settings = Settings(protocols=("sparse-3d", "dense-3d"))
    dataset = open_dataset(photos).evenly(1)
    for origin, expected in ((1, 0), (0, np.sqrt(2))):
        errors = evaluate(
            dataset, FolderPredictor(folder, dataset.samples, origin=origin), settings
        ).measures
        size = np.sqrt(np.ptp(dense[:, :2], axis=0).prod())
        for measure, normaliser in zip(errors, (40, 40, size, size), strict=True):
            assert measure.errors[0] == pytest.approx(100 * expected / normaliser, abs=1e-9)


def test_dense_errors_by_hand(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    dense = np.concatenate([TRUTH, 2 * TRUTH])
    np.savez(folder / "a", landmarks=TRUTH, vertices=dense + np.array([3, 4, 12]))
    np.savez(folder / "b", landmarks=TRUTH, vertices=1.5 * dense, angles=[3, 34, -6])
    np.savez(folder / "c", landmarks=TRUTH, vertices=dense[:-1])
    protocols = ("dense-2d", "dense-3d", "reconstruction", "pose")
    found = score(photos, folder, protocols=protocols)
    in_2d, in_3d, raw, moved = (measure.errors for measure in found.measures)
    size = np.sqrt(np.ptp(dense[:, :2], axis=0).prod())
    np.testing.assert_allclose([in_2d[0], in_3d[0], raw[0]], np.array([5, 5, 13]) * 100 / size)
    np.testing.assert_allclose(moved[:2], 0, atol=1e-9, err_msg="a similarity takes both off")
    assert np.isinf(moved[2:]).all()
    assert found.failures["c"].startswith("expected 136 vertices to compare one by one, got 135")
    assert found.pose is not None
    np.testing.assert_allclose(found.pose.mae, [3, 6, 6])
    assert found.pose.excluded == 1, "the yaw of 351 degrees"

    rigid = score(photos, folder, protocols=("reconstruction",), align="rigid").measures[0].errors
    centred = dense - dense.mean(axis=0)
    interocular = np.linalg.norm(TRUTH[36] - TRUTH[45])
    grown = 0.5 * np.linalg.norm(centred, axis=1).mean()
    np.testing.assert_allclose(rigid[:2], [0, 100 * grown / interocular], atol=1e-9)

    by_landmarks = score(photos, folder, protocols=("dense-2d",), dense_box="landmarks")
    assert by_landmarks.measures[0].errors[0] == pytest.approx(100 * 5 / 40)
    assert "136 vertices" in by_landmarks.measures[0].points


def test_errors_beside_their_deviations_by_hand(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for name, deviation in (("a", 0.7), ("b", 2.0)):
        points, told = TRUTH + SHIFTS[name], np.full(68, deviation)
        np.savez(folder / name, landmarks=points, landmark_deviation=told)
    np.savez(folder / "c", landmarks=TRUTH)
    call = ["evaluate", str(photos), "--predictions", str(folder), "--protocol", "deviations"]
    assert main([*call, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["deviations"]
    assert facts["images"] == 2, "c tells none, d is not there"
    assert facts["share within one deviation"] == 0.75, "a's y, 0.8 off, is not within 0.7"
    assert facts["by |yaw|"] == {"0-30": 0.5, "30-60": 1.0, "60+": None}
    assert facts["correlation"] == 1
    assert main([*call, "--out", str(tmp_path / "out"), "--no-plots"]) == 0
    printed = capsys.readouterr().out
    assert "deviations: 75% of the errors within one, by |yaw| 0-30 50%, 30-60 100%" in printed
    with (tmp_path / "out" / "images.csv").open(newline="") as file:
        shares = [row["share within one deviation"] for row in csv.DictReader(file)]
    assert shares == ["0.5000", "1.0000", "", ""]


def test_no_deviations_are_no_scores(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = write_predictions(tmp_path / "other", SHIFTS)
    call = ["evaluate", str(photos), "--predictions", str(predictions), "--protocol", "deviations"]
    assert main(call) == 1
    assert "deviations: none told" in capsys.readouterr().out


def test_a_deviation_of_nothing_is_no_prediction(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    np.savez(folder / "a", landmarks=TRUTH, landmark_deviation=np.linspace(0, 1, 68))
    failure = score(photos, folder).failures["a"]
    assert failure.endswith("a.npz: expected a landmark_deviation above 0, got 0")


def test_only_exact_points_stand_beside_their_deviations(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    shift = np.where(np.arange(68) < 4, 0.5, 9)[:, None] * [1, 1, 0]
    np.savez(folder / "a", landmarks=TRUTH + shift, landmark_deviation=np.linspace(1, 2, 68))
    dataset = replace(open_dataset(photos).evenly(1), exact=(0, 1, 2, 3))
    settings = Settings(protocols=("deviations",), exact=dataset.exact)
    found = evaluate(dataset, FolderPredictor(folder, dataset.samples), settings)
    assert found.deviations is not None
    assert found.deviations.within == 1
    assert summary(found)["deviations"]["points"].startswith("4 points")


class NoFace:
    name, crop_rule = "blind", CropRule(1.0)

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return []


@pytest.fixture
def reconstruct(tmp_path: Path) -> Reconstructor:
    return Reconstructor(standins.write_model(tmp_path / "model"), detector=NoFace(), threads=1)


def test_our_files_are_scored_as_the_network_itself(photos: Path, tmp_path: Path) -> None:
    model = standins.write_model(tmp_path / "model", judges=True)
    reconstruct = Reconstructor(model, detector=NoFace())
    dataset = open_dataset(photos).evenly(2)
    folder = tmp_path / "files"
    folder.mkdir()
    for sample in dataset.samples:
        (face,) = reconstruct(sample.read_photo(), landmarks=[TRUTH])
        face.save(folder / f"{sample.name}.npz")
    settings = Settings(
        protocols=("sparse-2d", "sparse-3d", "reconstruction", "pose", "deviations"), match="icp"
    )
    ours = evaluate(dataset, NetworkPredictor(reconstruct, crop="truth", name="prnet"), settings)
    other = evaluate(dataset, FolderPredictor(folder, dataset.samples), settings)
    assert not ours.failures
    for mine, theirs in zip(ours.measures, other.measures, strict=True):
        assert np.isfinite(mine.errors).all()
        np.testing.assert_allclose(mine.errors, theirs.errors, rtol=1e-4)
    assert ours.pose is not None
    assert other.pose is not None
    np.testing.assert_allclose(ours.pose.mae, other.pose.mae, atol=1e-4)
    assert ours.deviations is not None
    assert other.deviations is not None
    assert np.isfinite(ours.deviations.shares).all()
    np.testing.assert_array_equal(ours.deviations.shares, other.deviations.shares)


class TwoFaces:
    """The larger one where nobody was labelled."""

    name, crop_rule = "two", CropRule(1.0)

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return [Box(60, 60, 119, 119), Box(30, 30, 70, 70)]


def test_of_several_faces_the_labelled_one_is_scored(photos: Path, tmp_path: Path) -> None:
    model = standins.write_model(tmp_path / "model")
    predict = NetworkPredictor(
        Reconstructor(model, detector=TwoFaces(), passes=1), crop="detector", name="prnet"
    )
    (sample,) = open_dataset(photos).evenly(1).samples
    middle = predict(sample).landmarks[:, :2].mean(axis=0)
    np.testing.assert_allclose(middle, [50, 52], atol=1)


def test_failures_of_every_kind_count(
    photos: Path, tmp_path: Path, reconstruct: Reconstructor
) -> None:
    (photos / "a.png").unlink()
    (photos / "b.npz").write_bytes(b"no archive")
    (photos / "c.npz").unlink()
    predict = NetworkPredictor(reconstruct, crop="detector", name="prnet")
    found = evaluate(open_dataset(photos), predict, Settings())
    assert np.isinf(found.measures[0].errors).all()
    assert len(found.failures) == 4
    for name, reason in zip(
        NAMES, ("no such file", "expected a file of 68", "no .npz file", "no face"), strict=True
    ):
        assert reason in found.failures[name]
    assert "blind" in found.crop
    facts = summary(found)["measures"][0]
    assert (facts["mean"], facts["share above the limit"]) == (None, 1)
    assert "no face detected" in table(found)


@pytest.mark.parametrize("protocol", ["sparse-3d", "dense-2d", "pose"])
def test_truth_that_is_not_there_is_said_at_once(tmp_path: Path, protocol: str) -> None:
    row = ",".join(str(number) for number in TRUTH[:, :2].ravel())
    (tmp_path / "points.csv").write_text(f"a.jpg,{row}\n")
    with pytest.raises(PrnetError, match=r"points\.csv: expected .*, got (2D|none)"):
        score(tmp_path / "points.csv", tmp_path, protocols=(protocol,))


def test_command_writes_everything(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    predictions = write_predictions(tmp_path / "other", SHIFTS)
    out = tmp_path / "out"
    call = ["evaluate", str(photos), "--predictions", str(predictions), "--out", str(out)]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "first pixel 1 in .pts, 0 in other files" in told
    assert "as the other system made it" in told
    files = {path.name for path in out.iterdir()}
    assert files == {
        *("summary.json", "images.csv", "ced.png", "nme_by_yaw.png", "worst.jpg", "failed.jpg")
    }
    assert files == set(RESULTS), "what takes no photo's place"
    facts = json.loads((out / "summary.json").read_text())
    assert facts["failures"].keys() == {"d"}
    with (out / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sparse 2D"] for row in rows] == ["2.5000", "5.0000", "12.5000", ""]
    assert [row["yaw"] for row in rows] == ["0.0000", "40.0000", "351.0000", "-70.0000"]

    assert main([*call[:4], "--json", "--wrap-yaw", "--count", "3"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["measures"][0]["by |yaw|"]["yaw beyond 180"] == 0
    assert main(["evaluate", str(photos), "--predictions", str(photos / "no")]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["evaluate", str(photos), "--predictions", str(tmp_path / "empty")]) == 1


@pytest.mark.parametrize("inside", [".", "scores"])
def test_results_do_not_become_the_test_set(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    predictions = write_predictions(tmp_path / "other", SHIFTS)
    before = sorted(photos.iterdir())
    call = ["evaluate", str(photos), "--predictions", str(predictions)]
    assert main([*call, "--no-plots", "--out", str(photos / inside)]) == 2
    assert "expected --out outside the test set, got one in it" in capsys.readouterr().err
    assert sorted(photos.iterdir()) == before


def test_a_table_of_truth_is_not_written_over(photos: Path, tmp_path: Path) -> None:
    predictions = write_predictions(tmp_path / "other", SHIFTS)
    row = ",".join(map(str, TRUTH[:, :2].ravel()))
    table = photos / "images.csv"
    table.write_text(f"a.png,{row}\n")
    call = ["evaluate", str(table), "--predictions", str(predictions)]
    assert main([*call, "--no-plots", "--out", str(photos)]) == 2
    assert table.read_text() == f"a.png,{row}\n"


def test_given_angles_are_not_written_over(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, out = write_predictions(tmp_path / "other", SHIFTS), tmp_path / "out"
    out.mkdir()
    np.save(tmp_path / "yaw.npy", np.zeros(len(NAMES)))
    angles = (tmp_path / "yaw.npy").rename(out / "images.csv")
    call = ["evaluate", str(photos), "--predictions", str(predictions), "--yaw", str(angles)]
    assert main([*call, "--no-plots", "--out", str(out)]) == 2
    assert "images.csv: expected a place for a result" in capsys.readouterr().err
    np.testing.assert_array_equal(np.load(angles), np.zeros(len(NAMES)))


@pytest.mark.parametrize("kind", ["csv", "npz", "labels"])
def test_photos_of_a_table_are_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    photos, names = tmp_path / "set", ["a.jpg", "worst.jpg"]
    for name in names:
        save_image(photos / name, np.full((120, 130, 3), 80, np.uint8))
    before = (photos / "worst.jpg").read_bytes()
    table = photos / {"csv": "points.csv", "npz": "points.npz", "labels": "labels.npz"}[kind]
    if kind == "csv":
        table.write_text("".join(f"{name},{','.join(map(str, TRUTH.ravel()))}\n" for name in names))
    else:
        more = {"rotation": np.tile(np.eye(3), (2, 1, 1))} if kind == "labels" else {}
        write_arrays(table, {"files": names, "landmarks68": np.stack([TRUTH, TRUTH]), **more})
    predictions = write_predictions(tmp_path / "other", SHIFTS)
    call = ["evaluate", str(table), "--predictions", str(predictions), "--count", "1"]
    assert main([*call, "--out", str(photos)]) == 2
    assert "worst.jpg: expected a place for a result, got one of" in capsys.readouterr().err
    assert (photos / "worst.jpg").read_bytes() == before
    assert sorted(path.name for path in photos.iterdir()) == sorted([*names, table.name])
    assert main([*call, "--no-plots", "--out", str(photos / "scores")]) == 0


def test_one_prediction_is_one_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("one", "other"):
        save_image(tmp_path / f"set/{folder}/a.png", np.full((120, 130, 3), 80, np.uint8))
        np.savez(tmp_path / f"set/{folder}/a.npz", landmarks=TRUTH)
    predictions = write_predictions(tmp_path / "predictions", {"a": SHIFTS["a"]})
    found = score(tmp_path / "set", predictions)
    assert found.failures.keys() == {"one/a", "other/a"}
    assert "expected a prediction of its own, got that of one/a" in found.failures["other/a"]
    call = ["evaluate", str(tmp_path / "set"), "--predictions", str(predictions), "--count", "1"]
    assert main(call) == 1, "of the whole set, not of those picked"
    assert "expected a prediction of its own, got that of other/a" in capsys.readouterr().out
    (predictions / "one").mkdir()
    np.savetxt(predictions / "one/a_kpt.txt", TRUTH)
    assert not score(tmp_path / "set", predictions).failures


def test_one_prediction_is_not_that_of_two_faces_in_a_photo(tmp_path: Path) -> None:
    table = tmp_path / "table.npz"
    write_arrays(table, {"files": ["a.png", "a.png"], "landmarks68": np.stack([TRUTH, TRUTH + 9])})
    found = score(table, write_predictions(tmp_path / "other", {"a": SHIFTS["a"]}))
    assert np.isinf(found.measures[0].errors).all()


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, prnet.commands.evaluate, prnet.evaluation.run, prnet.evaluation.plots, "
        "prnet.evaluation.report, prnet.evaluation.dense, prnet.evaluation.now\n"
        "print(sorted({'torch', 'scipy', 'matplotlib', 'onnx'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.shared
def test_aflw2000_samples_agree_with_a_computation_of_their_own(
    shared: Path, tmp_path: Path
) -> None:
    from scipy.io import loadmat

    random, rows = np.random.default_rng(4), []
    for path in sorted((shared / "prnet-2018" / "aflw2000").glob("*.mat")):
        mat = loadmat(path)
        predicted = mat["pt3d_68"] + random.normal(0, 4, (3, 68))  # one-based, as the truth
        np.savetxt(tmp_path / f"{path.stem}_kpt.txt", predicted.T - [1, 1, 0])
        x, y = mat["pt3d_68"][:2]
        size = ((x.max() - x.min()) * (y.max() - y.min())) ** 0.5
        distances = [np.hypot(*(predicted[:2, i] - mat["pt3d_68"][:2, i])) for i in range(68)]
        rows.append((100 * sum(distances) / 68 / size, mat["Pose_Para"][0, 1] * 180 / np.pi))
    found = score(shared / "prnet-2018" / "aflw2000", tmp_path)
    errors, yaws = np.array(rows).T
    np.testing.assert_allclose(found.measures[0].errors, errors, rtol=1e-6)
    np.testing.assert_allclose(found.yaw, yaws, rtol=1e-6)
    bins = summary(found)["measures"][0]["by |yaw|"]
    assert [bins[name]["images"] for name in ("0-30", "30-60", "60+")] == [2, 1, 1]
    means = [errors[abs(yaws) <= 30].mean(), errors[yaws.argsort()[2]], errors[yaws.argmax()]]
    assert bins["mean of the bins"] == pytest.approx(np.mean(means), abs=1e-4)


@pytest.mark.parametrize(
    ("other", "options"),
    [
        (
            "--predictions",
            "--model . | --device cpu | --crop detector | --points ibug-2d | --passes 2 | "
            "--threads 2",
        ),
        (
            "--protocol now",
            "--crop detector | --points ibug-2d | --predictions . | --predictions-origin 0 | "
            "--json | --no-plots | --format mat | --origin 0 | --landmarks a | --yaw a | "
            "--wrap-yaw | --truth annotated | --held-out | --count 2 | --face-model a | "
            "--align none | --match icp | --dense-box landmarks | --limit 9 | --yaw-edges 9",
        ),
    ],
    ids=["predictions", "now"],
)
def test_options_without_effect_are_refused(
    other: str, options: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = [other, str(photos)] if other == "--predictions" else other.split()
    for given in options.split(" | "):
        assert main(["evaluate", str(photos), *beside, *given.split()]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        option = given.split()[0]
        assert f"expected {option} or {other}, beside which it does nothing, got both" in line
    if other == "--predictions":
        call = ["evaluate", str(photos), *beside, "--model", ".", "--face-model", "a"]
        assert main(call) != 2, "for the layout"


def test_all_is_every_protocol() -> None:
    from prnet.commands.evaluate import _protocols

    assert _protocols("all") == PROTOCOLS


@pytest.mark.parametrize("edges", ["", "0", "60,30", "30,30", "-5", "nan", "30,inf", "x"])
def test_yaw_edges_rise(photos: Path, capsys: pytest.CaptureFixture[str], edges: str) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", str(photos), f"--yaw-edges={edges}"])
    assert "argument --yaw-edges: expected" in capsys.readouterr().err
