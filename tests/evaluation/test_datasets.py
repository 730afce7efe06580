"""Every reader gives the same zero-based points, and names what it cannot read."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray
from small_bfm import arrays, write_face3d, write_sample
from standins import make_layout

from prnet.errors import PrnetError
from prnet.evaluation.datasets import open_dataset, with_landmarks, with_yaw
from prnet.evaluation.dense import with_dense_truth
from prnet.evaluation.protocols import nme
from prnet.evaluation.samples import Sample
from prnet.facemodel.at_points import fitted_expressions
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.facemodel.quantised import face_model
from prnet.files.arrays import write_arrays
from prnet.files.image import save_image
from prnet.geometry.camera import Pose, project_head, rotation_from_pose
from prnet.layout.uv_layout import default_layout

POINTS = np.random.default_rng(0).uniform(20, 80, (68, 3)).round(2)
"""What is meant: the first pixel is 0."""


def write_pts(path: Path, points: NDArray[np.floating]) -> None:
    rows = "\n".join(f"{x:.4f} {y:.4f}" for x, y in points[:, :2])
    path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")


def write_photo(path: Path) -> None:
    save_image(path, np.full((100, 110, 3), 90, np.uint8))


def _landmarks(sample: Sample) -> NDArray[np.float64]:
    assert sample.landmarks is not None, sample.problem
    return sample.landmarks


def one_based(points: NDArray[np.floating]) -> NDArray[np.floating]:
    return points + np.array([1, 1, 0])[: points.shape[1]]


def write_set(folder: Path, format: str) -> Path:
    write_photo(folder / "a.jpg")
    if format == "mat":
        angles = np.radians([10, 351, -20])
        pose = np.array([[*angles, 0, 0, 0, 1]])
        scipy.io.savemat(folder / "a.mat", {"pt3d_68": one_based(POINTS).T, "Pose_Para": pose})
    elif format == "pts":
        write_pts(folder / "a.pts", one_based(POINTS))
    elif format == "npz":
        np.savez(folder / "a.npz", landmarks=POINTS, angles=[10, 351, -20])
    elif format in ("labels", "table"):
        table = {"files": ["a.jpg"], "landmarks68": POINTS[None]}
        write_arrays(folder / "labels.npz", {**table, "rotation": np.eye(3)[None]})
        write_arrays(folder / "table.npz", table)
        return folder / f"{format}.npz"
    else:
        head = "file," + ",".join(f"x{i},y{i}" for i in range(68))
        row = ",".join(str(number) for number in POINTS[:, :2].ravel())
        (folder / "points.csv").write_text(f"{head}\na.jpg,{row}\n")
    return folder


@pytest.mark.parametrize("format", ["mat", "pts", "npz", "csv"])
def test_points_come_out_zero_based(tmp_path: Path, format: str) -> None:
    dataset = open_dataset(write_set(tmp_path, format))
    (sample,) = dataset.samples
    assert dataset.format == format
    assert sample.name == "a"
    assert sample.landmarks is not None
    columns = 3 if format in ("mat", "npz") else 2
    np.testing.assert_allclose(sample.landmarks, POINTS[:, :columns], atol=1e-4)
    if columns == 3:
        np.testing.assert_allclose(sample.angles, [10, 351, -20], err_msg="degrees, not wrapped")
    assert sample.read_photo().shape == (100, 110, 3)


@pytest.mark.parametrize("format", ["mat", "pts", "npz", "csv", "labels", "table"])
def test_an_origin_that_is_given_is_taken_off(tmp_path: Path, format: str) -> None:
    source = write_set(tmp_path, format)
    zero, one = (open_dataset(source, origin=origin) for origin in (0, 1))
    assert (zero.format, one.format) == (format, format)
    assert "first pixel 1 in the file" in one.points
    found = _landmarks(one.samples[0])
    np.testing.assert_allclose(one_based(found), _landmarks(zero.samples[0]))


def test_the_wrong_origin_costs_the_diagonal_of_a_pixel(tmp_path: Path) -> None:
    write_set(tmp_path, "pts")
    (trapped,) = open_dataset(tmp_path, origin=0).samples
    assert trapped.landmarks is not None
    size = np.sqrt(np.ptp(POINTS[:, :2], axis=0).prod())
    expected = 100 * np.sqrt(2) / size
    assert nme(POINTS[:, :2], trapped.landmarks) == pytest.approx(expected, rel=1e-3)


def test_missing_and_unreadable_parts_are_samples_with_a_problem(tmp_path: Path) -> None:
    write_set(tmp_path, "mat")
    write_photo(tmp_path / "b.jpg")
    (tmp_path / "c.mat").write_bytes(b"MATLAB 5.0 MAT-file, but damaged")
    write_photo(tmp_path / "c.jpg")
    scipy.io.savemat(tmp_path / "d.mat", {"pt3d_68": one_based(POINTS).T})
    scipy.io.savemat(tmp_path / "e.mat", {"pt2d": np.zeros((2, 21))})
    (tmp_path / "Code").mkdir()
    scipy.io.savemat(tmp_path / "Code" / "not_a_face.mat", {"x": 1})
    samples = {sample.name: sample for sample in open_dataset(tmp_path).samples}
    assert list(samples) == ["a", "b", "c", "d", "e"]
    assert samples["a"].problem is None
    assert "no .mat file" in (samples["b"].problem or "")
    assert "c.mat: expected a MATLAB file" in (samples["c"].problem or "")
    assert samples["e"].problem == f"{tmp_path / 'e.mat'}: expected 68 points, got shape (2, 21)"
    with pytest.raises(PrnetError, match=r"d\.jpg: expected an image file, got no such file"):
        samples["d"].read_photo()


def test_points_that_are_no_numbers_are_named_once(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    table = tmp_path / "a.csv"
    table.write_text(",".join(["a.jpg", "nan", *map(str, range(135))]))
    (sample,) = open_dataset(table).samples
    assert sample.problem == f"{table}, a: expected 68 finite points, got some that are not"


def test_other_points_and_yaws(tmp_path: Path) -> None:
    dataset = open_dataset(write_set(tmp_path, "mat"))
    np.save(tmp_path / "again.npy", one_based(POINTS * 2)[None, :, :2].transpose(0, 2, 1))
    np.save(tmp_path / "yaw.npy", np.array([-351.0]))
    (sample,) = with_yaw(
        with_landmarks(dataset, tmp_path / "again.npy"), tmp_path / "yaw.npy"
    ).samples
    assert sample.landmarks is not None
    np.testing.assert_allclose(sample.landmarks, POINTS[:, :2] * 2)
    np.testing.assert_allclose(sample.angles, [10, -351, -20])
    np.save(tmp_path / "two.npy", np.zeros(2))
    with pytest.raises(PrnetError, match="expected 1 rows, one for each sample, got 2"):
        with_yaw(dataset, tmp_path / "two.npy")


def test_labels(tmp_path: Path) -> None:
    from prnet.facemodel.fits300w import rotation_matrix
    from prnet.geometry.camera import FLIP_Y

    rotation = rotation_matrix(np.radians([5, -30, 10]))
    names = ["b.jpg", "a.jpg"]
    for name in names:
        write_photo(tmp_path / name)
    annotated = np.stack([np.full((68, 2), np.nan), POINTS[:, :2]])
    np.savez(
        tmp_path / "labels.npz",
        files=np.array(names),
        rotation=np.stack([rotation, rotation]),
        landmarks68=np.stack([POINTS, POINTS * FLIP_Y]),
        annotated68=annotated,
    )
    both = open_dataset(tmp_path)
    assert [sample.name for sample in both.samples] == ["a.jpg", "b.jpg"]
    np.testing.assert_allclose(_landmarks(both.samples[1]), POINTS)
    np.testing.assert_allclose(both.samples[1].angles, [5, -30, 10], atol=1e-9)
    (one,) = open_dataset(tmp_path, truth="annotated").samples
    assert one.name == "a.jpg"
    np.testing.assert_allclose(_landmarks(one), POINTS[:, :2])
    elsewhere = tmp_path / "labels" / "labels.npz"
    elsewhere.parent.mkdir()
    with np.load(tmp_path / "labels.npz") as arrays:
        np.savez(elsewhere, **arrays, image_root=np.array(str(tmp_path)))
    (one,) = open_dataset(elsewhere, truth="annotated").samples
    assert one.read_photo().ndim == 3, "of the folder that was labelled"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "expected photos with .mat, .pts, .csv or .npz"),
        (lambda path: None, "expected a folder, a .csv or a labels.npz"),
    ],
)
def test_what_is_no_test_set(tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "set")
    with pytest.raises(PrnetError, match=message):
        open_dataset(tmp_path / "set")


def test_options_of_labels_are_refused_for_other_sets(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    write_pts(tmp_path / "a.pts", POINTS)
    with pytest.raises(PrnetError, match=r"expected labels or a table .*, got pts"):
        open_dataset(tmp_path, held_out=True)
    with pytest.raises(PrnetError, match=r"expected labels\.npz .*, got a set of pts"):
        open_dataset(tmp_path, truth="annotated")


def test_dense_points_of_a_fit_lie_where_matlab_draws_them(tmp_path: Path) -> None:
    """3DDFA's MATLAB: one-based pixels, row = height + 1 - y."""
    height = 300
    write_face3d(tmp_path)
    photos = tmp_path / "photos"
    pose = [0.1, -0.4, 0.2, 140, 150, 0, 1e-3]
    shape, expression = np.array([0.5, -1, 2]), np.array([1, 0.3])
    write_sample(photos, "a", pose, shape, expression, size=(height, 280))
    parts = arrays()
    offsets = parts["shape"] @ shape + parts["expression"] @ expression
    model = (parts["mean"] + parts["expression_mean"]).ravel() + offsets
    from prnet.facemodel.fits300w import rotation_matrix

    placed = 1e-3 * model.reshape(-1, 3) @ rotation_matrix(np.array(pose[:3])).T + pose[3:6]
    placed[:, 1] = height + 1 - placed[:, 1]
    mat = scipy.io.loadmat(photos / "a.mat")
    fields = {key: value for key, value in mat.items() if not key.startswith("__")}
    scipy.io.savemat(photos / "a.mat", {**fields, "pt3d_68": placed[parts["landmarks"]].T})

    dataset = with_dense_truth(open_dataset(photos), tmp_path, layout=default_layout(), match="icp")
    (sample,) = dataset.samples
    assert sample.read_dense is not None
    dense = sample.read_dense()
    np.testing.assert_allclose(dense[parts["landmarks"]], _landmarks(sample), atol=0.02)
    with pytest.raises(PrnetError, match="2018 layout"):
        with_dense_truth(dataset, tmp_path, layout=default_layout(), match="known")


def test_dense_points_in_the_2018_layout_are_the_training_map(tmp_path: Path) -> None:
    """In the photo, a pixel to the left and below (see ZERO_BASED_FROM_FIT)."""
    from prnet.facemodel.basel import BaselFaceModel
    from prnet.facemodel.fits300w import FaceFit, image_vertices
    from prnet.training.data.lp300w import Lp300wDataset, training_crop

    write_face3d(tmp_path)
    photos = tmp_path / "photos"
    write_sample(photos, "a", [0.1, -0.4, 0.2, 140, 150, 0, 1e-3], [0.5, -1, 2], [1, 0.3])
    mat = scipy.io.loadmat(photos / "a.mat")
    fields = {key: value for key, value in mat.items() if not key.startswith("__")}
    scipy.io.savemat(photos / "a.mat", {**fields, "pt3d_68": one_based(POINTS).T})

    layout = dataclasses.replace(make_layout("minimum"), name="prnet-2018")
    dataset = open_dataset(photos)
    (sample,) = with_dense_truth(dataset, tmp_path, layout=layout, match="known").samples
    assert sample.read_dense is not None

    model = BaselFaceModel.load(tmp_path)
    _, trained = Lp300wDataset(photos, model, jitter=False)[0]
    placed = image_vertices(model, FaceFit.read(photos / "a.mat"), 300)
    expected = training_crop(placed[model.landmarks]).to_image(trained)[layout.region]
    difference = sample.read_dense() - expected
    np.testing.assert_allclose(difference[:, :2], np.tile([-1, 1], (len(difference), 1)), atol=0.01)
    assert np.ptp(difference[:, 2]) < 0.01, "z has its own origin there"


def test_dense_points_of_labels_have_the_planes_x_and_y_and_the_depths_z(tmp_path: Path) -> None:
    model, layout = face_model(), default_layout()
    model.save(tmp_path / "ict.npz")
    random = np.random.default_rng(0)
    people, none = random.normal(0, 1, (2, 1, 100)), np.zeros((1, 55))
    rotation = rotation_from_pose(Pose(30, 10, -20))
    camera = 8.0, rotation, np.array([90.0, 110])
    table = {
        "files": ["a.jpg"],
        "identity": people[0],
        "expression": none,
        "expression_names": fitted_expressions(model),
        "scale": [camera[0]],
        "rotation": rotation[None],
        "translation": camera[2][None],
        "landmarks68": random.uniform(0, 200, (1, 68, 3)),
    }
    plane = np.concatenate([people[1], none], axis=1)
    write_arrays(tmp_path / "labels.npz", {**table, "plane": plane})
    dataset = open_dataset(tmp_path / "labels.npz")
    (sample,) = with_dense_truth(
        dataset, tmp_path / "ict.npz", layout=layout, match="known"
    ).samples
    assert sample.read_dense is not None
    basis = MapBasis.from_model(
        model, Chart.load(), fitted_expressions(model), np.flatnonzero(layout.region)
    )
    placed = []
    for identity in people:
        coefficients = np.concatenate([identity, none], axis=1).astype(np.float32)
        placed.append(project_head(basis.positions(coefficients)[0], *camera))
    expected = np.concatenate([placed[1][:, :2], placed[0][:, 2:]], axis=1)
    np.testing.assert_allclose(sample.read_dense(), expected, atol=1e-2)
    write_arrays(tmp_path / "labels.npz", {**table, "identity": people[0][:, :9]})
    with pytest.raises(PrnetError, match=r"expected 155 coefficients, .* got 64"):
        with_dense_truth(dataset, tmp_path / "ict.npz", layout=layout, match="known")


def test_a_row_of_a_table_without_a_name_is_a_problem_of_its_own(tmp_path: Path) -> None:
    points = ",".join(map(str, range(136)))
    (tmp_path / "table.csv").write_text(f",{points}\n.,{points}\na.jpg,1,2\nb.jpg,{points}\n")
    samples = open_dataset(tmp_path / "table.csv").samples
    assert [sample.name for sample in samples] == ["", ".", "a", "b"]
    assert [sample.problem is None for sample in samples] == [True, True, False, True]
    assert samples[2].problem == f"{tmp_path / 'table.csv'}, a: expected 68 points, got: 2 numbers"
    for sample in samples[:2]:
        with pytest.raises(PrnetError, match="got a folder"):
            sample.read_photo()


def test_a_test_set_of_another_kind_is_no_missing_one(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"any")
    with pytest.raises(PrnetError, match=r"photo\.jpg: expected a folder, .*, got another file"):
        open_dataset(tmp_path / "photo.jpg")
    with pytest.raises(PrnetError, match="got no such thing"):
        open_dataset(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,x0,x1,x2\na.jpg,{points}\n", "expected columns x0, y0, ..., got x0, x1, ..."),
        ("file,y0,x0,y1\na.jpg,{points}\n", "expected columns x0, y0, ..., got y0, x0, ..."),
        ("a.jpg,{points}\na.jpg,{points}\n", "expected one row a photo, got more of a.jpg"),
        ("file;x0;y0\na.jpg;1;2\n", "expected columns with commas between them, got one column"),
    ],
)
def test_tables_that_mean_something_else_are_refused(
    tmp_path: Path, rows: str, message: str
) -> None:
    points = ",".join(map(str, range(136)))
    (tmp_path / "table.csv").write_text(rows.format(points=points))
    with pytest.raises(PrnetError, match=message):
        open_dataset(tmp_path / "table.csv")


def test_photos_of_one_name_are_told_apart_or_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path, "npz")
    save_image(folder / "a.png", np.zeros((9, 9, 3), np.uint8))
    (sample,) = open_dataset(folder).samples
    assert sample.landmarks is None
    assert sample.problem == "a: expected one photo of this name, got a.jpg, a.png"
    points = ",".join(map(str, range(136)))
    (tmp_path / "t.csv").write_text(f"a.jpg,{points}\na.png,{points}\nb.jpg,{points}\n")
    samples = open_dataset(tmp_path / "t.csv").samples
    assert [sample.name for sample in samples] == ["a.jpg", "a.png", "b"]


def test_a_closed_subfolder_of_a_test_set_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, seen = write_set(tmp_path, "mat"), os.scandir
    (folder / "closed").mkdir()

    def scandir(path: str) -> object:
        if Path(path) == folder / "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return seen(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PrnetError, match="closed: expected a folder to read, got: Permission den"):
        open_dataset(folder, "mat")
