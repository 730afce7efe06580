from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import trimesh
from numpy.typing import NDArray
from standins import make_face

from prnet.errors import PrnetError
from prnet.face import Face
from prnet.formats.arrays import DATA_OUTPUTS
from prnet.formats.landmarks import read_points
from prnet.formats.meshes import MESH_OUTPUTS
from prnet.formats.obj import obj_bytes
from prnet.formats.output import SaveOptions
from prnet.formats.table import FACE_OUTPUTS
from prnet.geometry.boxes import Box
from prnet.geometry.camera import Pose


@pytest.fixture(scope="module")
def face() -> Face:
    image: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (200, 240, 3), np.uint8)
    return make_face(Pose(20, 5, -10), image=image)


@pytest.mark.parametrize("kind", ["obj", "obj-plain", "ply"])
def test_meshes_read_back_equal_upright_and_outward(face: Face, tmp_path: Path, kind: str) -> None:
    output = FACE_OUTPUTS[kind]
    path = tmp_path / f"face{output.ending}"
    output.write(face, path, SaveOptions())
    mesh = trimesh.load(path, process=False)
    assert isinstance(mesh, trimesh.Trimesh)
    np.testing.assert_allclose(mesh.vertices, face.vertices * [1, -1, 1], atol=6e-4)
    np.testing.assert_array_equal(mesh.faces, face.triangles)
    if kind != "obj-plain":
        np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], face.vertex_colors())
    assert (mesh.face_normals[:, 2] > 0).mean() > 0.8  # a convex front, seen from +z
    forehead, chin = mesh.vertices[0], mesh.vertices[-1]
    assert forehead[1] > chin[1]


def test_landmarks_read_back(face: Face, tmp_path: Path) -> None:
    face.save(tmp_path / "face.txt")
    np.testing.assert_allclose(np.loadtxt(tmp_path / "face.txt"), face.landmarks, atol=6e-4)


@pytest.mark.parametrize("ending", ["txt", "csv", "pts", "npz"])
def test_landmarks_are_taken_back(face: Face, tmp_path: Path, ending: str) -> None:
    """What --save writes, --landmarks reads."""
    face.save(tmp_path / f"face.{ending}")
    points = read_points(tmp_path / f"face.{ending}")["landmarks"]
    np.testing.assert_allclose(points, face.landmarks[:, : points.shape[1]], atol=6e-4)


@pytest.mark.parametrize("columns", ["y,x,z,landmark", '"X","Y"', "y x"])
def test_landmarks_are_read_by_the_names_of_their_columns(tmp_path: Path, columns: str) -> None:
    points = np.random.default_rng(0).uniform(20, 80, (68, 3)).round(2)
    table = {"x": points[:, 0], "y": points[:, 1], "z": points[:, 2], "landmark": np.arange(68)}
    named = [table[name] for name in columns.lower().replace('"', "").replace(" ", ",").split(",")]
    rows = np.stack(named, axis=1)[:: -1 if "landmark" in columns else 1]
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    (tmp_path / "points.csv").write_text(f"{columns}\n{text}\n")
    found = read_points(tmp_path / "points.csv")["landmarks"]
    np.testing.assert_allclose(found, points[:, : found.shape[1]])


@pytest.mark.parametrize("names", ["", "y x z\n"])
def test_what_follows_a_number_sign_is_no_number(tmp_path: Path, names: str) -> None:
    points = np.random.default_rng(0).uniform(20, 80, (68, 3)).round(2)
    rows = "".join(f"{x} {y} {z} # of 68\n" for x, y, z in points)
    (tmp_path / "points.txt").write_text(f"# by another system\n\n{names}{rows}")
    found = read_points(tmp_path / "points.txt")["landmarks"]
    np.testing.assert_allclose(found, points[:, [1, 0, 2]] if names else points)


@pytest.mark.parametrize("header", [",x,y", "landmark;x;y", "landmark,u,v"])
def test_columns_of_other_names_are_refused(tmp_path: Path, header: str) -> None:
    rows = "".join(f"{row},{row + 20},{2 * row}\n" for row in range(68))
    (tmp_path / "points.csv").write_text(f"{header}\n{rows}")
    with pytest.raises(PrnetError, match=f"expected a file of 68 points, .* named {header}, not x"):
        read_points(tmp_path / "points.csv")


@pytest.mark.parametrize("first", [0, 1])
def test_a_number_of_the_row_is_not_taken_for_x(tmp_path: Path, first: int) -> None:
    rows = np.column_stack([np.arange(68) + first, np.random.default_rng(0).random((68, 2)) * 90])
    np.savetxt(tmp_path / "points.txt", rows)
    with pytest.raises(PrnetError, match="got: rows that are numbered; columns then need names"):
        read_points(tmp_path / "points.txt")
    np.savetxt(tmp_path / "points.txt", rows, header="landmark x y", comments="")
    found = read_points(tmp_path / "points.txt")["landmarks"]
    np.testing.assert_allclose(found, rows[:, 1:])


def test_landmarks_as_csv_and_pts(face: Face, tmp_path: Path) -> None:
    face.save(tmp_path / "face.csv")
    table = np.genfromtxt(tmp_path / "face.csv", delimiter=",", names=True)
    assert table.dtype.names == ("landmark", "x", "y", "z")
    np.testing.assert_array_equal(table["landmark"], np.arange(68))
    points = np.stack([table["x"], table["y"], table["z"]], axis=1)
    np.testing.assert_allclose(points, face.landmarks, atol=6e-4)
    face.save(tmp_path / "face.pts")
    version, count, opening, *rows, closing = (tmp_path / "face.pts").read_text().splitlines()
    assert (version, count, opening, closing) == ("version: 1", "n_points: 68", "{", "}")
    one_based = np.array([row.split() for row in rows], float)
    np.testing.assert_allclose(one_based - 1, face.landmarks[:, :2], atol=6e-4)


def test_mat_reads_back_with_matlabs_numbers(face: Face, tmp_path: Path) -> None:
    face.save(tmp_path / "face.mat")
    arrays = scipy.io.loadmat(tmp_path / "face.mat")
    np.testing.assert_array_equal(arrays["vertices"], face.vertices)
    np.testing.assert_array_equal(arrays["triangles"] - 1, face.triangles)
    np.testing.assert_array_equal(arrays["landmarks"], face.landmarks)
    np.testing.assert_allclose(arrays["colors"] * 255, face.vertex_colors(), atol=1e-4)
    np.testing.assert_allclose(arrays["pose"][0], face.pose)
    np.testing.assert_array_equal(arrays["camera_rotation"], face.camera.rotation)


def test_npz_is_enough_to_rebuild_the_mesh(face: Face, tmp_path: Path) -> None:
    face.save(tmp_path / "face.npz")
    with np.load(tmp_path / "face.npz") as arrays:
        np.testing.assert_array_equal(arrays["position_map"][arrays["region"]], face.vertices)
        np.testing.assert_array_equal(arrays["triangles"], face.triangles)
        np.testing.assert_array_equal(arrays["landmarks"], face.landmarks)
        np.testing.assert_allclose(arrays["pose"], face.pose)


def test_json_describes_the_face(face: Face, tmp_path: Path) -> None:
    face.save(tmp_path / "face.json")
    description = json.loads((tmp_path / "face.json").read_text())
    np.testing.assert_allclose(description["landmarks"], face.landmarks, atol=6e-4)
    assert description["pose"]["yaw"] == pytest.approx(20, abs=0.01)
    assert description["vertices"] == len(face.vertices)
    assert description["image"] == {"width": 240, "height": 200}
    corners = face.landmarks[[36, 45]]  # the stand-in is the mean face of its layout
    apart = np.linalg.norm(corners[0] - corners[1]) * description["millimetres_per_pixel"]
    assert apart == pytest.approx(88.94, rel=1e-3)
    FACE_OUTPUTS["pose"].write(face, tmp_path / "pose.json", SaveOptions())
    assert json.loads((tmp_path / "pose.json").read_text()) == description["pose"]


def test_boxes_are_saved_with_their_roll(face: Face, tmp_path: Path) -> None:
    turned = replace(face, box=Box.around(face.landmarks, roll=-120))
    for name in ("face.json", "face.npz", "face.mat"):
        turned.save(tmp_path / name)
    with np.load(tmp_path / "face.npz") as arrays:
        assert arrays["box_roll"] == -120
    assert scipy.io.loadmat(tmp_path / "face.mat")["box_roll"] == -120
    assert json.loads((tmp_path / "face.json").read_text())["box_roll"] == -120


def test_same_face_gives_the_same_bytes(face: Face, tmp_path: Path) -> None:
    outputs = {**MESH_OUTPUTS, **DATA_OUTPUTS}
    for name, output in outputs.items():
        if output.needs:
            continue
        first, second = (tmp_path / folder / f"face{output.ending}" for folder in "ab")
        output.write(face, first, SaveOptions())
        output.write(face, second, SaveOptions())
        assert first.read_bytes() == second.read_bytes(), name


def test_face_without_image_gives_plain_meshes(tmp_path: Path) -> None:
    make_face().save(tmp_path / "face.obj")
    assert len((tmp_path / "face.obj").read_text().splitlines()[0].split()) == 4


def test_unknown_suffix_is_named(face: Face, tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match=r"face\.fbx: expected a suffix out of .*\.obj.*'\.fbx'"):
        face.save(tmp_path / "face.fbx")
    with pytest.raises(PrnetError, match=r"expected a kind out of obj, .*, got 'fbx'"):
        face.save(tmp_path / "face.obj", "fbx")
    with pytest.raises(PrnetError, match=r"face\.glb: expected a suffix out of \.obj, got"):
        face.save(tmp_path / "face.glb", "obj-texture")
    assert list(tmp_path.iterdir()) == []


def test_obj_text_is_what_python_would_write() -> None:
    rng = np.random.default_rng(0)
    vertices = np.concatenate(
        [
            rng.uniform(-1, 1, (500, 3)) * 10.0 ** rng.integers(-5, 5, (500, 3)),
            [[0.0, -0.0004, 0.0006], [-0.9996, 999.9996, -12345.0]],
        ]
    )
    triangles = rng.integers(0, 20_000, (300, 3))
    colors: NDArray[np.uint8] = rng.integers(0, 256, vertices.shape, np.uint8)
    rows = np.round(np.concatenate([vertices, colors / 255], axis=1), 4)
    expected = "".join(
        f"v {x:.3f} {y:.3f} {z:.3f} {r:.4f} {g:.4f} {b:.4f}\n"
        for (x, y, z), (*_, r, g, b) in zip(np.round(vertices, 3) + 0.0, rows, strict=True)
    )
    expected += "".join(f"f {a} {b} {c}\n" for a, b, c in triangles + 1)
    assert obj_bytes(vertices, triangles, colors).decode() == expected


def test_obj_text_is_fast() -> None:
    vertices = np.random.default_rng(0).uniform(0, 500, (60_000, 3))
    triangles = np.arange(360_000).reshape(-1, 3) % 60_000
    colors = np.zeros((60_000, 3), np.uint8)
    start = time.process_time()
    obj_bytes(vertices, triangles, colors)
    assert time.process_time() - start < 1.0  # 0.1 s; the bound is for busy machines
