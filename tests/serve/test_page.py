"""The page: what `prnet page` writes, and that a browser finds with it what Python finds."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from misled import Misled
from PIL import Image
from standins import make_face

import prnet
from prnet.belief import is_again
from prnet.cli import main
from prnet.detection import anchorfree
from prnet.detection.anchorfree import PrnetDetector
from prnet.detection.candidates import WIDTH
from prnet.face import roll_of
from prnet.files.image import load_image
from prnet.geometry.boxes import Box
from prnet.geometry.camera import Pose
from prnet.geometry.doubted import elsewhere
from prnet.network.contrast import stretched
from prnet.packaged import SAMPLE_PHOTO
from prnet.serve.files import page_files
from prnet.serve.settings import constants

LARGEST_PAGE = 12_000_000

FIND = """
async ([width, height, bytes]) => {
  const { loadModels } = await import("./js/models.js");
  const { withPose } = await import("./js/reconstruct.js");
  window.models ??= await loadModels();
  const data = Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0));
  const faces = await window.models.reconstruct({ data, width, height });
  return faces.map((face) => {
    const { presence, landmarks, pose } = withPose(window.models.layout, face);
    return { presence, landmarks: Array.from(landmarks), pose };
  });
}
"""

LOOKS_TAKEN = """
async ([picture, face, candidate]) => {
  const detector = Object.create(window.models.detector);
  let looks = 0;
  detector.reduced = () => picture;
  detector.look = async () => (looks++, [[[...face]], [candidate]]);
  await detector.detect({ ...picture, data: new Uint8Array(picture.width * picture.height * 3) });
  return looks;
}
"""
AGREE = """
async ([picture, looks]) => {
  const { Detector } = await import("./js/detector.js");
  const detector = new Detector(null, null, null, await (await fetch("settings.json")).json());
  detector.look = async () => [looks.shift(), []];
  const boxes = await detector.detect({ ...picture, data: new Uint8Array(0) });
  return boxes.map(({ x, y, score }) => [x, y, score]);
}
"""

MIRRORED = """
async (bytes) => {
  const { Reconstructor } = await import("./js/reconstruct.js");
  const settings = await (await fetch("settings.json")).json(), size = settings.network.crop_size;
  const crop = { cut: () => ({ data: Uint8Array.from(bytes), width: size, height: size }) };
  class Tensor { constructor(kind, data) { this.data = data; } }
  return new Promise((seen) => {
    const network = { run: ({ crops }) => seen([...crops.data]) };
    const mapper = new Reconstructor(null, network, Tensor, null, settings);
    mapper.map(null, null, crop, { mirror: true }).catch(() => {});
  });
}
"""
ASIDE = """
([first, by]) => {
  const { detector } = window.models, found = detector.detect.bind(detector);
  detector.detect = async (picture) => {
    const boxes = await found(picture);
    const moved = boxes.map((box) => {
      const move = by * Math.max(box.width, box.height), turn = (box.roll * Math.PI) / 180;
      return { ...box, x: box.x + move * Math.cos(turn), y: box.y + move * Math.sin(turn) };
    });
    return [...boxes.slice(0, first), ...moved];
  };
}
"""
ELSEWHERE = """
async (boxes) => {
  const { elsewhere } = await import("./js/doubted.js");
  const { doubted } = await (await fetch("settings.json")).json();
  return boxes.map((box) => elsewhere(box, doubted).map(({ x, y, roll }) => [x, y, roll]));
}
"""
AGAIN = """
async ([face, others, near]) => {
  const { isAgain } = await import("./js/doubted.js");
  const { doubted } = await (await fetch("settings.json")).json();
  return others.map((other) => isAgain(face, [other], doubted, near));
}
"""
UPSIDE_DOWN = """
() => {
  const { detector } = window.models, found = detector.detect.bind(detector);
  detector.detect = async (picture) => {
    const boxes = await found(picture);
    return boxes.map((box) => ({ ...box, roll: (box.roll + 360) % 360 - 180 }));
  };
}
"""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return page_files(offline=True)


@pytest.fixture(scope="module")
def page(browser: Any, site: str) -> Iterator[Any]:
    page = browser.new_page()
    page.goto(site)
    page.wait_for_selector("body[data-ready]")
    yield page
    page.close()


def test_the_page_is_small_and_whole(files: dict[str, bytes]) -> None:
    assert sum(len(gzip.compress(data)) for data in files.values()) < LARGEST_PAGE
    linked = re.findall(r'(?:href|src)="([^"]+)"', files["index.html"].decode())
    assert linked
    assert set(linked) <= set(files)


def test_no_other_host_is_named(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        if name.endswith((".html", ".css", ".js")) and not name.startswith("vendor/"):
            assert not re.search(rb"(https?:)?//\w+\.\w+", data), name


def test_constants_come_from_python(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchorfree, "STILL_TURNED", 0.123)
    assert constants(anchorfree)["STILL_TURNED"] == 0.123
    settings = json.loads(files["settings.json"])
    assert settings["detector"]["LOOKS"] == anchorfree.LOOKS
    assert _named(files, "detector") <= {*settings["detector"], *settings["candidates"]}


@pytest.mark.parametrize(
    "twin", ["detector", "crop", "contrast", "light", "doubted", "track", "look", "smooth"]
)
def test_no_constant_of_a_twin_is_forgotten(files: dict[str, bytes], twin: str) -> None:
    # The names of the detector's files, and what checks other people's; the page, where loops are
    # quick, filters each pixel, and takes no boxes.
    files_alone = {"FIRST", "SECOND", "FARTHEST", "LONGEST_SIDE"}
    unneeded = {"detector": files_alone, "smooth": {"CELL"}, "doubted": {"NEAR_GIVEN"}}
    unneeded["crop"] = {"LANDMARK_CROP_FACTOR"}  # in the rules
    unneeded["track"] = {"BEGIN_PRESENCE"}  # as `min_presence` is higher
    settings = json.loads(files["settings.json"])
    assert set(settings[twin]) - unneeded.get(twin, set()) <= _named(files, twin)


def _named(files: dict[str, bytes], script: str) -> set[str]:
    """The constants that a script of the page names."""
    return set(re.findall(r"\b[A-Z][A-Z_]{2,}\b", files[f"js/{script}.js"].decode()))


def test_files_are_written_into_a_folder(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert main(["page", "--out", str(tmp_path / "site")]) == 0
    written = {
        path.relative_to(tmp_path / "site").as_posix(): path.read_bytes()
        for path in (tmp_path / "site").rglob("*")
        if path.is_file()
    }
    assert written == files
    assert main(["page", "--out", str(tmp_path / "site/index.html")]) == 2


def test_only_a_page_of_ours_is_written_over(
    tmp_path: Path, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    command, index = ["page", "--out", str(tmp_path)], tmp_path / "index.html"
    index.mkdir()
    assert main(command) == 2
    assert capsys.readouterr().err.strip().endswith("got another index.html")
    assert [*tmp_path.iterdir()] == [index], "nothing else is written"
    index.rmdir()
    index.write_text("mine")
    assert main(command) == 2
    assert capsys.readouterr().err.strip().endswith("got another index.html")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"], "nothing else is written"
    index.write_bytes(files["index.html"])  # as a run that was killed left it
    assert main(command) == main(command) == 0
    earlier = files["sw.js"].replace(_digest(files["style.css"]).encode(), _digest(b"old").encode())
    (tmp_path / "sw.js").write_bytes(earlier)
    (tmp_path / "style.css").write_bytes(b"old")
    assert main(command) == 0, "of an earlier version"
    assert (tmp_path / "style.css").read_bytes() == files["style.css"]
    (tmp_path / "style.css").write_bytes(b"mine")
    assert main(command) == 2
    assert (tmp_path / "style.css").read_bytes() == b"mine"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _find(page: Any, image: np.ndarray) -> Any:
    """The faces that the browser finds."""
    height, width = image.shape[:2]
    return page.evaluate(FIND, [width, height, base64.b64encode(image.tobytes()).decode()])


CASES = ["sample", "on its side", "two", "small", "large", "none", "dark", "in blue light"]


@pytest.mark.parametrize("case", CASES)
def test_the_browser_finds_what_python_finds(page: Any, case: str) -> None:
    sample = load_image(SAMPLE_PHOTO)
    picture = Image.fromarray(sample)
    image = {
        "sample": lambda: sample,
        "on its side": lambda: np.rot90(sample),
        "two": lambda: np.concatenate([sample, np.asarray(picture.rotate(25))], axis=1),
        "small": lambda: np.asarray(picture.resize((150, 150))),
        "large": lambda: np.asarray(picture.resize((1500, 1700))),
        "none": lambda: np.full((120, 90, 3), 128, np.uint8),
        "dark": lambda: (sample * 0.05).astype(np.uint8),
        "in blue light": lambda: sample * np.array([0, 0, 1], np.uint8),
    }[case]()
    image = np.ascontiguousarray(image)
    expected = prnet.Reconstructor(detector="prnet")(image)
    found = _find(page, image)
    assert len(found) == len(expected) == {"two": 2, "none": 0}.get(case, 1)
    for face, there in zip(expected, found, strict=True):
        landmarks = np.array(there["landmarks"]).reshape(68, 3)
        size = np.sqrt(np.prod(np.ptp(face.landmarks[:, :2], axis=0)))
        away = np.linalg.norm(landmarks - face.landmarks, axis=1).mean()
        assert away < 0.5 * size / 200, "half a pixel of a face of 200"
        assert there["presence"] == pytest.approx(face.presence, abs=1e-3)
        assert list(there["pose"].values()) == pytest.approx(list(face.pose), abs=0.2)


def test_the_browser_doubts_what_python_doubts(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces of many sizes, each seen by some of the looks, not by others, at some distance."""
    random = np.random.default_rng(0)
    faces = np.zeros((40, WIDTH))
    faces[:, 0], faces[:, 5] = random.uniform(0.5, 0.9, 40), 1
    faces[:, 1:3] = random.uniform(0, (640, 480), (40, 2))
    faces[:, 3:5] = random.uniform(20, 90, (40, 1))
    looks = []
    for _ in range(3):
        look = faces[random.random(40) < 0.6]
        look[:, 1:3] += random.normal(0, 8, (len(look), 2))
        looks.append(look)
    given = [{"width": 640, "height": 480}, [look.tolist() for look in looks]]
    there = np.array(sorted(page.evaluate(AGREE, given)))
    rest = iter(look.astype(np.float32) for look in looks)
    monkeypatch.setattr(PrnetDetector, "look", lambda *_, **__: (next(rest), faces[:0]))
    boxes = PrnetDetector()(np.zeros((480, 640, 3), np.uint8))
    assert len(boxes) > 10
    found = sorted((*box.centre, box.score) for box in boxes)
    np.testing.assert_allclose(there, found, rtol=1e-4)


@pytest.mark.parametrize(("score", "side", "looks"), [(0.35, 60, 2), (0.25, 60, 1), (0.35, 90, 1)])
def test_the_browser_looks_closer_where_python_does(
    page: Any, score: float, side: float, looks: int
) -> None:
    face, candidate = np.zeros((2, WIDTH))
    face[:6] = 0.9, 100, 100, 100, 100, 1
    candidate[:6] = score, 300, 100, side, side, 1
    given = [{"width": 640, "height": 480}, face.tolist(), candidate.tolist()]
    assert page.evaluate(LOOKS_TAKEN, given) == looks


def test_what_is_taken_upside_down_is_turned(page: Any) -> None:
    sample = load_image(SAMPLE_PHOTO)
    (expected,) = _find(page, sample)
    page.evaluate(UPSIDE_DOWN)
    (found,) = _find(page, sample)
    page.evaluate("delete window.models.detector.detect")
    assert found["presence"] == pytest.approx(expected["presence"], abs=1e-3)
    np.testing.assert_allclose(found["landmarks"], expected["landmarks"], atol=0.1)


def test_the_browser_looks_elsewhere_where_python_does(page: Any) -> None:
    boxes = [Box(10, 20, 70, 90, roll=30), Box(10, 20, 40, 50, roll=-120)]
    given = [
        {"x": x, "y": y, "width": box.width, "height": box.height, "roll": box.roll}
        for box in boxes
        for x, y in [box.centre]
    ]
    expected = [[[*place.centre, place.roll] for place in elsewhere(box)] for box in boxes]
    assert [len(places) for places in expected] == [5, 3]
    for found, places in zip(page.evaluate(ELSEWHERE, given), expected, strict=True):
        np.testing.assert_allclose(found, places, atol=1e-6)


@pytest.mark.parametrize("near", [0.25, 0.4])
def test_the_browser_tells_faces_apart_as_python_does(page: Any, near: float) -> None:
    random = np.random.default_rng(0)
    faces = []
    for _ in range(120):
        roll, away = float(random.choice([0, 140, 160, 180])), random.uniform(0, 120)
        scale = float(random.choice([1, 0.9, 0.7]))
        spread = np.full((256, 256), scale * random.choice([1, 0.9, 0.6]), np.float32)
        face = make_face(Pose(10, 5, roll), centre=(120, 100 + away), scale=scale)
        faces.append(replace(face, deviation=spread))
    first, *others = faces
    given = [
        {
            "landmarks": it.landmarks.ravel().tolist(),
            "roll": roll_of(it),
            "deviation": [float(it.deviation.sum())],
        }
        for it in faces
        if it.deviation is not None
    ]
    expected = [is_again(first, [other], near=near) for other in others]
    nearer = [is_again(replace(first, deviation=None), [it], near=near) for it in others]
    assert sum(nearer) + 3 < sum(expected) < 110
    assert page.evaluate(AGAIN, [given[0], given[1:], near]) == expected


@pytest.mark.parametrize(("first", "by"), [(0, 0.7), (1, 0.7), (1, 0.45)])
def test_what_is_not_believed_is_looked_for_beside_its_box(
    page: Any, first: int, by: float
) -> None:
    sample = load_image(SAMPLE_PHOTO)
    detector = Misled(lambda box: box.aside(by), first=first)
    (expected,) = prnet.Reconstructor(detector=detector)(sample)
    page.evaluate(ASIDE, [first, by])
    (found,) = _find(page, sample)
    page.evaluate("delete window.models.detector.detect")
    assert found["presence"] == pytest.approx(expected.presence, abs=2e-3)
    np.testing.assert_allclose(found["landmarks"], expected.landmarks.ravel(), atol=0.5)


def test_a_head_turned_far_is_seen_mirrored_in_the_browser_too(page: Any) -> None:
    (frontal,) = prnet.Reconstructor()(SAMPLE_PHOTO)
    photo = frontal.render(yaw=70, size=300, background=(90, 90, 90))
    (expected,) = prnet.Reconstructor()(photo)
    (once,) = prnet.Reconstructor(passes=1)(photo)
    (found,) = _find(page, photo)
    there = np.reshape(found["landmarks"], (68, 3))
    off = [np.abs(there - face.landmarks).mean() for face in (expected, once)]
    assert off[0] < 0.05
    assert off[1] > 3 * off[0], "else this says nothing"


def test_what_is_mirrored_is_stretched_after_it_as_in_python(page: Any) -> None:
    """Every fourth column tells the contrast: here it is one column that is bright."""
    crop = np.random.default_rng(0).integers(10, 20, (128, 128, 3), np.uint8)
    crop[:, ::4] += 20
    expected = stretched(crop[None, :, ::-1])[0]
    assert (expected != stretched(crop[None])[0, :, ::-1]).any()
    assert page.evaluate(MIRRORED, crop.ravel().tolist()) == expected.ravel().tolist()


def test_a_sample_is_one_click_away(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.click("#sample")
    page.wait_for_selector("body[data-done]")
    assert page.inner_text("#status").startswith("1 face found in ")
    face = prnet.Reconstructor(detector="prnet")(SAMPLE_PHOTO)[0]
    assert float(page.inner_text("#yaw").rstrip("°")) == pytest.approx(face.pose.yaw, abs=0.2)
    assert page.locator("#face").is_visible()
    assert asked
    assert all(url.startswith((page.url.rpartition("/")[0], "blob:")) for url in asked)
