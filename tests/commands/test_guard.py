"""No command writes over a file it was given, whatever name leads to it; the photo is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prnet.cli import main
from prnet.errors import PrnetError
from prnet.reconstruct import Reconstructor

BOX = "20,10,90,80"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    for name in ("a.jpg", "a_overlay.jpg", "a_depth.jpg", "texture.png", "a_textured.png"):
        Image.fromarray(pixels).save(folder / name)
    (folder.with_name("link")).symlink_to(folder)
    return folder


def _untouched(photos: Path, *arguments: object, model: Path, status: int) -> str:
    """Runs the command; every file of the folder is as before, and no more are there."""
    before = {path: path.read_bytes() for path in photos.iterdir()}
    assert main([*map(str, arguments), "--model", str(model)]) == status
    for path, data in before.items():
        assert path.read_bytes() == data, path
    return " ".join(sorted(path.name for path in photos.iterdir() if path not in before))


@pytest.mark.parametrize("out", ["photos", "link", "photos/../link"])
def test_reconstruct(
    photos: Path, model: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", photos.parent / out, "--save", "overlay", "--box", BOX]
    given = [photos / "a.jpg", photos / "a_overlay.jpg"]
    new = _untouched(photos, "reconstruct", *given, *options, model=model, status=1)
    assert new == "a_overlay_overlay.jpg"
    assert "a_overlay.jpg: expected a place for a result, got" in capsys.readouterr().err


def test_reconstruct_files_that_come_along(photos: Path, model: Path) -> None:
    """A textured mesh has a picture of its own: all three or none are written."""
    options = ["--out", photos, "--save", "obj-texture", "--box", BOX]
    given = [photos / "a.jpg", photos / "a_textured.png"]
    new = _untouched(photos, "reconstruct", *given, *options, model=model, status=1)
    assert "a_textured.obj" not in new.split()


def test_a_list_is_an_input(photos: Path, model: Path) -> None:
    (photos / "a.obj").write_text(str(photos / "a.jpg"))
    options = ["--out", photos, "--save", "obj", "--box", BOX]
    _untouched(photos, "reconstruct", f"@{photos / 'a.obj'}", *options, model=model, status=1)


def test_where_one_result_would_replace_a_photo_there_is_none(photos: Path, model: Path) -> None:
    """Or the next run would take the photo for a result, by the others beside it."""
    for name in ("a_depth.jpg", "texture.png", "a_textured.png"):
        (photos / name).unlink()
    for _ in range(2):
        options = ["--out", photos, "--save", "pose,overlay", "--box", BOX]
        _untouched(photos, "reconstruct", photos, *options, model=model, status=1)
        assert not (photos / "a_pose.json").exists()


def test_landmarks_file_is_an_input(photos: Path, model: Path) -> None:
    angles = 2 * np.pi * np.arange(68) / 68
    points = np.stack([55 + 30 * np.cos(angles), 45 + 30 * np.sin(angles)], axis=1)
    np.savetxt(photos / "a_landmarks.txt", points)
    options = ["--out", photos, "--save", "landmarks", "--landmarks", photos / "a_landmarks.txt"]
    _untouched(photos, "reconstruct", photos / "a.jpg", *options, model=model, status=1)


@pytest.mark.parametrize("out", ["a.jpg", "texture.png", "../link/a.jpg", "../link/texture.png"])
def test_texture_edit(photos: Path, model: Path, out: str) -> None:
    given = [photos / "a.jpg", photos / "texture.png", "--box", BOX, "--out", photos / out]
    Image.new("RGB", (64, 64), "red").save(photos / "texture.png")
    _untouched(photos, "texture", "edit", *given, model=model, status=2)


def test_texture_edit_over_an_older_result(photos: Path, model: Path) -> None:
    out = photos / "a_depth.jpg"
    given = [photos / "a.jpg", photos / "texture.png", "--box", BOX, "--out", out]
    Image.new("RGB", (64, 64), "red").save(photos / "texture.png")
    before = out.read_bytes()
    assert main(["texture", "edit", *map(str, given), "--model", str(model)]) == 0
    assert out.read_bytes() != before


@pytest.mark.parametrize("out", ["a.jpg", "../link/a.jpg", "../link/a_depth.jpg", "texture.png"])
def test_swap(photos: Path, model: Path, out: str) -> None:
    Image.new("L", (256, 256), "white").save(photos / "texture.png")
    given = [photos / "a.jpg", photos / "a_depth.jpg", "--region", photos / "texture.png"]
    boxes = ["--target-box", BOX, "--reference-box", BOX]
    arguments = ["swap", *given, *boxes, "--out", photos / out]
    _untouched(photos, *arguments, model=model, status=2)


@pytest.mark.parametrize("option", ["-i", "-r"])
def test_demo_texture(
    photos: Path, model: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import prnet.commands.demo_texture as command

    monkeypatch.setattr(
        command, "Reconstructor", lambda *_, **__: Reconstructor(model, detector="none")
    )
    given = {"-i": photos / "a.jpg", "-r": photos / "a_depth.jpg"}
    words = [word for pair in given.items() for word in pair]
    out = photos.parent / "link" / given[option].name
    _untouched(photos, "demo-texture", *words, "-o", out, model=model, status=2)


def test_demo_in_one_folder(photos: Path, model: Path) -> None:
    options = ["--isDlib", "False", "--is3d", "False", "--isDepth", "--isImage"]
    new = _untouched(
        photos, "demo", "-i", photos, "-o", photos.parent / "link", *options, model=model, status=1
    )
    assert "texture_depth.jpg" in new


def test_photo_of_a_face_in_python(photos: Path, model: Path) -> None:
    """The face remembers its file."""
    (face,) = Reconstructor(model, detector="none")(photos / "texture.png")
    before = (photos / "texture.png").read_bytes()
    for path in (photos / "texture.png", photos.parent / "link" / "texture.png"):
        with pytest.raises(PrnetError, match="expected a place for a result, got one of the"):
            face.save(path, "texture")
    with pytest.raises(PrnetError, match=r"texture\.png: expected"):
        face.save(photos / "texture.obj", "obj-texture")
    assert (photos / "texture.png").read_bytes() == before
    assert not (photos / "texture.obj").exists()
    for _ in range(2):  # saved anew
        face.save(photos / "result.obj", "obj-texture")
        face.save(photos / "result.glb")
    (face,) = Reconstructor(model, detector="none")(np.zeros((9, 9, 3), np.uint8))
    assert face.source is None
