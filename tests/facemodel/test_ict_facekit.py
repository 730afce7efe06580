from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from ict_folder import MODES, UV, VERTICES, write_ict_folder, write_obj

from prnet.commands import facemodel
from prnet.errors import PrnetError
from prnet.facemodel.ict_facekit import NEUTRAL, read_face_model
from prnet.facemodel.morphable import MorphableModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_ict_folder(tmp_path)


def test_modes_are_differences_from_neutral_and_triangles_repeat_their_last_corner(
    folder: Path,
) -> None:
    model = read_face_model(folder)
    np.testing.assert_array_equal(model.neutral, VERTICES)
    np.testing.assert_array_equal(model.uv, UV)
    np.testing.assert_array_equal(model.faces, [[0, 1, 2, 3], [1, 4, 2, 2]])
    np.testing.assert_array_equal(model.face_uvs, [[0, 1, 2, 3], [4, 5, 2, 2]])
    assert model.identity_names == ("identity000", "identity001")
    assert model.expression_names == ("eyeBlink_L", "jawOpen")
    np.testing.assert_array_equal(model.identity[1], MODES["identity001"])
    np.testing.assert_array_equal(model.expression[1], MODES["jawOpen"])


def test_command_writes_what_the_reader_reads(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    facemodel.add_arguments(parser)
    out = folder / "ict.npz"
    assert facemodel.run(parser.parse_args(["ict", str(folder), "--out", str(out)])) == 0
    assert "5 vertices, 2 identity modes, 2 expressions" in capsys.readouterr().out
    loaded, read = MorphableModel.load(out), read_face_model(folder)
    np.testing.assert_array_equal(loaded.expression, read.expression)
    assert loaded.expression_names == read.expression_names


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (NEUTRAL, "expected ICT-FaceKit's FaceXModel folder, got no generic_neutral_mesh.obj"),
        ("identity000.obj", "got no identity000.obj"),
    ],
)
def test_missing_files_are_named(folder: Path, gone: str, message: str) -> None:
    (folder / gone).unlink()
    with pytest.raises(PrnetError, match=message):
        read_face_model(folder)


def test_other_meshes_and_broken_numbers_are_refused(folder: Path) -> None:
    write_obj(folder / "jawOpen.obj", VERTICES[:4])
    with pytest.raises(PrnetError, match=r"jawOpen.obj: expected 5 vertices .*, got 4"):
        read_face_model(folder)
    (folder / "jawOpen.obj").write_text("v 1 2 x\n")
    with pytest.raises(PrnetError, match=r"jawOpen.obj: expected lines 'v' of 3 numbers"):
        read_face_model(folder)


def test_no_modes_at_all_is_refused(tmp_path: Path) -> None:
    write_obj(tmp_path / NEUTRAL, VERTICES)
    with pytest.raises(PrnetError, match="expected OBJ files of identities and expressions"):
        read_face_model(tmp_path)


@pytest.mark.shared
def test_upstreams_files_give_the_shared_model(shared: Path, tmp_path: Path) -> None:
    expected = MorphableModel.load(shared / "facemodel" / "ict_facekit.npz")
    sample = shared / "facemodel" / "upstream-sample"
    for name in (NEUTRAL, "jawOpen.obj"):
        (tmp_path / name).symlink_to(sample / name)
    (tmp_path / "identity000.obj").symlink_to(sample / NEUTRAL)
    model = read_face_model(tmp_path)
    for field in ("neutral", "uv", "faces", "face_uvs"):
        np.testing.assert_array_equal(getattr(model, field), getattr(expected, field))
    np.testing.assert_array_equal(model.expression, expected.expression_basis(["jawOpen"]))
    assert not model.identity.any()


@pytest.mark.shared
def test_a_whole_folder_gives_the_shared_model(shared: Path, tmp_path: Path) -> None:
    """Upstream's folder as it would be, remade from the shared model (every thirtieth mode)."""
    expected = MorphableModel.load(shared / "facemodel" / "ict_facekit.npz")
    topology = [
        line
        for line in (shared / "facemodel" / "upstream-sample" / NEUTRAL).read_text().splitlines()
        if line.startswith(("vt ", "f "))
    ]
    names = [*expected.identity_names[:1], *expected.expression_names[::30]]
    modes = [*expected.identity[:1], *expected.expression[::30]]
    write_mesh(tmp_path / NEUTRAL, expected.neutral, topology)
    for name, mode in zip(names, modes, strict=True):
        write_mesh(tmp_path / f"{name}.obj", expected.neutral + mode.astype(np.float64), topology)
    model = read_face_model(tmp_path)
    np.testing.assert_array_equal(model.neutral, expected.neutral)
    np.testing.assert_array_equal(model.face_uvs, expected.face_uvs)
    assert model.expression_names == expected.expression_names[::30]
    np.testing.assert_allclose(model.identity, expected.identity[:1], atol=2e-3)
    np.testing.assert_allclose(model.expression, expected.expression[::30], atol=2e-3)


def write_mesh(path: Path, vertices: np.ndarray, topology: list[str]) -> None:
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices.tolist()]
    path.write_text("\n".join(lines + topology) + "\n")
