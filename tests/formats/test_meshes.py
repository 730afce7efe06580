"""GLB, textured OBJ, frames, openings and simplification, read back by others' readers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image
from standins import make_face, make_layout, write_model

from prnet.cli import main
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.formats.gltf import quaternion
from prnet.formats.meshes import write_glb
from prnet.formats.output import SaveOptions
from prnet.formats.surface import (
    EYE_CORNERS_APART,
    face_surface,
    head_vertices,
    millimetres_per_unit,
)
from prnet.formats.table import FACE_OUTPUTS
from prnet.geometry.camera import Pose, rotation_from_pose
from prnet.layout.openings import opening_mask
from prnet.layout.uv_layout import Part, default_layout

POSE = Pose(25, -10, 15)


@pytest.fixture(scope="module")
def face() -> Face:
    """Our layout's mean face on a photo that is red left of the middle and blue right of it."""
    photo = np.zeros((300, 300, 3), np.uint8)
    photo[:, :150, 0] = photo[:, 150:, 2] = 255
    return make_face(scale=8, centre=(150.0, 150.0), image=photo, layout=default_layout())


@pytest.fixture(scope="module")
def turned() -> Face:
    image: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    return make_face(POSE, scale=8, centre=(140.0, 150.0), image=image, layout=default_layout())


def _glb(face: Face, path: Path, **options: Any) -> tuple[trimesh.Trimesh, NDArray[np.float64]]:
    """The mesh as trimesh reads it, and its node's transform."""
    FACE_OUTPUTS["glb"].write(face, path, SaveOptions(**options))
    scene = trimesh.load_scene(path, process=False)
    (node,) = scene.graph.nodes_geometry
    transform, name = scene.graph[node]
    return scene.geometry[name], transform


def test_glb_reads_back_in_metres_with_everything(turned: Face, tmp_path: Path) -> None:
    mesh, transform = _glb(turned, tmp_path / "face.glb")
    np.testing.assert_allclose(mesh.vertices, head_vertices(turned) / 1000, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, turned.triangles)
    np.testing.assert_allclose(mesh.visual.uv, turned.texture_coordinates, atol=1e-6)
    np.testing.assert_allclose(transform[:3, :3], rotation_from_pose(POSE), atol=1e-4)
    np.testing.assert_allclose(transform[:3, 3], 0)
    image = mesh.visual.material.baseColorTexture
    expected = turned.texture(fill=True)
    assert image.size == expected.shape[1::-1]
    assert np.abs(np.asarray(image.convert("RGB"), int) - expected).mean() < 8  # JPEG of noise
    _, removed = _glb(turned, tmp_path / "removed.glb", pose="remove")
    np.testing.assert_allclose(removed, np.eye(4))


def test_glb_is_upright_looks_at_the_viewer_and_has_the_size_of_a_head(
    face: Face, tmp_path: Path
) -> None:
    mesh, _ = _glb(face, tmp_path / "face.glb")
    parts = face.layout.parts[face.layout.region]
    vertices = np.asarray(mesh.vertices)
    nose, ears, eyes, mouth, neck = (
        vertices[parts == part].mean(axis=0)
        for part in (Part.NOSE, Part.EARS, Part.EYES, Part.MOUTH, Part.NECK)
    )
    assert nose[2] > ears[2] + 0.05
    assert eyes[1] > nose[1] > mouth[1] > neck[1]
    assert 0.1 < np.ptp(vertices[:, 0]) < 0.25
    np.testing.assert_allclose(mesh.vertex_normals[parts == Part.NOSE].mean(axis=0)[2] > 0.3, True)
    # The image's left is the mesh's -x and the texture's left, in every reader.
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), int)
    left = (vertices[:, 0] < -0.01) & (parts == Part.EYES)
    u, v = mesh.visual.uv[left].T
    rows, columns = ((1 - v) * len(texture)).astype(int), (u * len(texture)).astype(int)
    assert (texture[rows, columns] @ [1, 0, -1] > 150).mean() > 0.99
    assert (v > 0.6).all()


def test_normals_are_smooth_unit_and_outward(face: Face, tmp_path: Path) -> None:
    surface = face_surface(face, "head")
    lengths = np.linalg.norm(surface.normals, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-4)
    corners = surface.vertices[surface.triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    smooth = surface.normals[surface.triangles].sum(axis=1)
    assert ((flat * smooth).sum(axis=1) > 0).mean() > 0.999
    middle = surface.vertices.mean(axis=0) - [0, 0, 60]
    outward = (surface.vertices - middle) * surface.normals
    assert (outward.sum(axis=1) > 0).mean() > 0.85


def test_frames_agree(turned: Face) -> None:
    picture, head = face_surface(turned, "picture"), face_surface(turned, "head")
    rotation = rotation_from_pose(POSE)
    np.testing.assert_allclose(head.normals @ rotation.T, picture.normals, atol=1e-3)
    scale = np.ptp(picture.vertices @ rotation, axis=0) / np.ptp(head.vertices, axis=0)
    np.testing.assert_allclose(scale, scale[0], rtol=1e-4)
    corners = turned.landmarks[[36, 45]]
    pixels = float(np.linalg.norm(corners[0] - corners[1]))
    assert pixels / scale[0] == pytest.approx(EYE_CORNERS_APART, rel=1e-3)  # the mean face


def test_a_unit_of_the_layout_is_a_centimetre() -> None:
    # Wherever its eye corners are placed: the surface is ICT-FaceKit's, whose unit is known.
    assert millimetres_per_unit(default_layout()) == pytest.approx(10, rel=1e-3)


def test_textured_obj_keeps_together_when_moved(turned: Face, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    turned.save(tmp_path / "first" / "my face.obj", "obj-texture")
    names = {path.name for path in (tmp_path / "first").iterdir()}
    (picture,) = (name for name in names if name.endswith(".png"))
    material = picture.replace(".png", ".mtl")
    assert picture.startswith("my_face-")
    assert names == {"my face.obj", material, picture}
    moved = Path(shutil.move(tmp_path / "first", tmp_path / "second"))
    text = "".join((moved / name).read_text() for name in ("my face.obj", material))
    assert str(tmp_path) not in text
    mesh = trimesh.load_mesh(moved / "my face.obj", process=False, maintain_order=True)
    np.testing.assert_allclose(mesh.vertices, turned.vertices * [1, -1, 1], atol=6e-4)
    np.testing.assert_array_equal(mesh.faces, turned.triangles)
    np.testing.assert_allclose(mesh.visual.uv, turned.texture_coordinates, atol=1e-6)
    with Image.open(moved / picture) as texture:
        np.testing.assert_array_equal(np.asarray(texture), turned.texture(fill=True))


def test_openings_are_holes_at_eyes_and_mouth(face: Face) -> None:
    closed, opened = face_surface(face), face_surface(face, openings="open")
    np.testing.assert_array_equal(closed.vertices, opened.vertices)
    assert _boundaries(closed.triangles) == 1
    assert _boundaries(opened.triangles) == 4


def test_openings_of_a_layout_that_does_not_tell_lie_between_the_landmarks() -> None:
    layout = make_face().layout
    mask = opening_mask(layout)
    for loop in (slice(36, 42), slice(42, 48), slice(60, 68)):
        column, row = np.rint(layout.landmarks[loop].mean(axis=0)).astype(int)
        assert mask[row, column]
    assert mask.mean() < 0.03


def _boundaries(triangles: NDArray[np.integer]) -> int:
    """Number of boundary loops."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return len(trimesh.graph.connected_components(unique[count == 1], min_len=3))


def test_simplified_meshes_use_vertices_of_the_layout(turned: Face) -> None:
    pytest.importorskip("fast_simplification")
    whole, few = face_surface(turned), face_surface(turned, triangles=5000)
    assert 4500 <= len(few.triangles) <= 5000
    original = {tuple(vertex): i for i, vertex in enumerate(whole.vertices)}
    numbers = [original[tuple(vertex)] for vertex in few.vertices]
    assert numbers == sorted(numbers)
    np.testing.assert_array_equal(few.texture_coordinates, whole.texture_coordinates[numbers])
    np.testing.assert_array_equal(few.normals, whole.normals[numbers])
    corners = few.vertices[few.triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    smooth = few.normals[few.triangles].sum(axis=1)
    assert ((flat * smooth).sum(axis=1) > 0).mean() > 0.99  # still wound outward
    mesh = trimesh.Trimesh(few.vertices, few.triangles, process=False)
    whole_mesh = trimesh.Trimesh(whole.vertices, whole.triangles, process=False)
    assert mesh.area == pytest.approx(whole_mesh.area, rel=0.02)
    assert face_surface(turned, triangles=10**6).triangles is turned.triangles
    with pytest.raises(PrnetError, match="expected at least 4 triangles, got 3"):
        face_surface(turned, triangles=3)


def test_simplifying_without_the_package_says_what_to_install(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fast_simplification", None)
    with pytest.raises(PrnetError, match=r"expected fast-simpl.* \(pip install .*\[mesh\]"):
        face_surface(face, triangles=500)


def test_command_line_sets_the_options(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    Image.new("RGB", (128, 128)).save(tmp_path / "photo.png")
    given = ["reconstruct", tmp_path / "photo.png", "--model", tmp_path / "model"]
    given += ["--detector", "none", "--save", "obj-plain,glb", "--out", tmp_path]
    assert main([*map(str, given), "--pose", "remove", "--openings", "open"]) == 0
    layout = make_layout()
    rows = [line.split() for line in (tmp_path / "photo_plain.obj").read_text().splitlines()]
    vertices = np.array([row[1:] for row in rows if row[0] == "v"], float)
    factor = EYE_CORNERS_APART / np.ptp(layout.sample_landmarks(layout.canonical)[[36, 45], 0])
    np.testing.assert_allclose(vertices, layout.canonical_vertices * [1, -1, 1] * factor, atol=2e-3)
    assert 0 < sum(row[0] == "f" for row in rows) < len(layout.triangles)
    scene = trimesh.load_scene(tmp_path / "photo.glb")
    (node,) = scene.graph.nodes_geometry
    np.testing.assert_allclose(scene.graph[node][0], np.eye(4))


def test_quaternion_turns_as_the_matrix_does() -> None:
    rng = np.random.default_rng(0)
    for angles in [(0, 0, 0), (180, 0, 0), (0, 0, 180), *rng.uniform(-180, 180, (50, 3))]:
        rotation = rotation_from_pose(Pose(angles[0], angles[1] / 2, angles[2]))
        x, y, z, w = quaternion(rotation)
        expected = trimesh.transformations.quaternion_matrix([w, x, y, z])[:3, :3]
        np.testing.assert_allclose(expected, rotation, atol=1e-12)


def test_face_without_image_is_a_plain_glb_and_no_textured_obj(tmp_path: Path) -> None:
    mesh, _ = _glb(make_face(), tmp_path / "face.glb")
    assert mesh.visual.material.baseColorTexture is None
    with pytest.raises(PrnetError, match="expected an image to take the texture from"):
        make_face().save(tmp_path / "face.obj", "obj-texture")
    with pytest.raises(PrnetError, match=r"expected a square RGB texture .*, got 64x32x3"):
        write_glb(
            make_face(),
            tmp_path / "face2.glb",
            SaveOptions(texture=np.zeros((64, 32, 3), np.uint8)),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["face.glb"]


VALIDATE = """
const path = process.argv[1], fs = require('fs');
require('gltf-validator').validateBytes(new Uint8Array(fs.readFileSync(path)))
  .then(report => console.log(JSON.stringify(report)));
"""


@pytest.mark.parametrize("kind", ["textured", "plain", "simplified"])
def test_khronos_validator_finds_nothing(turned: Face, tmp_path: Path, kind: str) -> None:
    """GLTF_VALIDATOR: folder in which ``npm install gltf-validator`` was run."""
    folder, node = os.environ.get("GLTF_VALIDATOR"), shutil.which("node")
    if folder is None or node is None:
        pytest.skip("needs node, and gltf-validator installed in the folder $GLTF_VALIDATOR")
    options = {"openings": "open"}
    if kind == "simplified":
        pytest.importorskip("fast_simplification")
        options["triangles"] = 2000  # type: ignore[assignment]
    _glb(make_face() if kind == "plain" else turned, tmp_path / "face.glb", **options)
    report = subprocess.run(
        [node, "-e", VALIDATE, str(tmp_path / "face.glb")],
        capture_output=True,
        check=True,
        env={**os.environ, "NODE_PATH": str(Path(folder) / "node_modules")},
    )
    issues = json.loads(report.stdout)["issues"]
    serious = [m for m in issues["messages"] if m["severity"] < 2]  # 0 errors, 1 warnings
    assert serious == []
