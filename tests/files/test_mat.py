"""MATLAB files: what SciPy writes and reads, and what is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from prnet.errors import PrnetError
from prnet.files.mat import mat_bytes, read_mat, read_mat_struct

scipy_io = pytest.importorskip("scipy.io")

VARIABLES = {
    "double": np.random.default_rng(0).normal(size=(3, 68)),
    "whole": np.arange(300.0)[None],  # stored as integers
    "single": np.random.default_rng(1).random((2, 3, 4)).astype("f4"),
    "small": np.array([[7]], "i1"),
    "large": np.array([[2**63]], "u8"),
    "none": np.zeros((0, 3)),
    "truth": np.array([[True, False]]),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_those_that_scipy_reads(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    scipy_io.savemat(path, {**VARIABLES, "text": "left out"}, do_compression=compressed)
    expected, found = scipy_io.loadmat(path), read_mat(path, VARIABLES)
    assert set(found) == set(VARIABLES)
    for name, array in found.items():
        assert array.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("write", ["ours", "scipy"])
def test_level_4(tmp_path: Path, write: str) -> None:
    path, arrays = (
        tmp_path / "a.mat",
        {"a": np.arange(6.0).reshape(2, 3), "b": np.eye(2, dtype="i4")},
    )
    if write == "ours":
        path.write_bytes(mat_bytes(arrays))
    else:
        scipy_io.savemat(path, arrays, format="4")
    for name, array in read_mat(path, ["a", "b", "c"]).items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])
    assert list(read_mat(path, ["b"])) == ["b"]


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "i2", "u2", "u1"])
def test_what_we_write_is_what_scipy_reads(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    read = scipy_io.loadmat(io.BytesIO(mat_bytes({"a": array})))["a"]
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def test_fields_of_a_struct(tmp_path: Path) -> None:
    fields = {"mean": np.arange(6.0)[:, None], "name": "left out", "tri": np.eye(3, dtype="u2")}
    scipy_io.savemat(tmp_path / "a.mat", {"model": fields, "x": 1})
    found = read_mat_struct(tmp_path / "a.mat", "model")
    assert list(found) == ["mean", "tri"]
    np.testing.assert_array_equal(found["mean"], fields["mean"])
    with pytest.raises(PrnetError, match="expected a struct x, got no such variable"):
        read_mat_struct(tmp_path / "a.mat", "x")
    with pytest.raises(PrnetError, match="expected numbers in model, got a struct"):
        read_mat(tmp_path / "a.mat", ["model"])


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("text", "something else"),
        (1j, "something else"),
        (np.nan, "finite numbers"),
        ({}, "got a struct"),
    ],
)
def test_other_variables_are_refused(tmp_path: Path, value: object, got: str) -> None:
    scipy_io.savemat(tmp_path / "a.mat", {"x": value})
    with pytest.raises(PrnetError, match=got):
        read_mat(tmp_path / "a.mat", ["x"])


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "got 7.3"),
        (b"MATLAB 7.3 MAT-file".ljust(600), "got 7.3"),
        (b"MATLAB 5.0", "cut short"),
        (b"MATLAB 5.0".ljust(128), "without its byte order"),
        (b"no MATLAB file at all", "no matrix of numbers"),
        (struct.pack("<5i", 0, 2**30, 2**30, 0, 2) + b"a\0", "cut short"),
        (struct.pack("<5i", 0, -1, 2, 0, 2) + b"a\0", "-1 x 2"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, got: str) -> None:
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(PrnetError, match=rf"a\.mat: expected a MATLAB file.*{got}") as raised:
        read_mat(tmp_path / "a.mat", ["a"])
    assert "\n" not in str(raised.value)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(300_000_000), 1)
    header = b"MATLAB 5.0".ljust(124) + b"\0\1IM"
    (tmp_path / "a.mat").write_bytes(header + struct.pack("<2I", 15, len(packed)) + packed)
    tracemalloc.start()
    try:
        with pytest.raises(PrnetError, match="that unpack to more than"):
            read_mat(tmp_path / "a.mat", ["a"])
        assert tracemalloc.get_traced_memory()[1] < 600_000_000
    finally:
        tracemalloc.stop()
