"""Options of files in Python have the names of the command line's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prnet import Face, PrnetError, Reconstructor


@pytest.fixture(scope="module")
def face(sample_path: Path) -> Face:
    return Reconstructor()(sample_path)[0]


def test_a_face_is_saved_as_the_command_line_does(face: Face, tmp_path: Path) -> None:
    face.save(tmp_path / "all.obj", "obj-plain")
    face.save(tmp_path / "game.obj", "obj-plain", topology="game")
    few, all_ = ((tmp_path / name).read_text() for name in ("game.obj", "all.obj"))
    assert 4 * few.count("\nf ") < all_.count("\nf ")

    for millimetres in (50.0, 60.0):
        face.save(tmp_path / f"{millimetres}.obj", pose="remove", scale_by=millimetres)
    x = [
        max(float(line.split()[1]) for line in (tmp_path / name).open() if line.startswith("v "))
        for name in ("50.0.obj", "60.0.obj")
    ]
    assert x[1] == pytest.approx(1.2 * x[0], rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"topology": "pentagons"},
        {"pose": "stand"},
        {"colour": "red"},
        {"triangles": 1},
        {"pose": "remove", "scale_by": -1},
        {"pose": "remove", "scale_by": float("nan")},
        {"pose": "remove", "scale_by": "63"},
        {"scale_by": 63},
    ],
)
def test_options_that_are_none_are_refused(face: Face, tmp_path: Path, options: dict) -> None:
    with pytest.raises(PrnetError, match="expected"):
        face.save(tmp_path / "face.obj", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [1.5, "a", 0])
def test_sides_that_are_none_are_refused(face: Face, size: Any) -> None:
    with pytest.raises(PrnetError, match="texture size of 1 to"):
        face.texture(size=size)
