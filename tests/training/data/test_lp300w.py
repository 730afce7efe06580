import argparse
import dataclasses

import numpy as np
import pytest

scipy_io = pytest.importorskip("scipy.io", reason="needs prnet[train]")

import small_bfm  # noqa: E402

from prnet.commands import data as data_command  # noqa: E402
from prnet.errors import PrnetError  # noqa: E402
from prnet.facemodel.basel import BaselFaceModel  # noqa: E402
from prnet.facemodel.fits300w import FaceFit, PositionMapRenderer, image_vertices, rotation_matrix  # noqa: E402
from prnet.geometry.mirror import MIRRORED_LANDMARKS  # noqa: E402
from prnet.training.data.lp300w import Lp300wDataset, training_crop  # noqa: E402
from prnet.training.data.lp300w_check import check_folder  # noqa: E402

POSE = [0.2, -0.5, 0.1, 140, 150, -30, 0.9 * small_bfm.PIXELS_PER_UNIT]
SHAPE, EXPRESSION = [2e5, -1e5, 3e5], [1.0, -0.5]


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "bfm"
    folder.mkdir()
    small_bfm.write_face3d(folder)
    return BaselFaceModel.load(folder)


@pytest.fixture
def dataset(tmp_path, model):
    small_bfm.write_sample(tmp_path / "300W_LP" / "AFW", "one", POSE, SHAPE, EXPRESSION)
    return Lp300wDataset(tmp_path / "300W_LP", model)


def test_model_counts_from_zero_and_adds_both_means(model):
    parts = small_bfm.arrays()
    mean = (parts["mean"] + parts["expression_mean"]).reshape(-1, 3)
    np.testing.assert_allclose(model.vertices(np.zeros(3), np.zeros(2)), mean, rtol=1e-6)
    np.testing.assert_array_equal(model.triangles, small_bfm.grid_triangles())
    np.testing.assert_array_equal(model.landmarks, parts["landmarks"])
    moved = model.vertices(np.array(SHAPE), np.array(EXPRESSION)) - mean
    expected = parts["shape"] @ SHAPE + parts["expression"] @ EXPRESSION
    np.testing.assert_allclose(moved.ravel(), expected, atol=0.05)


@pytest.mark.parametrize("untrimmed", [True, False])
def test_3ddfa_files_give_the_same_model(tmp_path, model, untrimmed):
    folder = tmp_path / "3ddfa"
    folder.mkdir()
    small_bfm.write_3ddfa(folder, untrimmed)
    other = BaselFaceModel.load(folder)
    np.testing.assert_array_equal(other.mean, model.mean)
    np.testing.assert_array_equal(other.basis, model.basis)
    np.testing.assert_array_equal(other.uv, model.uv)
    np.testing.assert_array_equal(other.triangles, model.triangles)
    np.testing.assert_array_equal(other.landmarks, model.landmarks)


@pytest.mark.parametrize(
    ("file", "variables", "message"),
    [
        ("BFM_UV.mat", None, "expected BFM_UV.mat"),
        ("BFM_UV.mat", {"UV": np.zeros((5, 2))}, r"of 480 vertices, got 1440 rows and \(5, 2\)"),
        ("BFM.mat", None, "expected BFM.mat, or 01_MorphableModel.mat"),
        ("BFM.mat", {"x": 1}, "expected a struct model"),
        ("BFM.mat", {"model": {"shapeMU": np.zeros((3, 1))}}, "expected shapePC or w"),
        ("BFM.mat", b"\x89HDF rubbish" * 30, "expected a MATLAB file"),
    ],
)
def test_other_model_files_are_refused(tmp_path, model, file, variables, message):
    path = tmp_path / "bfm" / file
    path.unlink()
    if isinstance(variables, bytes):
        path.write_bytes(variables)
    elif variables is not None:
        scipy_io.savemat(path, variables)
    with pytest.raises(PrnetError, match=message):
        BaselFaceModel.load(tmp_path / "bfm")


@pytest.mark.parametrize(
    ("angles", "point", "expected"),
    [
        ((0, 0, 0), (1, 2, 3), (1, 2, 3)),
        ((np.pi / 2, 0, 0), (0, 1, 0), (0, 0, -1)),
        ((0, np.pi / 2, 0), (0, 0, 1), (-1, 0, 0)),
        ((0, 0, np.pi / 2), (0, 1, 0), (1, 0, 0)),
        ((0, np.pi / 2, np.pi / 2), (0, 1, 0), (0, 0, 1)),  # roll first, then yaw
        ((np.pi / 2, np.pi / 2, 0), (0, 0, 1), (-1, 0, 0)),  # yaw first, then pitch
    ],
)
def test_rotation_convention(angles, point, expected):
    np.testing.assert_allclose(rotation_matrix(np.array(angles)) @ point, expected, atol=1e-12)


def test_vertices_in_the_photo(model):
    fit = FaceFit(
        np.zeros(3, np.float32),
        np.array([140, 150, -30], np.float32),
        1e-3,
        np.zeros(3, np.float32),
        np.zeros(2, np.float32),
    )
    vertices = image_vertices(model, fit, 300)
    np.testing.assert_allclose(vertices[:, 0], model.mean[:, 0] * 1e-3 + 140, atol=1e-4)
    np.testing.assert_allclose(vertices[:, 1], 299 - (model.mean[:, 1] * 1e-3 + 150), atol=1e-4)
    np.testing.assert_allclose(vertices[:, 2], model.mean[:, 2] * 1e-3 - 30, atol=1e-4)


def test_crop_geometry():
    landmarks = np.array([[100.9, 50.2], [180.7, 111.9]])  # whole pixels: 100, 50 and 180, 111
    crop = training_crop(landmarks)
    left, top = 140 - 105 / 2, 80.5 - 105 / 2  # side = int(1.5 x 70.5)
    corners = crop.to_crop(np.array([[left, top], [left + 105, top + 105]]))
    np.testing.assert_allclose(corners, [[0, 0], [255, 255]], atol=1e-9)


def test_jitter_stays_within_its_range():
    landmarks = np.array([[100, 50], [180, 130]])
    rng = np.random.default_rng(0)
    plain = training_crop(landmarks)
    crops = [training_crop(landmarks, rng) for _ in range(500)]
    shifts = np.array([[crop.centre_x - 140, crop.centre_y - 90] for crop in crops])
    scales = np.array([crop.side / plain.side for crop in crops])
    assert 7.5 < np.abs(shifts).max() <= 8
    assert 0.9 <= scales.min() < 0.91
    assert 1.09 < scales.max() <= 1.1
    assert np.abs(shifts.mean(axis=0)).max() < 0.7


def test_rendering_a_linear_function_of_the_chart_is_exact(model):
    """Column and row as vertex attributes: every pixel of the map then holds its own place."""
    place = np.stack([255 * model.uv[:, 0], 255 - 255 * model.uv[:, 1]], axis=1)
    rows, columns = np.mgrid[:255, :255]  # the chart ends on the last pixel centres
    rendered = PositionMapRenderer(model)(place)[:255, :255]
    np.testing.assert_allclose(rendered[..., 0], columns, atol=2e-2)  # charts are snapped to 1/1024
    np.testing.assert_allclose(rendered[..., 1], rows, atol=2e-2)


def test_holes_in_the_chart_are_filled_and_its_outside_is_not(model):
    missing = model.triangles[200:206]
    kept = model.triangles[(model.triangles[:, None] != missing).any(axis=2).all(axis=1)]
    inner = (model.uv[kept] > 0.2).all(axis=(1, 2))
    holed = dataclasses.replace(model, triangles=kept[inner])
    rendered = PositionMapRenderer(holed)(np.ones((len(model.mean), 1)))[..., 0]
    np.testing.assert_allclose(rendered[:195, 80:255], 1, atol=1e-5)
    assert (rendered[230:] == 0).all()


def test_sample_map_points_at_the_photo(dataset):
    """The photo's colour is its place, so crop[map] must be the face's place in the photo."""
    crop, position_map = dataset[0]
    model = dataset.model
    fit = FaceFit.read(dataset.samples[0].with_suffix(".mat"))
    truth = PositionMapRenderer(model)(image_vertices(model, fit, 300))
    x, y = np.rint(position_map[..., :2]).astype(int).transpose(2, 0, 1)
    inside = (x >= 2) & (x < 254) & (y >= 2) & (y < 254)
    seen = crop[y[inside], x[inside]] / 0.8
    assert inside.mean() > 0.9
    np.testing.assert_allclose(seen[:, 0], truth[inside][:, 0], atol=4)
    np.testing.assert_allclose(seen[:, 1], truth[inside][:, 1], atol=4)
    assert np.abs((seen[:, :2] - truth[inside][:, :2]).mean(axis=0)).max() < 0.8  # no shift


def test_z_is_scaled_as_x_and_its_minimum_is_zero(dataset):
    _, position_map = dataset[0]
    model = dataset.model
    fit = FaceFit.read(dataset.samples[0].with_suffix(".mat"))
    truth = PositionMapRenderer(model)(image_vertices(model, fit, 300))
    drawn = (slice(255), slice(255))
    spans = [np.ptp(values[drawn].reshape(-1, 3), axis=0) for values in (position_map, truth)]
    np.testing.assert_allclose(spans[0] / spans[1], spans[0][0] / spans[1][0], rtol=1e-4)
    assert 0 <= position_map[drawn][..., 2].min() < 1


def test_jitter_depends_on_seed_epoch_and_index_alone(tmp_path, dataset):
    first = dataset[0]
    again = Lp300wDataset(tmp_path / "300W_LP", dataset.model)[0]
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    dataset.epoch = 1
    assert np.abs(dataset[0][1] - first[1]).max() > 0.5


def test_fits_of_another_model_are_refused(tmp_path, dataset):
    small_bfm.write_sample(tmp_path / "300W_LP" / "AFW", "one", POSE, [1, 2], EXPRESSION)
    with pytest.raises(PrnetError, match=r"expected 3 \+ 2 coefficients .* got 2 \+ 2"):
        dataset[0]
    scipy_io.savemat(dataset.samples[0].with_suffix(".mat"), {"Pose_Para": np.zeros((1, 7))})
    with pytest.raises(PrnetError, match=r"one\.mat: expected Pose_Para, .* got no Shape_Para"):
        dataset[0]


def test_folder_check_says_what_is_missing(tmp_path, dataset):
    folder = tmp_path / "300W_LP"
    (folder / "AFW" / "two.jpg").write_bytes((folder / "AFW" / "one.jpg").read_bytes())
    (folder / "landmarks" / "AFW").mkdir(parents=True)
    (folder / "landmarks" / "AFW" / "pts.jpg").touch()
    report = check_folder(folder)
    assert report.lines == ["AFW: 2 photos, 1 with a fit"]
    assert "AFW: 1 photos without .mat, first two.jpg" in report.problems
    assert "AFW: expected 5,207 photos, got 2" in report.problems
    assert "IBUG_Flip: expected 1,786 photos, got 0" in report.problems
    (folder / "AFW" / "one.mat").write_bytes(b"not MATLAB")
    assert any("one.mat: expected a MATLAB file" in line for line in check_folder(folder).problems)


def test_data_command(tmp_path, dataset, capsys):
    parser = argparse.ArgumentParser()
    data_command.add_arguments(parser)
    folder, face_model = str(tmp_path / "300W_LP"), str(tmp_path / "bfm")
    arguments = parser.parse_args(["300w-lp", folder, "--face-model", face_model])
    assert data_command.run(arguments) == 1
    out = capsys.readouterr().out
    assert "480 vertices, 874 triangles, 3 + 2 modes" in out
    assert "missing: HELEN: expected 37,676 photos, got 0" in out


@pytest.mark.shared
@pytest.mark.parametrize("name", ["image00050", "image00475", "image02545", "image02616"])
def test_pose_of_the_real_fits(shared, name):
    """Turned back by the pose, the 68 points face the viewer: mirror twins differ by little."""
    path = shared / "prnet-2018" / "aflw2000" / f"{name}.mat"
    fit = FaceFit.read(path)
    points = scipy_io.loadmat(path)["pt3d_68"].T.astype(float)
    points[:, 1] = 449 - points[:, 1]
    model_points = (points - fit.translation) @ rotation_matrix(fit.angles) / fit.scale
    twins = model_points[MIRRORED_LANDMARKS] * [-1, 1, 1]
    spread = np.abs(model_points - twins).mean(axis=0) / np.ptp(model_points, axis=0)
    assert spread.max() < 0.05
    nose, chin, left_jaw = model_points[[30, 8, 0]]
    assert nose[2] > chin[2] > left_jaw[2]
    assert chin[1] < nose[1]
    np.testing.assert_allclose(np.ptp(model_points[:, 0]), 146e3, rtol=0.03)  # micrometres


@pytest.mark.shared
def test_crop_of_the_real_sample(shared):
    """The landmarks of the 300W-LP sample fill two thirds of its crop, and lie in its middle."""
    folder = shared / "prnet-2018" / "300w-lp"
    landmarks = scipy_io.loadmat(folder / "IBUG_image_008_1_0.mat")["pt2d"].T
    placed = training_crop(landmarks).to_crop(landmarks)
    low, high = placed.min(axis=0), placed.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, 127.5, atol=1.5)
    assert (high - low).mean() == pytest.approx(255 / 1.5, abs=2)
    fit = FaceFit.read(folder / "IBUG_image_008_1_0.mat")
    assert (fit.shape.shape, fit.expression.shape) == ((199,), (29,))
    assert np.degrees(fit.angles[1]) == pytest.approx(-44.0, abs=0.1)
