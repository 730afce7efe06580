from __future__ import annotations

import argparse
import csv
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from full_disk import SAYS, files_below, full_disk
from numpy.typing import NDArray

from prnet.commands import label
from prnet.errors import PrnetError
from prnet.facemodel.at_points import basis_at
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.quantised import face_model
from prnet.files.image import save_image
from prnet.geometry.camera import (
    FLIP_Y,
    Pose,
    WeakPerspectiveCamera,
    project_head,
    rotation_from_pose,
)
from prnet.layout.uv_layout import default_layout
from prnet.training.labels import labelling
from prnet.training.labels.correspondence import Correspondence
from prnet.training.labels.labeller import Labeller, LabelSettings, Sources, yaws_of
from prnet.training.labels.labelling import label_photos, photo_names
from prnet.training.labels.landmarks import MeshPoints

VERTICES = 9409
NAMES = [f"set/{number:02d}.png" for number in range(6)]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up head on the vertices that the correspondence names, with few modes."""
    random = np.random.default_rng(0)
    neutral = random.normal(size=(VERTICES, 3)) * (4, 6, 3)
    model = MorphableModel(
        neutral=neutral.astype(np.float32),
        uv=np.zeros((1, 2), np.float32),
        faces=np.zeros((1, 4), np.int32),
        face_uvs=np.zeros((1, 4), np.int32),
        identity=(random.normal(size=(4, VERTICES, 3)) * 0.3).astype(np.float16),
        expression=(random.normal(size=(3, VERTICES, 3)) * 0.5).astype(np.float16),
        identity_names=tuple(f"identity{i:03d}" for i in range(4)),
        expression_names=("PupilDilate_L", "eyeBlink_L", "jawOpen"),
    )
    path = tmp_path_factory.mktemp("model") / "model.npz"
    model.save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos that tell the detector by their grey which face they show."""
    for number, name in enumerate(NAMES):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(tmp_path / "photos" / name, np.full((40, 50, 3), 10 * number, np.uint8))
    return tmp_path / "photos"


@pytest.fixture
def sources(photos: Path, model_file: Path) -> Sources:
    return Sources(photos, model_file)


class Detector:
    """Made-up faces by the photo's grey; counts its calls. Grey 30 has no face."""

    def __init__(self, model_file: Path) -> None:
        self.places, self.calls = Correspondence.load(), 0
        self.model = MorphableModel.load(model_file)

    def __call__(self, image: NDArray[np.uint8]) -> MeshPoints | None:
        self.calls += 1
        grey = int(image[0, 0, 0])
        return None if grey == 30 else MeshPoints(self.points(grey)[:468], 0.001)

    def points(self, grey: int) -> NDArray[np.float32]:
        """468 and 68 points (536, 3) in the image frame."""
        random = np.random.default_rng(grey)
        vertices = self.model.vertices(
            random.normal(size=4),
            random.uniform(0.2, 1, 2),
            expression_names=("eyeBlink_L", "jawOpen"),
        )
        places = self.places
        corners = np.concatenate([places.vertices, places.landmarks68_vertices])
        weights = np.concatenate([places.weights, places.landmarks68_weights])
        points = (vertices[corners] * weights[..., None]).sum(1)
        angle = random.uniform(-0.4, 0.4)
        turn = np.array(
            [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        )
        placed = project_head(points, 9.0, turn, np.array([120.0, 90.0]))
        return placed.astype(np.float32)


@pytest.fixture
def detector(model_file: Path) -> Detector:
    return Detector(model_file)


@pytest.mark.usefixtures("capsys")  # the usual capture writes to a file
def test_a_full_disk_is_said(sources: Sources, detector: Detector, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(PrnetError, match=SAYS):
        label_photos(sources, tmp_path / "out", detector=detector)
    assert files_below(tmp_path / "out") == []


def test_rows_describe_the_faces_that_made_the_points(
    sources: Sources, detector: Detector, tmp_path: Path
) -> None:
    labelled = label_photos(sources, tmp_path / "out", detector=detector)
    assert labelled.skipped == [("set/03.png", "no face found")]
    with np.load(tmp_path / "out" / "labels.npz", allow_pickle=False) as labels:
        assert labels["files"].tolist() == [name for name in NAMES if name != "set/03.png"]
        assert set(labels["source"].tolist()) == {"set"}
        assert labels["expression_names"].tolist() == ["eyeBlink_L", "jawOpen"]
        assert Path(str(labels["image_root"])) == sources.photos
        assert labels["fit_error"].max() < 0.003
        assert np.isnan(labels["annotated68"]).all()
        assert np.isnan(labels["fit_error_68"]).all()
        for row, grey in enumerate([0, 10, 20, 40, 50]):
            expected = detector.points(grey)[468:]
            found = labels["landmarks68"][row]
            np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=1.0)
            angle = np.random.default_rng(grey)
            angle.normal(size=4), angle.uniform(0.2, 1, 2)
            assert labels["yaw_deg"][row] == pytest.approx(
                np.degrees(angle.uniform(-0.4, 0.4)), abs=1.0
            )


def test_unreadable_photos_change_nothing_else(
    sources: Sources, detector: Detector, tmp_path: Path
) -> None:
    clean = label_photos(sources, tmp_path / "clean", detector=detector)
    (sources.photos / "set" / "02b.png").write_bytes(b"not a photo")
    (sources.photos / "set" / "00.jpg").write_bytes(b"")
    spoiled = label_photos(sources, tmp_path / "spoiled", detector=detector)
    assert [name for name, _ in spoiled.skipped] == ["set/00.jpg", "set/02b.png", "set/03.png"]
    assert spoiled.skipped[1][1].startswith("unreadable")
    for key, values in clean.labels.items():
        np.testing.assert_array_equal(spoiled.labels[key], values)


def test_an_interrupted_run_goes_on_where_it_was(
    sources: Sources,
    model_file: Path,
    detector: Detector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labelling, "CHUNK", 2)
    whole = label_photos(sources, tmp_path / "whole", detector=detector)

    class Interrupted(Detector):
        def __call__(self, image: NDArray[np.uint8]) -> MeshPoints | None:
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().__call__(image)

    with pytest.raises(KeyboardInterrupt):
        label_photos(sources, tmp_path / "out", detector=Interrupted(model_file))
    detector.calls = 0
    resumed = label_photos(sources, tmp_path / "out", detector=detector)
    assert detector.calls == 4
    for key, values in whole.labels.items():
        np.testing.assert_array_equal(resumed.labels[key], values)
    label_photos(sources, tmp_path / "out", detector=detector)
    assert detector.calls == 4


def test_changed_photos_are_labelled_anew_in_zip_files_too(
    sources: Sources, detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "CHUNK", 2)
    archive = sources.photos / "more.zip"

    def write(greys: tuple[int, int]) -> None:
        with zipfile.ZipFile(archive, "w") as file:
            for name, grey in zip(("more/0.png", "more/1.png"), greys, strict=True):
                save_image(tmp_path / "one.png", np.full((40, 50, 3), grey, np.uint8))
                file.write(tmp_path / "one.png", name)

    write((40, 50))
    before = label_photos(sources, tmp_path / "out", detector=detector).labels
    detector.calls = 0
    label_photos(sources, tmp_path / "out", detector=detector)
    assert detector.calls == 0
    write((40, 20))
    after = label_photos(sources, tmp_path / "out", detector=detector).labels
    assert detector.calls == 2, "the photos of one chunk"
    first, second = (list(before["files"]).index(f"more/{i}.png") for i in (0, 1))
    assert (after["yaw_deg"][first], after["files"][second]) == (
        before["yaw_deg"][first],
        "more/1.png",
    )
    assert after["yaw_deg"][second] != before["yaw_deg"][second]


def test_bad_fits_and_doubtful_detections_are_rejected(
    sources: Sources, detector: Detector, tmp_path: Path
) -> None:
    def spoiled(image: NDArray[np.uint8]) -> MeshPoints | None:
        mesh = detector(image)
        grey = int(image[0, 0, 0])
        if mesh is None or grey > 10:
            return mesh
        noise = np.random.default_rng(1).normal(size=(468, 3)).astype(np.float32) * 20
        return MeshPoints(mesh.points + noise, 0.001) if grey else MeshPoints(mesh.points, 0.5)

    labelled = label_photos(sources, tmp_path / "out", detector=spoiled)
    reasons = dict(labelled.skipped)
    assert reasons["set/00.png"] == "rejected: landmark spread 0.500"
    assert reasons["set/01.png"].startswith("rejected: fit error 0.")
    assert len(labelled.labels["files"]) == 3


def test_given_landmarks_join_the_fit_or_replace_the_detector(
    sources: Sources, detector: Detector, tmp_path: Path
) -> None:
    points = np.stack([detector.points(10 * number) for number in range(6)])
    np.savez(tmp_path / "68.npz", files=NAMES[:2], landmarks68=points[:2, 468:, :2])
    both = Sources(sources.photos, sources.face_model, tmp_path / "68.npz")
    labels = label_photos(both, tmp_path / "both", detector=detector).labels
    assert np.isfinite(labels["fit_error_68"]).tolist() == [True, True, False, False, False]
    assert labels["fit_error_68"][:2].max() < 0.003
    np.testing.assert_array_equal(labels["annotated68"][1], points[1, 468:, :2])

    np.savez(tmp_path / "468.npz", files=NAMES[1:], landmarks468=points[1:, :468])
    given = Sources(sources.photos, sources.face_model, tmp_path / "468.npz")
    labelled = label_photos(given, tmp_path / "given", processes=1)
    assert labelled.skipped == [("set/00.png", "no landmarks given")]
    alone = label_photos(sources, tmp_path / "alone", detector=detector).labels
    np.testing.assert_array_equal(labelled.labels["identity"][0], alone["identity"][1])


def test_command_writes_labels_reasons_and_sheets(
    photos: Path, model_file: Path, detector: Detector, tmp_path: Path
) -> None:
    points = np.stack([detector.points(10 * number)[:468] for number in range(5)])
    np.savez(tmp_path / "468.npz", files=NAMES[:5], landmarks468=points)
    parser = argparse.ArgumentParser()
    label.add_arguments(parser)
    arguments = ["--face-model", str(model_file), "--landmarks", str(tmp_path / "468.npz")]
    out = tmp_path / "out"
    (photos / NAMES[0]).write_bytes((photos / NAMES[0]).read_bytes()[:40])
    assert label.run(parser.parse_args([str(photos), "--out", str(out), *arguments])) == 0
    with (out / "skipped.csv").open() as file:
        _, damaged, not_given = csv.reader(file)
    assert damaged[0] == NAMES[0]
    assert damaged[1].startswith("unreadable: ")
    assert not_given == [NAMES[5], "no landmarks given"]
    assert sorted(file.name for file in (out / "sheets").iterdir()) == [
        "rejected.jpg",
        "sample.jpg",
        "worst.jpg",
    ]
    shutil.copytree(out, photos / "labels")
    assert photo_names(photos) == NAMES, "sheets are no photos"


def test_a_folder_without_photos_or_faces_is_refused(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PrnetError, match="expected photos, got none in it"):
        photo_names(tmp_path / "empty")
    with pytest.raises(PrnetError, match="expected a photo to label, got none"):
        label_photos(sources, tmp_path / "out", detector=lambda _: None)
    with pytest.raises(PrnetError, match="expected a face model"):
        label_photos(
            Sources(sources.photos, tmp_path / "no.npz"), tmp_path / "out", detector=lambda _: None
        )


def test_what_stops_every_worker_is_said_before_the_bar(
    sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PrnetError, match=r"expected (mediapipe|a face model)"):
        label_photos(Sources(sources.photos, tmp_path / "no.npz"), tmp_path / "out")
    assert capsys.readouterr().err == ""


def test_defaults_of_the_command_are_those_of_the_settings() -> None:
    parser = argparse.ArgumentParser()
    label.add_arguments(parser)
    args = parser.parse_args(["photos", "--out", "labels"])
    assert args.max_fit_error == LabelSettings.max_fit_error
    assert args.max_spread == LabelSettings.max_spread


def test_x_and_y_follow_the_points_and_z_is_the_identitys(
    sources: Sources, detector: Detector, tmp_path: Path
) -> None:
    """The plane's camera sees the plane's shape; the depth has its identity."""
    labels = label_photos(sources, tmp_path / "out", detector=detector).labels
    shape = np.concatenate([labels["identity"], labels["expression"]], axis=1)
    identities = labels["identity"].shape[1]
    np.testing.assert_array_equal(labels["plane"][:, :identities], labels["identity"])
    assert np.abs(labels["plane"] - shape)[:, identities:].max() > 0
    model = face_model(sources.face_model)
    places = Correspondence.load()
    basis = basis_at(model, places.landmarks68_vertices, places.landmarks68_weights)
    camera = (labels["scale"], labels["rotation"], labels["translation"])
    for which, axes in (("plane", slice(0, 2)), (None, slice(2, 3))):
        coefficients = labels[which] if which else shape
        seen = project_head(basis.points(coefficients.astype(np.float32)), *camera)
        np.testing.assert_allclose(labels["landmarks68"][..., axes], seen[..., axes], atol=0.05)


def test_photos_of_a_person_share_one_identity(
    photos: Path, model_file: Path, detector: Detector, tmp_path: Path
) -> None:
    given = tmp_path / "given.npz"
    person = np.array(["ada", "", "ada", "ada", "bob", ""])
    unknown = np.full((6, 68, 2), np.nan)
    np.savez(given, files=np.array(NAMES), landmarks68=unknown, person=person)
    sources = Sources(photos, model_file, given)
    labels = label_photos(sources, tmp_path / "out", detector=detector).labels
    assert labels["person"].tolist() == ["ada", "", "ada", "bob", ""]
    own, shared = labels["plane"][:, :4], labels["identity"]
    assert not np.array_equal(own[0], own[2])
    np.testing.assert_array_equal(shared[0], shared[2])
    np.testing.assert_allclose(shared[0], (own[0] + own[2]) / 2, atol=2e-3)
    np.testing.assert_array_equal(shared[[1, 3, 4]], own[[1, 3, 4]])


def test_given_landmarks_alone_label_what_the_detector_does_not_see(
    photos: Path, model_file: Path, detector: Detector, tmp_path: Path
) -> None:
    given = tmp_path / "given.npz"
    points = np.full((6, 68, 2), np.nan)
    points[3] = detector.points(30)[468:, :2]
    np.savez(given, files=np.array(NAMES), landmarks68=points)
    labelled = label_photos(Sources(photos, model_file, given), tmp_path / "out", detector=detector)
    assert labelled.skipped == []
    row = labelled.labels["files"].tolist().index(NAMES[3])
    assert np.isnan(labelled.points[row]).all()
    found = labelled.labels["landmarks68"][row, 17:, :2]
    np.testing.assert_allclose(found, points[3, 17:], atol=1.5)


def test_detected_points_are_left_out_where_heads_are_turned(model_file: Path) -> None:
    layout = default_layout()
    mean = layout.sample_landmarks(layout.canonical) * FLIP_Y
    yaws = np.array([0, -25, 35, -80])
    cameras = [
        WeakPerspectiveCamera(9, rotation_from_pose(Pose(y, 3, 8)), np.zeros(3)) for y in yaws
    ]
    given = np.stack([camera.project(mean)[:, :2] for camera in cameras])
    np.testing.assert_allclose(yaws_of(given), yaws, atol=0.1)
    labeller = Labeller(Sources(Path("."), model_file), LabelSettings(), lambda _: None)
    weights = labeller.weights(np.zeros((4, 468, 2)), given)
    assert (weights[:, :468] > 0).all(axis=1).tolist() == [True, True, False, False]
    assert (weights[:, 468:] > 0).all()
    assert (weights[:, 468:485] < weights[:, 485:486]).all(), "the jaw counts less"


def test_names_in_zip_files_may_have_empty_parts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("x//1.png", "/2.png", "x/.hidden/3.png"):
            archive.writestr(name, b"")
    assert photo_names(tmp_path) == ["/2.png", "x//1.png"]


@pytest.mark.parametrize(
    ("names", "size", "said"),
    [
        (["other/00.png", "other/01.png"], 50, "expected files below"),
        (NAMES[:2], 1, "expected points in pixels"),
        ([NAMES[0]] * 2, 50, "expected each photo once"),
    ],
)
def test_given_landmarks_that_are_of_no_use_are_said(
    names: list[str], size: float, said: str, sources: Sources, tmp_path: Path
) -> None:
    """Of other photos, as shares of the photo's sides, twice; before anything is detected."""
    given = tmp_path / "given.npz"
    mesh = np.random.default_rng(0).uniform(0, size, (2, 468, 2))
    np.savez(given, files=np.array(names), landmarks468=mesh)
    with pytest.raises(PrnetError, match=said):
        label_photos(replace(sources, landmarks=given), tmp_path / "out")
    assert not (tmp_path / "out").exists()
