"""Depth pictures hold every face whole and say how they are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from standins import make_face, write_model

import prnet
from prnet.cli import main
from prnet.errors import PrnetError
from prnet.formats.depth import DEPTH_ORIGIN, depth_scale
from prnet.formats.output import SaveOptions
from prnet.formats.table import FACE_OUTPUTS


def _depth(reach: float) -> np.ndarray:
    depth = np.random.default_rng(0).uniform(-reach, reach, (50, 256)).astype(np.float32)
    depth[0, :2] = reach, -reach
    depth[:10, 10:20] = np.nan
    return depth


def test_values_come_back_to_half_a_step() -> None:
    depth = _depth(100)
    values = prnet.encode_depth(depth)
    np.testing.assert_allclose(prnet.decode_depth(values), depth, atol=256 / 131072 + 1e-5)
    assert (values[:10, 10:20] == 0).all()
    np.testing.assert_array_equal(prnet.encode_depth(np.zeros((2, 2), np.float32)), DEPTH_ORIGIN)


@pytest.mark.parametrize("reach", [1.0, 127.9, 128.0, 129.0, 300.0, 5000.0])
def test_files_hold_any_depth(tmp_path: Path, reach: float) -> None:
    depth, path = _depth(reach), tmp_path / "depth.png"
    prnet.save_depth(path, depth)
    with Image.open(path) as picture:
        step, origin = (float(picture.info[key]) for key in ("depth_scale", "depth_origin"))
        values = np.asarray(picture, np.float64)
    read = np.where(values == 0, np.nan, (values - origin) * step)
    np.testing.assert_allclose(read, depth, atol=0.51 * step)
    np.testing.assert_allclose(prnet.decode_depth(path), depth, atol=0.51 * step)
    assert step <= max(256, 4 * reach) / 65536


@pytest.mark.parametrize("z", [-128.0, 128.0, -500.0])
def test_nothing_is_clipped_in_silence(z: float) -> None:
    depth = np.full((256, 256), z, np.float32)
    with pytest.raises(PrnetError, match=r"expected z within 128 pixels of 0 .*, got -?\d+"):
        prnet.encode_depth(depth)
    scale = depth_scale(depth, 256)
    values = prnet.encode_depth(depth, scale=scale)
    np.testing.assert_allclose(prnet.decode_depth(values, scale=scale), depth, atol=scale)


def test_files_of_the_first_version_are_read(tmp_path: Path) -> None:
    """Without text chunks: z = (value / 65536 - 0.5) times the longer side."""
    Image.fromarray(np.array([[0, 32768, 65535, 16384]], np.uint16)).save(tmp_path / "old.png")
    expected = [[np.nan, 0, 4 * (65535 / 65536 - 0.5), -1]]
    np.testing.assert_allclose(prnet.decode_depth(tmp_path / "old.png"), expected, atol=1e-6)


def test_other_files_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    (tmp_path / "none.png").write_bytes(b"none")
    text = PngImagePlugin.PngInfo()
    text.add_text("depth_scale", "nan")
    Image.fromarray(np.array([[7]], np.uint16)).save(tmp_path / "nan.png", pnginfo=text)
    for name in ("rgb.png", "none.png", "nan.png", "gone.png"):
        with pytest.raises(PrnetError, match=f"{name}: expected a 16-bit depth PNG, got"):
            prnet.decode_depth(tmp_path / name)


@pytest.mark.parametrize("crop", [None, 64])
def test_face_deeper_than_its_picture_is_wide(tmp_path: Path, crop: int | None) -> None:
    """As in crops tight around a face: PNG, NPY, the mesh and the JSON tell one depth."""
    face = make_face(scale=1.5, image=np.zeros((40, 60, 3), np.uint8), centre=(30.0, 20.0))
    for kind in ("depth", "depth-npy", "json"):
        output = FACE_OUTPUTS[kind]
        output.write(face, tmp_path / f"a{output.ending}", SaveOptions(depth_crop=crop))
    told = json.loads((tmp_path / "a.json").read_text())["depth_picture"]
    depth = np.load(tmp_path / "a_depth.npy")
    np.testing.assert_array_equal(depth, face.depth_map(crop_size=crop))
    values = np.asarray(Image.open(tmp_path / "a_depth.png"), np.float64)
    read = np.where(values == 0, np.nan, (values - told["origin"]) * told["scale"])
    np.testing.assert_allclose(read, depth, atol=0.51 * told["scale"])
    np.testing.assert_allclose(
        prnet.decode_depth(tmp_path / "a_depth.png"), depth, atol=0.51 * told["scale"]
    )
    if crop is None:
        assert np.nanmax(np.abs(depth)) > 30  # more than half the picture's longer side


def test_report_json_and_glb_describe_a_face_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path / "model")
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    given = ["reconstruct", tmp_path / "photo.png", "--model", tmp_path / "model", "--json"]
    given += ["--detector", "none", "--save", "depth,json,glb", "--out", tmp_path]
    given += ["--depth-crop", "32", "--scale-by", "30"]
    assert main([str(word) for word in given]) == 0
    (face,) = json.loads(capsys.readouterr().out.splitlines()[0])["faces"]
    with Image.open(face["files"]["depth"]) as picture:
        assert float(picture.info["depth_scale"]) == face["depth_picture"]["scale"]
    files = face.pop("files")
    assert json.loads(Path(files["json"]).read_text()) == face
    glb = Path(files["glb"]).read_bytes()
    document = json.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    assert document["nodes"][0]["extras"] == face


def test_bytes_and_open_files_are_read_as_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "depth.png"
    prnet.save_depth(path, _depth(1000))
    expected = prnet.decode_depth(path)
    np.testing.assert_array_equal(prnet.decode_depth(path.read_bytes()), expected)
    with path.open("rb") as file:
        np.testing.assert_array_equal(prnet.decode_depth(file), expected)
    for other in (b"nothing", None):
        with pytest.raises(PrnetError, match="expected a 16-bit depth PNG, got"):
            prnet.decode_depth(other)  # type: ignore[arg-type]
