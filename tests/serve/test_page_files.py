"""What the page saves is what Python saves: meshes, depth, landmarks, the description."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

import prnet
from prnet.facemodel.arkit.curves import PersonCurves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.formats.arrays import describe_face
from prnet.formats.depth import decode_depth
from prnet.formats.meshes import face_glb
from prnet.formats.surface import millimetres_per_unit
from prnet.packaged import SAMPLE_PHOTO

KINDS = ("glb", "obj", "ply", "depth", "landmarks", "csv", "json")

CLOSE = """
(() => {
  const context = OffscreenCanvasRenderingContext2D.prototype, draw = context.drawImage;
  const canvas = OffscreenCanvas.prototype, encode = canvas.convertToBlob;
  let drawn;
  context.drawImage = function (picture, ...rest) {
    drawn = picture;
    return draw.call(this, picture, ...rest);
  };
  canvas.convertToBlob = function (...given) {
    drawn.close();
    return encode.apply(this, given);
  };
})();
"""
"""While a texture becomes a file the photo is closed, as by the next frame of a camera."""

SCALE_OF_CLOSED = """
() => new Promise((tell) => {
  const code = `import("${new URL("js/save.js", location)}").then(({ depthScale }) => {
    postMessage(depthScale([0, 0, 5], { width: 0, height: 0 }));
  });`;
  const worker = new Worker(URL.createObjectURL(new Blob([code])));
  worker.onmessage = ({ data }) => tell(data);
  setTimeout(() => { worker.terminate(); tell("no end"); }, 20_000);
})
"""


@pytest.fixture(scope="module")
def saved(browser: Any, site: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each kind of file, of the sample photo."""
    folder = tmp_path_factory.mktemp("saved")
    page = browser.new_page()
    page.goto(f"{site}?step=4")
    page.wait_for_selector("body[data-ready]")
    page.click("#sample")
    page.wait_for_selector("body[data-done]")
    for kind in KINDS:
        with page.expect_download() as download:
            page.click(f"[data-save={kind}]")
        download.value.save_as(folder / download.value.suggested_filename)
    page.close()
    return folder


@pytest.fixture(scope="module")
def glassy(browser: Any, site: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photo, half transparent; its PLY and the face's view, as the page has them."""
    folder = tmp_path_factory.mktemp("glassy")
    photo = Image.open(SAMPLE_PHOTO).convert("RGB")
    photo.putalpha(128)
    photo.save(folder / "glassy.png")
    page = browser.new_page()
    page.goto(f"{site}?step=4")
    page.wait_for_selector("body[data-ready]")
    page.set_input_files("#file", folder / "glassy.png")
    page.wait_for_selector("body[data-done]")
    with page.expect_download() as download:
        page.click("[data-save=ply]")
    download.value.save_as(folder / "glassy.ply")
    page.locator("#face").screenshot(path=folder / "view.png")
    page.close()
    return folder


@pytest.fixture(scope="module")
def face() -> prnet.Face:
    return prnet.Reconstructor(detector="prnet")(SAMPLE_PHOTO)[0]


def _glb(data: bytes) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The document, the vertices and the triangles."""
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length])
    binary = data[28 + length :]
    arrays = []
    for accessor in (document["accessors"][0], document["accessors"][3]):
        view = document["bufferViews"][accessor["bufferView"]]
        part = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        kind = {5126: "<f4", 5125: "<u4", 5123: "<u2"}[accessor["componentType"]]
        arrays.append(np.frombuffer(part, kind))
    return document, arrays[0].reshape(-1, 3), arrays[1].reshape(-1, 3)


def test_glb(saved: Path, face: prnet.Face) -> None:
    document, vertices, triangles = _glb((saved / "sample.glb").read_bytes())
    expected, expected_vertices, expected_triangles = _glb(face_glb(face))
    metres = millimetres_per_unit(face.layout) / 1000 / face.camera.scale
    assert np.abs(vertices - expected_vertices).max() < 0.1 * metres, "a tenth of a pixel"
    assert set(map(tuple, triangles.tolist())) == set(map(tuple, expected_triangles.tolist()))
    turn, expected_turn = document["nodes"][0], expected["nodes"][0]
    assert turn["rotation"] == pytest.approx(expected_turn["rotation"], abs=2e-3)


def test_a_picture_may_be_closed_while_it_is_saved(
    browser: Any, site: str, tmp_path: Path, face: prnet.Face
) -> None:
    page = browser.new_page()
    page.add_init_script(CLOSE)
    page.goto(f"{site}?step=4")
    page.wait_for_selector("body[data-ready]")
    page.click("#sample")
    page.wait_for_selector("body[data-done]")
    with page.expect_download() as download:
        page.click("[data-save=glb]")
    download.value.save_as(tmp_path / "sample.glb")
    page.close()
    document, _, _ = _glb((tmp_path / "sample.glb").read_bytes())
    told, expected = document["nodes"][0]["extras"], describe_face(face)
    for name in ("image", "depth_picture"):
        assert told[name] == expected[name]


def test_a_closed_picture_has_a_depth_scale(browser: Any, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}settings.json")  # index.html forbids other workers
    assert page.evaluate(SCALE_OF_CLOSED) == 2**-12
    page.close()


@pytest.mark.skipif("GLTF_VALIDATOR" not in os.environ, reason="needs Khronos's validator (npm)")
def test_glb_is_valid(saved: Path) -> None:
    script = (
        "const v = require(process.argv[1] + '/node_modules/gltf-validator');"
        "v.validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[2])))"
        ".then((report) => console.log(JSON.stringify(report.issues)));"
    )
    command = ["node", "-e", script, os.environ["GLTF_VALIDATOR"], str(saved / "sample.glb")]
    issues = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


def test_texture(saved: Path, face: prnet.Face) -> None:
    with zipfile.ZipFile(saved / "sample_textured.zip") as archive:
        texture = np.asarray(Image.open(io.BytesIO(archive.read("sample.png"))).convert("RGB"))
    expected = face.texture(fill=True)
    seen = (face.texture_mask() > 0.99) & np.kron(face.facing_map > 0.6, np.ones((2, 2), bool))
    away = np.abs(texture.astype(float) - expected)[seen]
    assert away.mean() < 4, "of 255 grey levels, where the camera sees the face"


def test_meshes_of_other_formats(saved: Path, face: prnet.Face) -> None:
    expected = face.vertices * [1, -1, 1]
    ply = trimesh.load(saved / "sample.ply", process=False)
    assert np.abs(ply.vertices - expected).max() < 0.1
    assert np.abs(ply.visual.vertex_colors[:, :3].astype(int) - face.vertex_colors()).mean() < 2
    assert (np.einsum("ij,ij->i", ply.vertex_normals, face.normals * [1, -1, 1]) > 0.9).all()
    with zipfile.ZipFile(saved / "sample_textured.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("sample.mtl").endswith(b"map_Kd sample.png\n")
        lines = archive.read("sample.obj").decode().splitlines()
    points = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    assert np.abs(points - expected).max() < 0.1
    assert sum(line.startswith("f ") for line in lines) == len(face.triangles)
    assert lines[0] == "mtllib sample.mtl"


def test_what_is_transparent_is_white_as_in_python(glassy: Path) -> None:
    (face,) = prnet.Reconstructor(detector="prnet")(glassy / "glassy.png")
    ply = trimesh.load(glassy / "glassy.ply", process=False)
    assert np.abs(ply.visual.vertex_colors[:, :3].astype(int) - face.vertex_colors()).mean() < 2
    view = Image.open(glassy / "view.png").convert("RGB")
    width, height = view.size
    cheeks = np.asarray(view.crop((width // 3, height // 3, 2 * width // 3, height // 2)))
    assert np.median(cheeks) > 200, "on white; about 165 on grey"


def test_depth(saved: Path, face: prnet.Face) -> None:
    depth, expected = decode_depth(saved / "sample_depth.png"), face.depth_map()
    assert depth.shape == expected.shape
    both = np.isfinite(depth) & np.isfinite(expected)
    assert both.sum() > 0.98 * np.isfinite(expected).sum()
    away = np.abs(depth - expected)[both]
    assert np.quantile(away, 0.98) < 0.5


def test_numbers(saved: Path, face: prnet.Face) -> None:
    rows = np.loadtxt(saved / "sample_landmarks.txt")
    assert np.linalg.norm(rows - face.landmarks, axis=1).mean() < 0.1
    table = np.loadtxt(saved / "sample_landmarks.csv", delimiter=",", skiprows=1)
    assert np.array_equal(table[:, 1:], rows)
    told, expected = json.loads((saved / "sample.json").read_text()), describe_face(face)
    curves = told.pop("curves")
    assert set(told) == set(expected)
    assert told["triangles"] == expected["triangles"]
    assert told["depth_picture"] == expected["depth_picture"]
    for name in ("score", "presence", "deviation", "millimetres_per_pixel", "box", "box_roll"):
        assert told[name] == pytest.approx(expected[name], rel=0.02, abs=0.02), name
    assert told["pose"]["camera"]["scale"] == pytest.approx(face.camera.scale, rel=1e-3)
    by_python = dict(zip(ARKIT_NAMES, PersonCurves()(face), strict=True))
    assert curves == pytest.approx(by_python, abs=0.02)
