from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from standins import make_layout, write_model

from prnet.cli import main
from prnet.formats.table import FACE_OUTPUTS, NEEDS, SUMMARIES
from prnet.network.position_map_network import PositionMapNetwork, Prediction


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos of one stem."""
    folder = tmp_path / "photos"
    folder.mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    picture.save(folder / "a.jpg")
    picture.save(folder / "a.png")
    return folder


def _run(*arguments: object, model: Path) -> int:
    return main(["reconstruct", *(str(argument) for argument in arguments), "--model", str(model)])


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_default_results(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _run(photos / "a.jpg", "--out", out, "--box", "20,10,90,80", model=model) == 0
    assert _names(out) == {"a.obj", "a_landmarks.txt", "a_pose.json", "a_overlay.jpg"}


def test_every_face_of_every_photo(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    boxes = ["--box", "20,10,90,80", "--box=-10,-5,30,40"]
    assert _run(photos, "--out", out, "--save", "obj,overlay", *boxes, model=model) == 0
    faces = {f"a_{suffix}_{i}.obj" for suffix in ("jpg", "png") for i in (0, 1)}
    assert _names(out) == faces | {"a_jpg_overlay.jpg", "a_png_overlay.jpg"}


def test_every_kind_can_be_saved(photos: Path, tmp_path: Path) -> None:
    others = {*NEEDS, "mediapipe", "mediapipe-npz"}  # of the package's own layout alone
    kinds, out = [kind for kind in SUMMARIES if kind not in others], tmp_path / "out"
    arguments = ["--out", out, "--save", ",".join(kinds), "--detector", "none"]
    model = write_model(tmp_path / "judging", judges=True)
    assert _run(photos / "a.png", *arguments, "--min-presence", 0, model=model) == 0
    beside = sum(len(output.beside) for output in FACE_OUTPUTS.values())
    assert len(_names(out)) == len(kinds) + beside


def test_confidence_needs_a_network_that_judges_itself(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _run(photos, "--out", out, "--save", "confidence", model=model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected a network that judges itself for --save confidence" in line
    assert not out.exists()


def test_one_bad_photo_does_not_stop_the_others(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.jpg").write_bytes(b"not a picture")
    empty = tmp_path / "empty"
    empty.mkdir()
    inputs = [photos / "gone.jpg", photos / "bad.jpg", empty, photos / "a.jpg"]
    assert _run(*inputs, "--out", tmp_path / "out", "--detector", "none", model=model) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    for name in ("gone.jpg", "bad.jpg", "empty"):
        (line,) = [line for line in errors if name in line]
        assert "expected" in line
        assert "got" in line
    assert "a.obj" in _names(tmp_path / "out")


def test_inputs_without_photos_are_no_photos(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is nothing else, nothing is done."""
    empty, out = tmp_path / "empty", tmp_path / "new" / "out"
    empty.mkdir()
    given = ["--out", out, "--detector", "none"]
    assert _run(empty, tmp_path / "*.tif", *given, model=model) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 2)
    assert not out.parent.exists()
    assert _run(empty, *given, "--json", model=model) == 2
    *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["summary"].items() >= {"photos": 0, "exit_status": 2}.items()
    assert _run(empty, photos / "a.jpg", *given, model=model) == 1
    assert "photos given: 1, faces: 1, without a face: 0, failed: 1;" in capsys.readouterr().out


class BrokenRuntime:
    """A network that fails for some pictures, as a runtime does: with an error of its own."""

    class Fail(Exception):
        pass

    def __init__(self, network: Any) -> None:
        self.network, self.crop_size = network, network.crop_size

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        if not crops.any():
            raise self.Fail("[ONNXRuntimeError]\n : 6 : RUNTIME_EXCEPTION")
        said: Prediction = self.network.predict(crops)
        return said


@pytest.mark.parametrize("command", ["reconstruct", "demo"])
@pytest.mark.parametrize("debug", [False, True])
def test_errors_of_any_kind_do_not_stop_the_others(
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    debug: bool,
) -> None:
    monkeypatch.setattr(
        "prnet.crop_mapper.PositionMapNetwork",
        lambda *a, **k: BrokenRuntime(PositionMapNetwork(*a, **k)),
    )
    Image.new("RGB", (50, 50)).save(photos / "a0.png")
    out = tmp_path / "out"
    arguments = {
        "reconstruct": ["reconstruct", photos, "--out", out, "--detector", "none"],
        "demo": ["demo", "-i", photos, "-o", out, "--isDlib", "False"],
    }[command]
    options = ["--model", model, *(["--debug"] if debug else [])]
    assert main([str(word) for word in [*arguments, *options]]) == 1
    assert {"a_jpg.obj", "a_png.obj"} <= _names(out)
    *traceback, line = capsys.readouterr().err.splitlines()
    expected = "a0.png: got an unforeseen Fail: [ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION"
    assert f"{expected} (--debug shows where)" in line
    assert bool(traceback) == debug
    assert not debug or traceback[0].startswith("Traceback")


def test_no_face_is_status_3(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    out = tmp_path / "out"
    assert _run(tmp_path / "black.png", "--out", out, model=model) == 3
    said = capsys.readouterr().out
    assert "black.png: no face found" in said
    assert said.endswith("photos given: 1, faces: 0, without a face: 1, failed: 0\n")
    assert not out.exists()


@pytest.mark.parametrize("faces", [1, 2])
def test_every_result_has_a_name_of_its_own(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], faces: int
) -> None:
    for name in ("a", "a_pose", "a_plain", "a_textured", "a_depth", "a_0", "IMG 1", "IMG_1"):
        Image.new("RGB", (64, 64), (len(name), 0, 0)).save(tmp_path / f"{name}.png")
    kinds = "json,pose,obj,obj-plain,obj-texture,mat,depth-mat,depth,texture"
    boxes = ["--box", "20,10,50,50", "--box", "10,5,30,40"][: 2 * faces]
    out = tmp_path / "out"
    given = [
        tmp_path / "*.png",
        "--out",
        out,
        "--save",
        kinds,
        *boxes,
        "--texture-size",
        "8",
        "--json",
    ]
    assert _run(*given, model=model) == 0
    *photos, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    files = [path for photo in photos for face in photo["faces"] for path in face["files"].values()]
    assert len(set(files)) == len(files) == 8 * faces * 9
    assert len(_names(out)) == len(files) + 2 * 8 * faces  # material and picture of textured meshes


def test_json_lines(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", tmp_path / "out", "--detector", "none", "--json"]
    assert _run(photos / "a.jpg", photos / "gone.jpg", *arguments, model=model) == 1
    photo, gone, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (photo["status"], gone["status"]) == ("ok", "failed")
    (face,) = photo["faces"]
    assert np.shape(face["landmarks"]) == (68, 3)
    for path in [*face["files"].values(), *photo["files"].values()]:
        assert Path(path).is_file()
    counts = {"photos": 2, "faces": 1, "without_face": 0, "failed": 1, "skipped": 0}
    assert last == {"summary": {**counts, "exit_status": 1}}


def test_landmarks_file_places_the_face(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stand-in network answers the egg: given its landmarks, it lies on them."""
    layout = make_layout()
    landmarks = 0.3 * layout.sample_landmarks(layout.canonical) + np.array([60, 50, 0], np.float32)
    file = tmp_path / "landmarks.txt"
    np.savetxt(file, landmarks[:, :2], delimiter=",")
    Image.new("RGB", (120, 90)).save(tmp_path / "black.png")
    arguments = ["--out", tmp_path / "out", "--landmarks", file, "--json"]
    assert _run(tmp_path / "black.png", *arguments, model=model) == 0
    (face,) = json.loads(capsys.readouterr().out.splitlines()[0])["faces"]
    centre = (landmarks.min(axis=0) + landmarks.max(axis=0))[:2] / 2
    moved = np.array(face["pose"]["camera"]["translation"][:2])
    np.testing.assert_allclose(moved, centre, atol=0.5)


@pytest.mark.parametrize("kind", ["landmarks", "pts", "npz"])
def test_landmarks_that_were_saved_are_read(
    kind: str,
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved, found = tmp_path / "1" / f"a{FACE_OUTPUTS[kind].ending}", []
    for out, where in ("1", ["--box", "20,10,90,80"]), ("2", ["--landmarks", saved]):
        options = ["--out", tmp_path / out, "--save", kind, "--json", *where]
        assert _run(photos / "a.jpg", *options, model=model) == 0
        found += json.loads(capsys.readouterr().out.splitlines()[0])["faces"]
    points = np.array(found[0]["landmarks"])[:, :2]
    expected = [*points.min(axis=0), *points.max(axis=0)]
    np.testing.assert_allclose(found[1]["box"], expected, atol=0.01)


@pytest.mark.parametrize(
    ("option", "number", "told"),
    [
        ("--texture-size", "8193", "a texture size of 1 to 8192, got 8193"),
        ("--depth-crop", "100000", "a crop size of 1 to 8192, got 100000"),
        ("--triangles", "3", "at least 4 triangles, got 3"),
    ],
)
def test_numbers_that_no_face_can_have_are_refused_before_the_first_photo(
    option: str,
    number: str,
    told: str,
    photos: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run(photos / "a.jpg", "--out", tmp_path / "out", option, number, model=model) == 2
    assert capsys.readouterr().err == f"prnet reconstruct: expected {told}\n"
    assert not (tmp_path / "out").exists()


def test_boxes_that_miss_the_photo_are_refused(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--out", tmp_path / "out", "--box", "5000,0,5100,100"]
    assert _run(photos / "a.jpg", *given, model=model) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected a box that touches the photo of " in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--box", "--landmarks"])
def test_places_beside_the_photo_leave_the_others(
    option: str, photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, places = tmp_path / "out", ["20,10,90,80", "5000,0,5100,100", "0,-50,9,-20"]
    if option == "--landmarks":
        points = np.random.default_rng(0).uniform(20, 80, (68, 2))
        for name, shift in ("1", 0), ("2", 5000), ("3", -500):
            np.savetxt(tmp_path / f"{name}.txt", points + shift)
        places = [str(tmp_path / f"{name}.txt") for name in "123"]
    given = [word for place in places for word in (option, place)]
    assert _run(photos / "a.jpg", "--out", out, "--save", "obj", *given, model=model) == 1
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert re.fullmatch(r".*a\.jpg: expected a box that touches .*, got \(.*5.*\), \(.*-.*\)", line)
    assert "-> a.obj" in told.out
    assert "faces: 1, without a face: 0, failed: 1" in told.out
    assert _names(out) == {"a.obj"}
    assert _run(photos / "a.jpg", "--out", out, "--json", *given, model=model) == 1
    result, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (result["status"], len(result["faces"])) == ("failed", 1)


def test_boxes_may_begin_outside_the_picture(photos: Path, model: Path, tmp_path: Path) -> None:
    given = ["--out", tmp_path / "out", "--box", "-5,-1.5,90,80"]
    assert _run(photos / "a.jpg", *given, "--save", "json", model=model) == 0
    assert json.loads((tmp_path / "out" / "a.json").read_text())["box"] == [-5, -1.5, 90, 80]


@pytest.mark.parametrize(
    "other",
    [
        *("--largest", "--max-faces 2", "--small-faces", "--detector prnet"),
        *("--min-score 0.5", "--min-presence 0.9", "--min-presence 0"),
    ],
)
def test_options_of_detectors_beside_a_box_are_refused(
    other: str, photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--out", tmp_path / "out", "--box", "20,10,90,80", *other.split()]
    assert _run(photos / "a.jpg", *given, model=model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    option = other.split()[0]
    assert f"expected {option}, which is for detectors, or --box instead of one, got both" in line
    given[4:] = ["--detector", "none"]
    assert _run(photos / "a.jpg", *given, model=model) == 0


def test_landmarks_file_of_another_form_is_refused(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "five.txt"
    np.savetxt(file, np.zeros((5, 2)))
    arguments = ["--out", tmp_path / "out", "--landmarks", file]
    assert _run(photos / "a.jpg", *arguments, model=model) == 2
    assert "five.txt: expected 68 points, got shape (5, 2)" in capsys.readouterr().err


def test_unusable_folder_is_one_line(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert _run(photos, "--out", tmp_path / "file", model=model) == 2
    assert _run(photos, "--out", tmp_path / "file" / "below", model=model) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all("expected a folder for the results" in line for line in errors)
    assert errors[0].endswith("got a file")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user with limits")
def test_read_only_folder_is_one_line(photos: Path, model: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert _run(photos, "--out", closed, model=model) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--box", "1,2,3"],
        ["--box", "5,5,1,9"],
        ["--box", "nan,0,1,1"],
        ["--save", "obj,stl"],
        ["--save", ","],
        ["--passes", "0"],
        ["--detector", "unknown"],
        ["--box", "1,2,3,4", "--landmarks", "x.txt"],
    ],
)
def test_wrong_options_are_usage_errors(
    photos: Path, model: Path, tmp_path: Path, wrong: list[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        _run(photos, "--out", tmp_path / "out", *wrong, model=model)
    assert not (tmp_path / "out").exists()


def test_missing_model_is_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(photos, "--out", tmp_path / "out", model=tmp_path / "gone") == 2
    assert "gone: expected a network file" in capsys.readouterr().err
