"""What a reader of arrays asks for is what it gets; everything else is one line."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from prnet.errors import PrnetError
from prnet.files.arrays import (
    Array,
    map_array,
    new_array,
    npy_bytes,
    npz_bytes,
    read_array,
    read_arrays,
    write_array,
    write_arrays,
)

POINTS = {"points": Array(np.float32, ("N", 3)), "names": Array(np.str_, ("N",))}


def zip_of(path: Path, method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def lying_header(shape: str, descr: str = "<f4") -> bytes:
    """An array file of 16 bytes whose header claims another shape."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    points = np.arange(12.0).reshape(4, 3)
    write_arrays(tmp_path / "a.npz", {"points": points, "names": list("abcd"), "more": 1})
    arrays = read_arrays(tmp_path / "a.npz", POINTS, "points")
    assert list(arrays) == ["points", "names"]
    assert arrays["points"].dtype == np.float32
    np.testing.assert_array_equal(arrays["points"], points)
    assert arrays["names"].tolist() == list("abcd")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2", "?", "<f2"])
def test_every_layout_that_numpy_writes(
    tmp_path: Path, dtype: str, order: Literal["C", "F"]
) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    read = read_array(tmp_path / "a.npy", Array(np.float64, (2, "N")), "an array")
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, array)
    own = read_array(tmp_path / "a.npy", Array(np.floating, (2, "N")), "an array")
    assert own.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize(
    ("arrays", "got"),
    [
        ({"points": np.zeros((2, 3))}, "no array names"),
        ({"points": np.zeros((2, 2)), "names": ["a", "b"]}, r"points of shape \(2, 2\) for \(2, 3"),
        ({"points": np.zeros((2, 3)), "names": ["a"]}, r"names of shape \(1,\) for \(2\)"),
        ({"points": np.zeros((2, 3), "c8"), "names": ["a", "b"]}, "an array of complex64"),
        ({"points": np.full((1, 3), np.nan), "names": ["a"]}, "numbers that are none or too large"),
        ({"points": np.full((1, 3), 1e308), "names": ["a"]}, "numbers that are none or too large"),
        ({"points": [["1", "2", "3"]], "names": ["a"]}, "points of <U1"),
        ({"points": np.zeros((1, 3)), "names": [1]}, "names of int64"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, object], got: str) -> None:
    write_arrays(tmp_path / "a.npz", arrays)
    with pytest.raises(PrnetError, match=f"a.npz: expected points, got.*{got}"):
        read_arrays(tmp_path / "a.npz", POINTS, "points")


def test_integers_are_kept_exactly_or_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([0, 2**31]))
    assert read_array(tmp_path / "a.npy", Array(np.int64, (2,)), "indices")[1] == 2**31
    with pytest.raises(PrnetError, match="too large"):
        read_array(tmp_path / "a.npy", Array(np.int32, (2,)), "indices")
    np.save(tmp_path / "a.npy", np.array([0.5]))
    with pytest.raises(PrnetError, match="of float64"):
        read_array(tmp_path / "a.npy", Array(np.integer, (1,)), "indices")  # type: ignore[type-abstract]


@pytest.mark.parametrize(("indices", "fits"), [([0, 3], True), ([0, 4], False), ([-1, 0], False)])
def test_indices_are_below_their_limit(tmp_path: Path, indices: list[int], fits: bool) -> None:
    wanted = {"i": Array(np.int32, (2,), below="V"), "v": Array(np.float32, ("V",))}
    write_arrays(tmp_path / "a.npz", {"i": indices, "v": np.zeros(4)})
    if fits:
        read_arrays(tmp_path / "a.npz", wanted, "a mesh")
    else:
        with pytest.raises(PrnetError, match=r"i with .*, not 0\.\.3"):
            read_arrays(tmp_path / "a.npz", wanted, "a mesh")


def test_gaps_and_optional_arrays(tmp_path: Path) -> None:
    wanted = {
        "a": Array(np.float32, (2,), gaps=True),
        "b": Array(np.float32, (2,), optional=True),
    }
    write_arrays(tmp_path / "a.npz", {"a": [np.nan, 1]})
    assert list(read_arrays(tmp_path / "a.npz", wanted, "numbers")) == ["a"]
    write_arrays(tmp_path / "a.npz", {"a": [np.inf, 1]})
    with pytest.raises(PrnetError):
        read_arrays(tmp_path / "a.npz", wanted, "numbers")


@pytest.mark.parametrize("shape", ["(225000000000,)", "(2, 112500000000)", "(-4,)", "(1" * 300])
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_a_header_that_claims_much_costs_nothing(tmp_path: Path, shape: str, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        path.write_bytes(lying_header(shape))
    else:
        zip_of(path, a=lying_header(shape))
    wanted: Any = Array(np.float32, ("N",))
    read: Any = read_array if kind == "npy" else read_arrays
    tracemalloc.start()
    try:
        with pytest.raises(PrnetError, match=rf"a.{kind}: expected numbers, got"):
            read(path, wanted if kind == "npy" else {"a": wanted}, "numbers")
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.npz", a=lying_header("(75000000,)") + bytes(300_000_000))
    assert path.stat().st_size < 400_000
    tracemalloc.start()
    try:
        with pytest.raises(PrnetError, match="that unpack to 300000"):
            read_arrays(path, {"a": Array(np.float32, ("N",))}, "numbers")
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\3\4",
        b"no zip file",
        npy_bytes(np.zeros(3)),
        npz_bytes({"a": np.arange(300.0)})[:-200],
        npz_bytes({"a": np.arange(300.0)}, compressed=False).replace(b"NUMPY", b"NUMPX"),
        npz_bytes({"a": np.arange(300.0)}, compressed=False).replace(b"descr", b"descs"),
        npz_bytes({"a": np.array([None])}),
        npz_bytes({"a": np.zeros(2, [("x", "f4")])}),
    ],
)
def test_damaged_archives(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(PrnetError) as raised:
        read_arrays(tmp_path / "a.npz", {"a": Array(np.float32, ("N",))}, "numbers")
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)


def test_unusual_compression_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.npz", zipfile.ZIP_LZMA, a=npy_bytes(np.zeros(3)))
    with pytest.raises(PrnetError, match="compressed by an unusual method"):
        read_arrays(path, {"a": Array(np.float32, (3,))}, "numbers")


def test_text_of_no_characters_is_refused(tmp_path: Path) -> None:
    data = npy_bytes(np.array(["a"])).replace("a".encode("utf-32-le"), b"\xff" * 4)
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(PrnetError, match="broken text"):
        read_array(tmp_path / "a.npy", Array(np.str_, (1,)), "names")


def test_rows_one_after_the_other(tmp_path: Path) -> None:
    with new_array(tmp_path / "a.npy", (3, 2), np.uint8) as file:
        for row in range(3):
            file.write(np.full(2, row, np.uint8).data)
    rows = map_array(tmp_path / "a.npy", Array(np.uint8, ("N", 2)), "rows")
    assert rows.tolist() == [[0, 0], [1, 1], [2, 2]]
    with pytest.raises(PrnetError, match=r"got array of shape \(3, 2\)"):
        map_array(tmp_path / "a.npy", Array(np.uint8, ("N", 3)), "rows")
    with pytest.raises(PrnetError, match="got uint8, not float32"):
        map_array(tmp_path / "a.npy", Array(np.float32, ("N", 2)), "rows")
    write_array(tmp_path / "b.npy", np.eye(3)[::2])
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), np.eye(3)[::2])


def test_a_map_of_a_file_that_was_cut(tmp_path: Path) -> None:
    write_array(tmp_path / "a.npy", np.zeros((100, 100), np.uint8))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:5000])
    with pytest.raises(PrnetError, match=r"cut short"):
        map_array(tmp_path / "a.npy", Array(np.uint8, ("N", 100)), "rows")


def test_room_is_taken_before_the_work(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    begun = False
    try:
        with (
            pytest.raises(PrnetError, match=r"a.npy: expected a place that can be written"),
            new_array(tmp_path / "a.npy", (1000, 1000), np.uint8),
        ):
            begun = True
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not begun
    assert not any(tmp_path.iterdir())
