"""The 2018 demo's options, names and contents; for each of its defects a test that it is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from standins import make_face

from prnet.cli import main
from prnet.commands.demo import camera_matrix
from prnet.files.image import load_image
from prnet.geometry.boxes import Box
from prnet.geometry.camera import FLIP_Y, Pose
from prnet.reconstruct import Reconstructor
from prnet.release2018.pose import angles_2018

HEIGHT, WIDTH = 120, 160


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = 0  # red moves the stand-in network's answer
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detectors see two faces in every picture that is not black."""
    import prnet.reconstruct
    from prnet.detection.dlib import DLIB_RULE

    class Detector:
        name, crop_rule = "dlib", DLIB_RULE

        def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
            return [Box(20, 10, 100, 100), Box(110, 20, 150, 60)] if image.any() else []

    monkeypatch.setattr(prnet.reconstruct, "make_detector", lambda *_, **__: Detector())


def _run(photos: Path, out: Path, *options: str, model: Path) -> int:
    return main(["demo", "-i", str(photos), "-o", str(out), "--model", str(model), *options])


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _vertices(obj: Path) -> NDArray[np.float64]:
    rows = [line.split()[1:] for line in obj.read_text().splitlines() if line.startswith("v ")]
    return np.array(rows, float)


def test_the_default_is_a_mesh_of_every_face(photos: Path, model: Path, two_faces: None) -> None:
    out = photos.parent / "new" / "folder"
    assert _run(photos, out, model=model) == 0
    assert _names(out) == {"a.obj", "a_1.obj"}
    vertices = _vertices(out / "a.obj")
    (first, _) = Reconstructor(model, passes=1)(photos / "a.png")
    expected = first.vertices * FLIP_Y + [0, HEIGHT - 1, 0]
    np.testing.assert_allclose(vertices[:, :3], expected, atol=1e-3)
    np.testing.assert_allclose(vertices[:, 3:], first.vertex_colors() / 255, atol=1e-4)


@pytest.mark.parametrize("spelling", [["--{}", "True"], ["--{}"], ["--{}", "1"]])
def test_every_file_by_its_name(
    photos: Path, model: Path, tmp_path: Path, spelling: list[str]
) -> None:
    names = ["isMat", "isKpt", "isPose", "isImage", "isDepth", "isTexture", "isMask"]
    options = [part.format(name) for name in names for part in spelling]
    assert _run(photos, tmp_path / "out", "--isDlib", "False", *options, model=model) == 0
    assert _names(tmp_path / "out") == {
        "a.obj", "a.mtl", "a_texture.png", "a_mesh.mat", "a_kpt.txt", "a_pose.txt",
        "a_camera_matrix.txt", "a.jpg", "a_depth.jpg", "a_depth.mat",
    }  # fmt: skip


def test_every_result_has_a_name_of_its_own(photos: Path, model: Path, tmp_path: Path) -> None:
    """a_depth.jpg is a photo's copy, and what a's depth would be called."""
    (photos / "a_depth.png").write_bytes((photos / "a.png").read_bytes())
    options = ["--isDlib", "False", "--isImage", "--isDepth", "--is3d", "False"]
    assert _run(photos, tmp_path / "out", *options, model=model) == 0
    assert len(_names(tmp_path / "out")) == 2 * 3
    assert (tmp_path / "out" / "a_depth_png.jpg").is_file()


def test_contents(photos: Path, model: Path, tmp_path: Path) -> None:
    loadmat = pytest.importorskip("scipy.io").loadmat
    options = "--isDlib False --isMat --isKpt --isPose --isDepth --isTexture --texture_size 64"
    assert _run(photos, tmp_path, *options.split(), model=model) == 0
    (face,) = Reconstructor(model, detector="none", passes=1)(photos / "a.png")
    np.testing.assert_allclose(np.loadtxt(tmp_path / "a_kpt.txt"), face.landmarks)
    mesh = loadmat(tmp_path / "a_mesh.mat")
    np.testing.assert_array_equal(mesh["vertices"], face.vertices)
    np.testing.assert_allclose(mesh["colors"] * 255, face.vertex_colors(), atol=1e-9)
    assert mesh["triangles"].min() == 0
    depth = loadmat(tmp_path / "a_depth.mat")["depth"]
    assert depth.shape == (HEIGHT, WIDTH)
    assert depth.min() == 0
    assert depth.max() == pytest.approx(np.ptp(face.vertices[:, 2]), rel=0.02)
    assert load_image(tmp_path / "a_depth.jpg").max() >= 250
    assert load_image(tmp_path / "a_texture.png").shape == (64, 64, 3)
    text = (tmp_path / "a.obj").read_text() + (tmp_path / "a.mtl").read_text()
    assert "mtllib a.mtl\n" in text, "paths are relative: the files can be moved together"
    assert "map_Kd a_texture.png\n" in text
    matrix = np.loadtxt(tmp_path / "a_camera_matrix.txt")
    canonical = np.c_[face.layout.canonical_vertices, np.ones(len(face.vertices))]
    np.testing.assert_allclose(canonical @ matrix.T, face.vertices, atol=0.05)


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (Pose(30, 0, 0), (-30, 0, 0)),
        (Pose(0, 20, 0), (0, 20, 0)),
        (Pose(0, 0, 10), (0, 0, 10)),
    ],
)
def test_pose_in_radians_with_the_demos_signs(pose: Pose, expected: tuple[float, ...]) -> None:
    """By its formulas: asin(r20), atan2(r21, r22), atan2(r10, r00), y down."""
    angles = np.degrees(angles_2018(camera_matrix(make_face(pose))))
    np.testing.assert_allclose(angles, expected, atol=1e-4)


def test_frontal_mesh_lies_on_the_canonical_face(photos: Path, model: Path, tmp_path: Path) -> None:
    assert _run(photos, tmp_path, "--isDlib", "False", "--isFront", "True", model=model) == 0
    canonical = Reconstructor(model).layout.canonical_vertices
    expected = canonical * FLIP_Y + [0, HEIGHT - 1, 0]
    np.testing.assert_allclose(_vertices(tmp_path / "a.obj")[:, :3], expected, atol=0.01)


def test_defects_1_and_2_cropped_pictures(model: Path, tmp_path: Path) -> None:
    """The whole picture is the crop, whatever its size: results in its own pixels, not in 256."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (64, 64), (255, 245, 245)).save(folder / "square.png")
    options = ["--isDlib", "False", "--isKpt"]
    assert _run(folder, tmp_path / "out", *options, model=model) == 0
    landmarks = np.loadtxt(tmp_path / "out" / "square_kpt.txt")
    layout = Reconstructor(model).layout
    in_crop = layout.sample_landmarks(layout.canonical) * 0.5 + [63.5 + 10, 63.5, 0]
    np.testing.assert_allclose(landmarks[:, :2], (in_crop[:, :2] + 0.5) / 2 - 0.5, atol=0.05)


def test_defect_3_large_pictures_keep_their_pixels(
    model: Path, tmp_path: Path, two_faces: None
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (1300, 1100), (9, 9, 9)).save(folder / "large.jpeg")
    assert _run(folder, tmp_path / "out", "--isDepth", "--isImage", model=model) == 0
    for name in ("large_depth.jpg", "large.jpg"):
        assert load_image(tmp_path / "out" / name).shape == (1100, 1300, 3)


def test_defects_4_and_5_grey_transparent_and_faceless(
    model: Path, tmp_path: Path, two_faces: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, mode in (("grey.JPG", "L"), ("clear.PNG", "RGBA"), ("palette.png", "P")):
        Image.fromarray(np.full((90, 90, 3), 99, np.uint8)).convert(mode).save(folder / name)
    Image.new("RGB", (90, 90)).save(folder / "black.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    assert _run(folder, tmp_path / "out", model=model) == 1
    names = {f"{stem}{n}.obj" for stem in ("grey", "clear", "palette") for n in ("", "_1")}
    assert _names(tmp_path / "out") == names
    told = capsys.readouterr()
    assert "black.png: no face found, nothing written" in told.out
    assert "broken.jpg" in told.err
    for path in folder.iterdir():
        if path.name != "black.png":
            path.unlink()
    assert _run(folder, tmp_path / "out", model=model) == 3


@pytest.mark.parametrize("option", ["--isMat", "--isDepth", "--isPose", "--isKpt"])
def test_defect_6_outputs_without_a_mesh(
    photos: Path, model: Path, tmp_path: Path, option: str
) -> None:
    options = ["--isDlib", "False", "--is3d", "False", option]
    assert _run(photos, tmp_path / "out", *options, model=model) == 0
    assert not (tmp_path / "out" / "a.obj").exists()
    assert _names(tmp_path / "out")


def test_defect_7_vertices_are_not_clipped(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A face that reaches out of the picture keeps its shape in every file."""
    loadmat = pytest.importorskip("scipy.io").loadmat
    Image.new("RGB", (40, 40), (255, 90, 90)).save(photos / "a.png")  # moves the stand-in's answer
    assert _run(photos, tmp_path / "out", "--isDlib", "False", "--isMat", model=model) == 0
    assert loadmat(tmp_path / "out" / "a_mesh.mat")["vertices"][:, 0].max() > 45


@pytest.mark.parametrize("wrong", [["--isKpt", "yes"], ["--isKpt", "2"], ["--texture_size", "x"]])
def test_wrong_values_are_usage_errors(
    photos: Path, model: Path, tmp_path: Path, wrong: list[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        _run(photos, tmp_path / "out", *wrong, model=model)


def test_no_folder_is_one_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path / "gone", tmp_path / "out", model=model) in (1, 2)
    assert "gone" in capsys.readouterr().err


def test_demo_texture_changes_the_face_alone(
    photos: Path, model: Path, tmp_path: Path, two_faces: None
) -> None:
    Image.new("RGB", (WIDTH, HEIGHT), (0, 120, 90)).save(photos / "b.png")
    changed = {}
    for mode in ("0", "1"):
        out = tmp_path / f"{mode}.png"
        arguments = ["-i", photos / "a.png", "-r", photos / "b.png", "-o", out, "--mode", mode]
        command = ["demo-texture", *map(str, arguments), "--model", str(model)]
        assert main(command) == 0
        changed[mode] = (load_image(out) != load_image(photos / "a.png")).any(axis=-1)
    assert changed["1"].sum() > 100
    assert not changed["1"][:, 120:].any()
    assert changed["0"].sum() < changed["1"].sum()


def test_a_folder_that_is_not_there_is_said_and_none_is_made(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--model", str(model)]) == 2
    told = "prnet demo: TestImages: expected a folder of photos, got no such folder (-i FOLDER)\n"
    assert capsys.readouterr().err == told
    assert not Path("TestImages").exists()


def test_a_gpu_is_a_number(
    photos: Path, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _run(photos, tmp_path / "out", "--gpu", "first", model=model)
    assert "expected the number of a GPU, got 'first'" in capsys.readouterr().err
    assert _run(photos, tmp_path / "out", "--gpu", "-1", "--isDlib", "False", model=model) == 0
