"""Textured OBJ files are read whole by others, whatever the photo is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from standins import make_face

from prnet.errors import PrnetError
from prnet.face import Face
from prnet.formats.obj import readable_by_all

NAMES = [
    *("plain", "IMG 1", "hash#tag", "back\\slash", "line\nfeed", "写真", "été", "tab\tx", "-dash"),
    *("a%20b", "\u3000", " ", "..", "quote'\"", "no\u00a0break", "emoji\U0001f600"),
]
IN_BYTES = os.fsdecode(b"raw\xff\xfe")
if sys.platform == "linux":
    NAMES.append(IN_BYTES)


@pytest.fixture(scope="module")
def face() -> Face:
    return make_face(image=np.full((200, 240, 3), [200, 100, 50], np.uint8))


def _save(face: Face, folder: Path, name: str) -> Path:
    path = folder / f"{name}_textured.obj"
    face.save(path, "obj-texture")
    if name == IN_BYTES:  # neither reader opens such a path; MTL and PNG keep their names
        path = path.rename(folder / "renamed.obj")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_trimesh_finds_the_picture(face: Face, tmp_path: Path, name: str) -> None:
    mesh = trimesh.load_mesh(_save(face, tmp_path, name), process=False)
    np.testing.assert_array_equal(mesh.faces, face.triangles)
    assert mesh.visual.material.image.size == (512, 512)


@pytest.mark.parametrize("name", NAMES)
def test_meshlab_finds_the_picture(face: Face, tmp_path: Path, name: str) -> None:
    pymeshlab = pytest.importorskip("pymeshlab")
    path = _save(face, tmp_path, name)
    meshes = pymeshlab.MeshSet()
    meshes.load_new_mesh(str(path))
    assert meshes.current_mesh().vertex_number() == len(face.vertices)
    (picture,) = meshes.current_mesh().textures()
    assert (tmp_path / picture).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_names_inside_the_files(face: Face, tmp_path: Path, name: str) -> None:
    first, second = _save(face, tmp_path, name).read_text(encoding="utf-8").split("\n")[:2]
    assert second.startswith("v ")
    keyword, material = first.split()
    assert keyword == "mtllib"
    *_, last = (tmp_path / material).read_text(encoding="utf-8").splitlines()
    keyword, picture = last.split()
    assert (keyword, (tmp_path / picture).is_file()) == ("map_Kd", True)
    assert not set(material + picture) & set("#%\\")
    assert not (material + picture).startswith("-")  # an option's first sign


def test_the_picture_may_be_a_jpeg(tmp_path: Path, face: Face) -> None:
    face.save(tmp_path / "me.obj", "obj-texture-jpeg")
    face.save(tmp_path / "me_texture.jpg", "texture-jpeg")
    picture = trimesh.load_mesh(tmp_path / "me.obj", process=False).visual.material.image
    assert (picture.format, picture.size) == ("JPEG", (512, 512))
    with Image.open(tmp_path / "me_texture.jpg") as texture:
        assert texture.format == "JPEG"
    assert {p.name for p in tmp_path.iterdir()} == {"me.obj", "me.mtl", "me.jpg", "me_texture.jpg"}


def test_changed_names_stay_apart() -> None:
    names = ["a b", "a_b", "a  b", "a\tb", "a#b"]
    assert len({readable_by_all(Path(f"{name}.png")).name for name in names}) == len(names)
    assert readable_by_all(Path("some where/é-1.png")) == Path("some where/é-1.png")


def test_a_photo_beside_the_mesh_is_kept(face: Face, tmp_path: Path) -> None:
    """The face is of an array, so that nobody knows its file: only me.obj was named."""
    photo = tmp_path / "me.png"
    photo.write_bytes(b"a photo")
    with pytest.raises(PrnetError, match=r"me\.png: expected no file, or that of an earlier me"):
        face.save(tmp_path / "me.obj", "obj-texture")
    assert [path.name for path in tmp_path.iterdir()] == ["me.png"]
    assert photo.read_bytes() == b"a photo"


def test_a_material_of_others_is_kept(face: Face, tmp_path: Path) -> None:
    material = tmp_path / "me.mtl"
    material.write_text("newmtl skin\n")
    with pytest.raises(PrnetError, match=r"me\.mtl: expected no file"):
        face.save(tmp_path / "me.obj", "obj-texture")
    assert material.read_text() == "newmtl skin\n"


def test_saved_again_over_an_older_result(face: Face, tmp_path: Path) -> None:
    path = _save(face, tmp_path, "my face")
    old = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    green = make_face(image=np.full((200, 240, 3), [0, 255, 0], np.uint8), centre=(90.0, 90.0))
    green.save(path, "obj-texture")
    new = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert new.keys() == old.keys()
    changed = {Path(name).suffix for name in new if new[name] != old[name]}
    assert changed == {".obj", ".png"}


def test_a_name_that_is_too_long_is_said(face: Face, tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="expected a place that can be written, got: File name"):
        face.save(tmp_path / ("n" * 252 + ".obj"), "obj-texture")
    assert not list(tmp_path.iterdir())
