"""A full disk: every writer says so in one line, with a status other than 0, and leaves nothing
half written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from full_disk import SAYS, files_below, full_disk
from ict_folder import write_ict_folder
from numpy.typing import NDArray
from standins import write_model

from prnet import Reconstructor
from prnet.cli import main
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.facemodel.position_map import Chart
from prnet.files.arrays import write_array, write_arrays
from prnet.files.image import save_image
from prnet.formats.table import FACE_OUTPUTS, NEEDS, SUMMARIES
from prnet.layout.uv_layout import default_layout
from prnet.network.crop_rules import RULES_2018, save_crop_rules

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def face(sample_image: NDArray[np.uint8]) -> Face:
    return Reconstructor()(sample_image)[0]


@pytest.fixture
def photo(sample_path: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "in" / "photo.jpg"
    copy.parent.mkdir()
    copy.write_bytes(sample_path.read_bytes())
    return copy


@pytest.mark.parametrize("kind", [kind for kind in SUMMARIES if kind not in NEEDS])
def test_every_output_of_reconstruct(
    kind: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with full_disk():
        assert main(["reconstruct", str(photo), "--out", str(out), "--save", kind]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert SAYS in line
    assert files_below(out) == []


COMMANDS = {
    "swap jpg": "swap {photo} {photo} --out {out}/a.jpg",
    "swap png": "swap {photo} {photo} --out {out}/a.png",
    "swap webp": "swap {photo} {photo} --out {out}/a.webp",
    "swap tif": "swap {photo} {photo} --out {out}/a.tif",
    "swap bmp": "swap {photo} {photo} --out {out}/a.bmp",
    "texture edit": "texture edit {photo} {texture} --out {out}/a.jpg",
    "demo-texture": "demo-texture -i {photo} -r {photo} -o {out}/a.jpg",
    "demo obj": "demo -i {photo} -o {out}",
    "demo mat": "demo -i {photo} -o {out} --is3d False --isMat True",
    "demo kpt": "demo -i {photo} -o {out} --is3d False --isKpt True",
    "demo pose": "demo -i {photo} -o {out} --is3d False --isPose True",
    "demo depth": "demo -i {photo} -o {out} --is3d False --isDepth True",
    "demo texture": "demo -i {photo} -o {out} --isTexture True",
    "demo image": "demo -i {photo} -o {out} --is3d False --isImage True",
    "try": "try --out {out}",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command(
    name: str, face: Face, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texture, out = tmp_path / "in" / "texture.png", tmp_path / "out"
    save_image(texture, face.texture(size=64))
    with full_disk():
        words = COMMANDS[name].format(photo=photo, texture=texture, out=out).split()
        assert main(words) != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert SAYS in line
    assert files_below(out) == []


MANY = {
    "reconstruct": "reconstruct {photos} --out {out} --save csv",
    "depth-labels": "depth-labels {photos} --out {out} --format cdcn",
    "demo": "demo -i {photos} -o {out}",
}


@pytest.mark.parametrize("name", MANY)
def test_the_first_photo_that_finds_it_is_the_last(
    name: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for number in range(2):
        photo.with_stem(f"photo{number}").write_bytes(photo.read_bytes())
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert main(MANY[name].format(photos=photo.parent, out=tmp_path / "out").split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(SAYS + os.strerror(errno.ENOSPC))
    assert files_below(tmp_path / "out") == []


def test_a_face_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ict_folder(tmp_path / "ict")
    with full_disk():
        assert main(["facemodel", "ict", str(tmp_path / "ict"), "-o", str(tmp_path / "a.npz")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"a.npz: {SAYS}" in line
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize(("room", "file"), [(64, "summary.json"), (5000, "ced.png")])
def test_an_evaluation(
    room: int, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    out, model = tmp_path / "out", write_model(tmp_path / "model")
    save_image(tmp_path / "set" / "a.png", NOISE)
    np.savez(tmp_path / "set" / "a", landmarks=np.random.default_rng(0).uniform(10, 50, (68, 3)))
    call = ["evaluate", str(tmp_path / "set"), "--model", str(model), "--out", str(out)]
    with full_disk(room):
        assert main(call) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{file}: {SAYS}" in line
    assert file not in files_below(out)
    assert not [name for name in files_below(out) if name.startswith(".")]


def test_meshes_for_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its line stands with those of other photos that could not be done."""
    out, model = tmp_path / "out", write_model(tmp_path / "model")
    save_image(tmp_path / "iphone_pictures" / "a" / "b" / "c.png", NOISE)
    (tmp_path / "imagepathsvalidation.txt").write_text("a/b/c.png\n")
    call = ["evaluate", str(tmp_path), "--protocol", "now", "--model", str(model)]
    with full_disk():
        assert main([*call, "--detector", "none", "--out", str(out)]) == 1
    assert f"c.obj: {SAYS}" in capsys.readouterr().out
    assert files_below(out) == []


@pytest.mark.parametrize("kind", [kind for kind in FACE_OUTPUTS if kind not in NEEDS])
def test_a_face_saves_itself_or_raises(kind: str, face: Face, tmp_path: Path) -> None:
    path = tmp_path / f"face{FACE_OUTPUTS[kind].suffix}"
    path.write_bytes(b"before")
    with full_disk(), pytest.raises(PrnetError, match=SAYS):
        face.save(path, kind)
    assert files_below(tmp_path) == [path.name]
    assert path.read_bytes() == b"before"


WRITERS: dict[str, Callable[[Path], Any]] = {
    **{
        suffix: lambda path: save_image(path, NOISE)
        for suffix in (".png", ".jpg", ".webp", ".bmp", ".tif")
    },
    "layout.npz": lambda path: default_layout().save(path),
    "chart.npz": lambda path: Chart.load().save(path),
    "small.npy": lambda path: write_array(path, np.zeros((7, 3))),
    "large.npy": lambda path: write_array(path, np.zeros((700, 300))),
    "arrays.npz": lambda path: write_arrays(path, {"a": np.zeros(9)}),
    "stored.npz": lambda path: write_arrays(path, {"a": np.zeros(9)}, compressed=False),
    "crop_rules.json": lambda path: save_crop_rules(path.parent, RULES_2018),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_of_the_api(name: str, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(PrnetError, match=SAYS):
        WRITERS[name](tmp_path / (name if "." in name[1:] else f"a{name}"))
    assert files_below(tmp_path) == []
