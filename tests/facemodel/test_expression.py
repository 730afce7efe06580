from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import make_face

from prnet.cli import main
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.facemodel.expression import ExpressionModel
from prnet.facemodel.point_basis import PointBasis
from prnet.geometry.boxes import Box
from prnet.geometry.camera import FLIP_Y, Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import default_layout
from prnet.reconstruct import Reconstructor

IDENTITIES = 4
NAMES = ("jawOpen", "mouthSmile_L", "mouthSmile_R")


def made_face(
    model: ExpressionModel,
    shown: dict[str, float],
    *,
    pose: Pose = Pose(20, -10, 5),  # noqa: B008 (a tuple)
    seed: int = 0,
) -> tuple[Face, NDArray[np.float64]]:
    """A face of random shape that shows ``shown``, known at the model's pixels, and the shape."""
    basis = model.basis
    identity = np.random.default_rng(seed).normal(size=basis.identities)
    values = [shown.get(name, 0.0) for name in basis.expression_names]
    (head,) = basis.points(np.concatenate([identity, values])[None])
    camera = WeakPerspectiveCamera(9.0, rotation_from_pose(pose), np.array([100.0, 120.0, 0.0]))
    position_map = np.zeros((256 * 256, 3), np.float32)
    position_map[model.pixels] = camera.project(head)
    crop = CropTransform(100, 120, side=200, size=128)
    shaped = position_map.reshape(256, 256, 3)
    return Face(shaped, default_layout(), Box(0, 20, 200, 220), crop), identity


@pytest.fixture(scope="module")
def small() -> ExpressionModel:
    """Our layout's mean face with smooth made-up modes at every 50th pixel."""
    layout = default_layout()
    pixels = np.flatnonzero(layout.region)[::50]
    mean = (layout.canonical * FLIP_Y).reshape(-1, 3)[pixels].astype(np.float32)
    random = np.random.default_rng(1)
    waves = np.sin(mean @ random.normal(size=(3, 3 * (IDENTITIES + len(NAMES)))) * 0.3)
    modes = np.moveaxis(waves.reshape(len(mean), -1, 3), 1, 0).astype(np.float16)
    return ExpressionModel(
        layout.name, pixels, PointBasis.plain(mean, modes.astype(np.float32), NAMES)
    )


@pytest.fixture
def small_file(small: ExpressionModel, tmp_path: Path) -> Path:
    small.save(tmp_path / "expression.npz")
    return tmp_path / "expression.npz"


@pytest.fixture(scope="module")
def facekit_file(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("facekit") / "expression.npz"
    face_model = shared / "facemodel" / "ict_facekit.npz"
    assert main(["facemodel", "expression", str(face_model), "--out", str(out)]) == 0
    return out


def test_a_face_made_from_coefficients_gives_them_back(small: ExpressionModel) -> None:
    shown = {"jawOpen": 0.7, "mouthSmile_L": 0.4}
    face, identity = made_face(small, shown)
    found = small.fit(face)
    assert list(found.values) == list(NAMES)
    for name, value in found.values.items():
        assert value == pytest.approx(shown.get(name, 0.0), abs=0.01)
    np.testing.assert_allclose(found.identity, identity, atol=0.02)


def test_values_stay_within_0_and_1(small: ExpressionModel) -> None:
    face, _ = made_face(small, {"jawOpen": 1.6, "mouthSmile_L": -0.8})
    values = small.fit(face).values
    assert values["jawOpen"] == 1
    assert values["mouthSmile_L"] == 0


def test_pose_place_and_size_do_not_matter(small: ExpressionModel) -> None:
    shown = {"jawOpen": 0.5, "mouthSmile_R": 0.8}
    one, _ = made_face(small, shown, pose=Pose(0, 0, 0))
    other, _ = made_face(small, shown, pose=Pose(-50, 15, 30))
    moved = replace(other, position_map=other.position_map * 3 + np.array([40, -7, 9], np.float32))
    first, second = (list(small.fit(face).values.values()) for face in (one, moved))
    np.testing.assert_allclose(first, second, atol=2e-3)


def test_a_saved_model_fits_as_the_first(small: ExpressionModel, small_file: Path) -> None:
    face, _ = made_face(small, {"jawOpen": 0.5})
    assert face.expression(small_file).values == face.expression(small).values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "got no such file"),
        (b"", "got (a file that is no .npz|a damaged file)"),
        (b"a photo, say", "got (a file that is no .npz|a damaged file)"),
        ("archive", "no array layout, pixels, mean, modes"),
        ("cut", "got (a file that is no .npz|a damaged file)"),
        ("shapes", r"mean of shape \(1230, 3\) for \(1231, 3\)"),
    ],
)
def test_foreign_files_are_refused(
    small_file: Path, tmp_path: Path, content: bytes | str | None, message: str
) -> None:
    path = tmp_path / "foreign.npz"
    if content == "archive":
        np.savez(path, expression_names=np.array(NAMES))
    elif content == "shapes":
        with np.load(small_file) as arrays:
            np.savez(path, **{**arrays, "mean": arrays["mean"][:-1]})
    elif content == "cut":
        path.write_bytes(small_file.read_bytes()[:5000])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(PrnetError, match=message) as caught:
        ExpressionModel.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_face_of_another_layout_is_refused(small: ExpressionModel) -> None:
    with pytest.raises(PrnetError, match="'prnet-ict', got one in 'egg'"):
        make_face().expression(small)


def test_saving_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="expected an expression model"):
        make_face().save(tmp_path / "a.json", "expression")


def test_command_writes_the_expression_of_the_sample(
    small: ExpressionModel, small_file: Path, sample_path: Path, tmp_path: Path
) -> None:
    arguments = ["reconstruct", str(sample_path), "--out", str(tmp_path / "out"), "--save", "json"]
    assert main([*arguments, "--expression-model", str(small_file)]) == 0
    written = json.loads((tmp_path / "out" / "astronaut_expression.json").read_text())
    (face,) = Reconstructor()(sample_path)
    expected = face.expression(small)
    assert written["expression"] == pytest.approx(expected.values, abs=1e-4)
    np.testing.assert_allclose(written["identity"], expected.identity, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--save", "expression"], "expected --expression-model FILE to save expression"),
        (["--expression-model", "gone.npz"], "gone.npz: expected an expression model"),
    ],
)
def test_without_a_model_nothing_is_done(
    options: list[str],
    message: str,
    sample_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["reconstruct", str(sample_path), "--out", str(out), *options]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.shared
def test_shown_expressions_are_found_by_name(facekit_file: Path) -> None:
    """Shapes that move much skin come back within the priors' pull; the rest stay near 0."""
    model = ExpressionModel.load(facekit_file)
    assert facekit_file.stat().st_size < 4e6
    assert len(model.basis.expression_names) == 55
    shown = {"jawOpen": 0.7, "mouthSmile_L": 0.5, "eyeBlink_R": 0.9}
    face, identity = made_face(model, shown)
    noise = np.random.default_rng(0).normal(size=face.position_map.shape) * 0.5
    noisy = replace(face, position_map=(face.position_map + noise).astype(np.float32))
    for seen in (face, noisy):
        found = seen.expression(model)
        for name, value in shown.items():
            assert found.values[name] == pytest.approx(value, abs=0.15)
        others = [value for name, value in found.values.items() if name not in shown]
        assert np.mean(others) < 0.03
        assert np.abs(found.identity - identity).mean() < 0.35


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(3))
def test_a_neutral_face_shows_next_to_nothing(facekit_file: Path, seed: int) -> None:
    model = ExpressionModel.load(facekit_file)
    neutral = made_face(model, {}, seed=seed)[0].expression(model).values
    open_mouth = made_face(model, {"jawOpen": 0.6}, seed=seed)[0].expression(model).values
    assert max(neutral.values()) < 0.15
    assert np.mean(list(neutral.values())) < 0.02
    assert open_mouth["jawOpen"] > neutral["jawOpen"] + 0.45


@pytest.mark.shared
def test_left_is_the_persons_left(facekit_file: Path) -> None:
    """Names as ARKit's: the person's left is at the image's right of a frontal face."""
    basis = ExpressionModel.load(facekit_file).basis
    for name in ("eyeBlink", "mouthSmile", "browDown"):
        for side, sign in (("L", 1), ("R", -1)):
            row = basis.identities + basis.expression_names.index(f"{name}_{side}")
            moves = np.linalg.norm(basis.modes[row], axis=1)
            assert sign * (moves * basis.mean[:, 0]).sum() > 0


@pytest.mark.shared
def test_the_sample_smiles(facekit_file: Path, sample_path: Path) -> None:
    (face,) = Reconstructor()(sample_path)
    values = face.expression(facekit_file).values
    smile = min(values["mouthSmile_L"], values["mouthSmile_R"])
    assert smile > 0.25
    assert smile > max(values["mouthFrown_L"], values["mouthFrown_R"])


def test_a_face_model_of_other_vertices_is_refused(tmp_path: Path) -> None:
    from prnet.facemodel.morphable import MorphableModel

    flat = np.zeros((1, 5, 3), np.float16)
    faces = np.zeros((1, 4), np.int32)
    points = np.zeros((5, 3), np.float32)
    path = tmp_path / "other.npz"
    MorphableModel(
        points, points[:, :2], faces, faces, flat, flat, ("identity000",), ("jawOpen",)
    ).save(path)
    out = tmp_path / "expression.npz"
    assert main(["facemodel", "expression", str(path), "--out", str(out)]) == 2
    assert not out.exists()


def test_inference_does_not_import_training(small_file: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, prnet; prnet.ExpressionModel.load(sys.argv[1]); "
        "print([name for name in sys.modules if name.startswith('prnet.training')])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(small_file)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
