from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prnet.cli import main

BOX = "40,20,160,140"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    pixels = np.random.default_rng(0).integers(0, 256, (160, 200, 3), np.uint8)
    pixels[..., 0] = 0  # the network moves the face by what is red
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def texture(photo: Path, model: Path, tmp_path: Path) -> Path:
    arguments = ["--out", tmp_path, "--box", BOX, "--save", "texture", "--texture-size", 128]
    assert _prnet("reconstruct", photo, *arguments, model=model) == 0
    return tmp_path / "me_texture.png"


def _prnet(command: str, *arguments: object, model: Path) -> int:
    return main([*command.split(), *(str(word) for word in arguments), "--model", str(model)])


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_edit_is_painted_and_the_rest_is_kept(
    photo: Path, texture: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "edited.png"
    assert _prnet("texture edit", photo, texture, "--out", out, "--box", BOX, model=model) == 0
    np.testing.assert_array_equal(_pixels(out), _pixels(photo))
    edited = _pixels(texture).copy()
    edited[56:72, 56:72] = [0, 255, 0]
    Image.fromarray(edited).save(texture)
    assert _prnet("texture edit", photo, texture, "--out", out, "--box", BOX, model=model) == 0
    changed = (_pixels(out) != _pixels(photo)).any(axis=-1)
    assert 50 < changed.sum() < 1500
    assert (_pixels(out) == [0, 255, 0]).all(axis=-1).sum() > 50


def test_what_is_transparent_is_not_painted(
    photo: Path, texture: Path, model: Path, tmp_path: Path
) -> None:
    out, layer = tmp_path / "out.png", np.zeros((128, 128, 4), np.uint8)
    layer[56:72, 56:72] = [0, 255, 0, 255]
    layer[56:72, 72:88] = [0, 255, 0, 128]
    Image.fromarray(layer).save(texture)
    assert _prnet("texture edit", photo, texture, "--out", out, "--box", BOX, model=model) == 0
    changed = (_pixels(out) != _pixels(photo)).any(axis=-1)
    assert 50 < changed.sum() < 3000
    assert (_pixels(out) == [0, 255, 0]).all(axis=-1).sum() > 50
    assert _pixels(out)[..., 0].max() < 9  # no white through what is half transparent


@pytest.mark.parametrize("kind", ["grey", "alpha"])
def test_mask_says_what_is_painted(
    photo: Path, texture: Path, model: Path, tmp_path: Path, kind: str
) -> None:
    out, mask, red = (tmp_path / f"{name}.png" for name in ("out", "mask", "red"))
    Image.fromarray(np.full((64, 64, 3), [255, 0, 0], np.uint8)).save(red)
    half = np.zeros((64, 64), np.uint8)
    half[:, :32] = 255
    picture = Image.fromarray(half)
    if kind == "alpha":  # a black shape on nothing, as painting programs export it
        picture = Image.merge("LA", (Image.new("L", (64, 64)), picture))
    picture.save(mask)
    options = ["--mask", mask, "--out", out, "--box", BOX]
    assert _prnet("texture edit", photo, red, *options, model=model) == 0
    changed = np.argwhere((_pixels(out) != _pixels(photo)).any(axis=-1))
    assert changed[:, 1].max() < 104
    assert (_pixels(out)[100, 90] == [255, 0, 0]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--face", "3"], "expected face 3, got 1 faces"),
        (["--mask", "me.png"], "expected a mask of the texture's size, 128x128, got 160x200"),
    ],
)
def test_bad_input_is_one_line(
    photo: Path,
    texture: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    options = [str(photo) if word == "me.png" else word for word in options]
    arguments = [photo, texture, "--out", tmp_path / "out.png", "--box", BOX, *options]
    assert _prnet("texture edit", *arguments, model=model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out.png").exists()
