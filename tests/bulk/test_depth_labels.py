"""``prnet depth-labels`` against the arithmetic of the loaders that read them."""

from __future__ import annotations

import math
import os
import sys
import unicodedata
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import contents
from numpy.typing import NDArray
from PIL import Image
from standins import write_model

from prnet.bulk.depth_labels import DepthLabelWork, Frame, SpoofList, dat_box
from prnet.bulk.photos import PhotoResult
from prnet.cli import main
from prnet.face import Face
from prnet.reconstruct import Reconstructor

NAMES = ("live/1_1_36_1_001.jpg", "live/1_1_36_1_002.png", "2_1_01_2/f_001.jpg", "3_1_01_4_010.jpg")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    for place, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (140, 120), (60 + 20 * place, 220, 60)).save(folder / name)
    (tmp_path / "spoofs.txt").write_text("+1,1_1_36_1\n-1,2_1_01_2\n\n-1,3_1_01_4\n")
    return folder


def _run(frames: Path, form: str, model: Path, *more: object) -> int:
    out = frames.parent / "out"
    given = ["depth-labels", frames, "--out", out, "--format", form, "--model", model]
    given += ["--detector", "none", "--spoof-list", frames.parent / "spoofs.txt", *more]
    return main([str(word) for word in given])


def _face(frames: Path, name: str, model: Path) -> Face:
    (face,) = Reconstructor(model, detector="none", max_faces=1)(frames / name)
    return face


def _depth(face: Face) -> NDArray[np.float64]:
    """z from 0 (farthest) to 1, 0 outside."""
    depth = face.depth_map().astype(np.float64)
    low, high = np.nanmin(depth), np.nanmax(depth)
    return np.nan_to_num((depth - low) / (high - low))


def _cut(picture: NDArray[np.uint8], box: list[float], scale: float) -> NDArray[np.uint8]:
    """What CDCN's loader cuts out: its numbers are left, top, width, height."""
    left, top, width, height = box
    x, y = left + width / 2, top + height / 2
    x0, x1 = math.floor(x - scale * width / 2), math.floor(x + scale * width / 2)
    y0, y1 = math.floor(y - scale * height / 2), math.floor(y + scale * height / 2)
    rows, columns = picture.shape[:2]
    return picture[max(y0, 0) : min(y1, rows), max(x0, 0) : min(x1, columns)]


@pytest.mark.parametrize("scale", [1.2, 1.5])
def test_cdcn(frames: Path, model: Path, scale: float) -> None:
    assert _run(frames, "cdcn", model) == 0
    out = frames.parent / "out"
    bases = {Path(name).with_suffix("").as_posix() for name in NAMES}
    ends = ("_scene.jpg", "_scene.dat", "_depth1D.jpg")
    assert contents(out).keys() == {base + end for base in bases for end in ends}
    for name in NAMES:
        base = out / Path(name).with_suffix("")
        box = [float(line) for line in Path(f"{base}_scene.dat").read_text().splitlines()[:4]]
        depth = np.asarray(Image.open(f"{base}_depth1D.jpg"))
        assert depth.shape == (120, 140)
        if not name.startswith("live"):
            assert not depth.any()
            continue
        face = _face(frames, name, model)
        expected = (255 * _depth(face)).round().astype(np.uint8)
        label, truth = (
            np.asarray(Image.fromarray(_cut(each, box, scale)).resize((32, 32))) / 255
            for each in (depth, expected)
        )
        assert np.abs(label - truth).max() < 0.05
        assert np.abs(label - truth).mean() < 0.01
        assert label.max() > 0.95
        left, top, width, height = box
        x, y = face.landmarks[:, 0], face.landmarks[:, 1]
        assert (x > left - 0.5).all()
        assert (x < left + width - 0.5).all()
        assert (y > top - 0.5).all()
        assert (y < top + height - 0.5).all()
        assert max(width - np.ptp(x), height - np.ptp(y)) < 2


def test_the_frame_itself_is_not_written_anew(frames: Path, model: Path) -> None:
    """JPEGs keep every byte, their traces of a spoof with them; others become JPEGs."""
    assert _run(frames, "cdcn", model) == 0
    out = frames.parent / "out"
    for name in NAMES:
        scene = out / Path(name).with_name(f"{Path(name).stem}_scene.jpg")
        if name.endswith(".jpg"):
            assert scene.read_bytes() == (frames / name).read_bytes()
        else:
            assert Image.open(scene).format == "JPEG"


def test_turned_frames_are_written_upright(frames: Path, model: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (140, 120)).save(frames / NAMES[0], exif=exif)
    assert _run(frames, "cdcn", model) == 0
    base = frames.parent / "out" / Path(NAMES[0]).with_suffix("")
    sizes = {Image.open(f"{base}_{end}.jpg").size for end in ("scene", "depth1D")}
    assert sizes == {(120, 140)}


def test_rfmeta(frames: Path, model: Path) -> None:
    """The loader takes four characters off the name, and resizes the whole picture."""
    assert _run(frames, "rfmeta", model) == 0
    out = frames.parent / "out"
    lines = (out / "image_list_real.txt").read_text().splitlines()
    assert lines == [f"{name} 1" for name in NAMES[:2]]
    for line in lines:
        name, label = line.split()
        folders, image = name.split("/")[:-1], name.split("/")[-1]
        path = Path(out, "depth", *folders, image[:-4] + "_depth.jpg")
        read = Image.open(path).resize((32, 32), resample=Image.Resampling.BICUBIC)
        truth = Image.fromarray((255 * _depth(_face(frames, name, model))).astype(np.uint8))
        expected = truth.resize((32, 32), resample=Image.Resampling.BICUBIC)
        assert int(label) == 1
        assert read.mode == "L"
        assert np.abs(np.asarray(read, float) - np.asarray(expected, float)).max() < 12
    fakes = (out / "image_list_fake.txt").read_text().splitlines()
    assert set(fakes) == {f"{name} 0" for name in NAMES[2:]}
    assert not np.asarray(Image.open(out / "depth" / "fake_depth.jpg")).any()
    assert len(contents(out)) == 2 + 2 + 1, "no label of a spoof but the one"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_rfmeta_lists_names_that_are_no_text(frames: Path, model: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.png")
    (frames / odd).write_bytes((frames / NAMES[0]).read_bytes())
    assert _run(frames, "rfmeta", model) == 0
    assert b"caf\xe9.png 1\n" in (frames.parent / "out" / "image_list_real.txt").read_bytes()


def test_npy32(frames: Path, model: Path) -> None:
    assert _run(frames, "npy32", model) == 0
    out = frames.parent / "out"
    assert contents(out).keys() == {Path(name).with_suffix(".npy").as_posix() for name in NAMES}
    for name in NAMES:
        label = np.load(out / Path(name).with_suffix(".npy"))
        assert (label.shape, label.dtype) == ((32, 32), np.float32)
        if name.startswith("live"):
            depth = _face(frames, name, model).depth_map(crop_size=32)
            inside = ~np.isnan(depth)
            scaled = (depth - np.nanmin(depth)) / (np.nanmax(depth) - np.nanmin(depth))
            middle = np.abs(label - scaled)[inside & (scaled > 0.5)]
            assert middle.max() < 0.06
            assert 0.9 < label.max() <= 1
        else:
            assert not label.any()


@pytest.mark.parametrize("form", ["cdcn", "npy32", "rfmeta"])
def test_what_is_there_is_not_done_again(
    frames: Path, model: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(frames, form, model, "--workers", "2") == 0
    out = frames.parent / "out"
    before = contents(out)
    (out / ("depth" if form == "rfmeta" else "") / "live").rename(frames.parent / "gone")
    capsys.readouterr()
    assert _run(frames, form, model, "--skip-existing") == 0
    said = capsys.readouterr().out
    assert ("labelled: 2" if form != "rfmeta" else "labelled: 4") in said
    assert contents(out) == before


@pytest.mark.parametrize("form", ["cdcn", "npy32"])
def test_another_spoof_list_makes_its_labels_anew(frames: Path, model: Path, form: str) -> None:
    assert _run(frames, form, model) == 0
    wanted = contents(frames.parent / "out")
    (frames.parent / "other.txt").write_text("live\n")
    other = ["--skip-existing", "--spoof-list", str(frames.parent / "other.txt")]
    assert _run(frames, form, model, *other) == 0
    assert contents(frames.parent / "out") != wanted
    assert _run(frames, form, model, "--skip-existing") == 0
    assert contents(frames.parent / "out") == wanted


@pytest.mark.parametrize("form", ["cdcn", "rfmeta", "npy32"])
def test_labels_in_the_frames_own_folder_are_no_frames(
    form: str, frames: Path, model: Path
) -> None:
    shown = []
    for more in ([], [], ["--skip-existing"]):
        assert _run(frames, form, model, "--out", frames, *more) == 0
        shown.append(contents(frames))
    assert shown[0] == shown[1] == shown[2]


@pytest.mark.parametrize(
    ("form", "name"), [("cdcn", "f_scene"), ("cdcn", "f_depth1D"), ("rfmeta", "depth/f_depth")]
)
def test_photos_with_names_of_labels_are_kept(
    form: str, name: str, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames, photo = tmp_path / "frames", tmp_path / "frames" / f"{name}.jpg"
    photo.parent.mkdir(parents=True)
    (tmp_path / "spoofs.txt").write_text("-1,f\n")
    for path in (frames / "f.jpg", photo):
        Image.new("RGB", (140, 120), (60, 220, 60)).save(path)
    before = contents(frames)
    for _ in range(2):
        assert _run(frames, form, model, "--out", frames) == 2
        assert f"{photo}: expected a place for a result, got one of" in capsys.readouterr().err
        assert contents(frames) == before


def test_a_run_that_broke_off_in_the_frames_own_folder_goes_on(
    frames: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> bytes:
        raise KeyboardInterrupt

    for stopped in ("depth_map_of", "_scene"):
        with monkeypatch.context() as patch:
            patch.setattr(f"prnet.bulk.depth_labels.{stopped}", broken)
            assert _run(frames, "cdcn", model, "--out", frames) == 130
    assert _run(frames, "cdcn", model, "--out", frames, "--skip-existing") == 0
    assert len(contents(frames)) == 4 * len(NAMES)


@pytest.mark.parametrize("form", ["cdcn", "npy32"])
def test_photos_that_would_share_their_labels_are_refused(
    form: str, frames: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (140, 120)).save(frames / "live" / "1_1_36_1_001_scene.jpg")
    assert _run(frames, form, model) == 2
    assert "_scene.jpg: expected a name without suffix of its own" in capsys.readouterr().err
    assert not (frames.parent / "out").exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_spoof_list_may_begin_with_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list.txt").write_text("1_1\n", encoding=encoding)
    assert Path("1_1_001.jpg") in SpoofList(tmp_path / "list.txt")


@pytest.mark.parametrize(("form", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_spoofs_are_found_however_accents_are_composed(
    tmp_path: Path, form: Any, there: Any
) -> None:
    """Finder (macOS) takes them apart, editors do not."""
    (tmp_path / "list").write_text(unicodedata.normalize(form, "Zoë"), encoding="utf-8")
    spoofs = SpoofList(tmp_path / "list")
    assert Path(unicodedata.normalize(there, "Zoë") + "_01.jpg") in spoofs
    assert not spoofs.unused


def test_spoof_lists(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a/b.jpg\nc\nfilm\nfolder/deep\n1,real\nnothing\n")
    spoofs = SpoofList(tmp_path / "list")
    is_spoof = {
        "a/b.jpg": True,
        "b.jpg": False,
        "x/c.png": True,
        "film_012.jpg": True,
        "film.jpg": True,
        "film_a_012.jpg": False,
        "folder/deep/1.jpg": True,
        "folder/1.jpg": False,
        "real_001.jpg": False,
    }
    assert {name: Path(name) in spoofs for name in is_spoof} == is_spoof
    assert spoofs.unused == {"nothing"}


def test_wrong_lists_and_names(
    frames: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoofs = frames.parent / "spoofs.txt"
    spoofs.write_text("nobody\n")
    assert _run(frames, "cdcn", model) == 2
    assert "expected names of photos or folders below" in capsys.readouterr().err
    of_nothing = {
        "nobody": (
            "spoofs.txt: the name 'nobody' is of nothing below ",
            "spoofs.txt：名称 'nobody' 在 ",
        ),
        "nobody\nnoone": (
            "spoofs.txt: 2 names, 'nobody' say, are of nothing below ",
            "spoofs.txt：2 个名称（例如 'nobody'）在 ",
        ),
    }
    for names, told in of_nothing.items():
        spoofs.write_text(f"2_1_01_2\n{names}\n")
        for language, line in zip(("en", "zh"), told, strict=True):
            assert _run(frames, "npy32", model, "--lang", language) == 0
            assert line in capsys.readouterr().err
    Image.new("RGB", (140, 120)).save(frames / "with space.png")
    assert _run(frames, "rfmeta", model) == 1
    assert "with space.png: expected a name without spaces" in capsys.readouterr().err
    Image.new("RGB", (140, 120)).save(frames / "with space.jpg")
    assert _run(frames, "npy32", model) == 2
    assert "expected a name without suffix of its own, got that of" in capsys.readouterr().err


def test_interrupted_says_how_to_go_on(
    frames: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work, calls = DepthLabelWork.__call__, count()

    def interrupted(self: DepthLabelWork, frame: Frame) -> PhotoResult:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return work(self, frame)

    monkeypatch.setattr(DepthLabelWork, "__call__", interrupted)
    for language, line in {
        "en": "prnet depth-labels: stopped after 2 of 4 photos; the same command with "
        "--skip-existing goes on\n",
        "zh": "prnet depth-labels: 已停止，4 张照片中完成 2 张；用同样的命令加 --skip-existing "
        "继续\n",
    }.items():
        calls = count()
        assert _run(frames, "npy32", model, "--lang", language) == 130
        assert capsys.readouterr().err == line
    assert _run(frames, "npy32", model, "--skip-existing") == 0
    assert "labelled: 2, of them spoofs: 2, done before: 2" in capsys.readouterr().out


def test_without_a_face_there_are_no_labels(
    frames: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["depth-labels", str(frames), "--out", str(frames.parent / "out"), "--format", "npy32"]
    assert main(given) == 3
    assert capsys.readouterr().out.endswith("without a face: 4, failed: 0\n")
    assert not (frames.parent / "out").exists()


def test_boxes_count_from_the_first_pixel() -> None:
    """A face over the pixels 2 to 5 begins at 2 and is 4 wide."""
    points = np.zeros((68, 3))
    points[:, :2] = [2.0, 10.0]
    points[0, :2] = [4.6, 12.4]
    assert dat_box(points) == (2, 10, 4, 3)
