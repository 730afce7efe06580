import struct

import numpy as np
import pytest
from bundle_writer import block, field, masked_crc, write_bundle
from bundle_writer import crc32c as slow_crc32c

from prnet.errors import PrnetError
from prnet.release2018.crc32c import crc32c
from prnet.release2018.tf_checkpoint import Checkpoint, find_prefix, read_index


@pytest.fixture
def tensors():
    rng = np.random.default_rng(0)
    return {
        "net/Conv/weights": rng.normal(size=(4, 4, 3, 5)).astype(np.float32),
        "net/Conv/BatchNorm/beta": rng.normal(size=5).astype(np.float32),
        "net/Conv/BatchNorm/gamma": rng.normal(size=5).astype(np.float16),
        "net/Conv_1/weights": rng.normal(size=(1, 1, 5, 300)),
        "net/Conv_10/weights": rng.integers(0, 99, (2, 3)),
        "global_step": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (b"\0" * 32, 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_known_values(data, expected):
    """RFC 3720, appendix B.4."""
    assert crc32c(data) == expected == slow_crc32c(data)


@pytest.mark.parametrize("size", [8191, 8192, 8193, 16385, 100_003])
def test_crc32c_of_long_data_equals_the_bitwise_one(size):
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == slow_crc32c(data)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("items_per_block", [1, 3, 100])
def test_reads_what_was_written(tmp_path, tensors, shards, items_per_block):
    write_bundle(tmp_path / "net", tensors, shards, items_per_block)
    checkpoint = Checkpoint(tmp_path / "net")
    assert checkpoint.keys() == tensors.keys()
    for name, value in tensors.items():
        assert checkpoint[name].dtype == value.dtype
        np.testing.assert_array_equal(checkpoint[name], value)


@pytest.mark.parametrize("given", ["net", "net.index", "net.data-00000-of-00002", ""])
def test_any_of_its_names_finds_it(tmp_path, tensors, given):
    write_bundle(tmp_path / "net", tensors, shards=2)
    assert find_prefix(tmp_path / given) == tmp_path / "net"


def flip_byte(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def test_damaged_tensor_is_named_and_can_be_read_all_the_same(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors)
    checkpoint = Checkpoint(tmp_path / "net")
    entry = checkpoint.entries["net/Conv/weights"]
    flip_byte(tmp_path / "net.data-00000-of-00001", entry.offset + 11)
    with pytest.raises(PrnetError, match="checksum of net/Conv/weights"):
        checkpoint["net/Conv/weights"]
    np.testing.assert_array_equal(checkpoint["net/Conv_1/weights"], tensors["net/Conv_1/weights"])
    loose = Checkpoint(tmp_path / "net", skip_checksums=True)["net/Conv/weights"]
    assert (loose != tensors["net/Conv/weights"]).sum() == 1


def test_damaged_index_is_reported_and_can_be_read_all_the_same(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors, items_per_block=100)
    index = tmp_path / "net.index"
    flip_byte(index, index.read_bytes().index(b"empty") + 4)
    with pytest.raises(PrnetError, match=r"damaged block at byte 0 .*skip_checksums, --skip"):
        Checkpoint(tmp_path / "net")
    names = set(Checkpoint(tmp_path / "net", skip_checksums=True))
    assert names == (tensors.keys() - {"empty"}) | {"empti"}


def test_every_truncation_of_the_index_is_reported(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors)
    index = tmp_path / "net.index"
    whole = index.read_bytes()
    for size in range(0, len(whole), 7):
        index.write_bytes(whole[:size])
        with pytest.raises(PrnetError, match="expected a TensorFlow checkpoint index"):
            read_index(index)


def test_every_damaged_byte_of_the_index_is_reported_or_harmless(tmp_path, tensors):
    """Checks skipped, so that the parser itself meets the damage: PrnetError, no other error."""
    write_bundle(tmp_path / "net", tensors)
    index = tmp_path / "net.index"
    whole = index.read_bytes()
    for position in range(len(whole)):
        index.write_bytes(whole[:position] + b"\xff" + whole[position + 1 :])
        try:
            checkpoint = Checkpoint(tmp_path / "net", skip_checksums=True)
            for name in checkpoint:
                checkpoint[name]
        except PrnetError:
            continue


def test_truncated_data_file_is_reported(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors)
    data = tmp_path / "net.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(PrnetError, match="cut short"):
        Checkpoint(tmp_path / "net")["net/Conv_10/weights"]
    data.write_bytes(b"")
    with pytest.raises(PrnetError, match="cut short"):
        Checkpoint(tmp_path / "net")["net/Conv/weights"]


def test_missing_shard_is_named(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors, shards=2)
    (tmp_path / "net.data-00001-of-00002").unlink()
    checkpoint = Checkpoint(tmp_path / "net")
    with pytest.raises(PrnetError, match=r"net\.data-00001-of-00002: expected this file"):
        [checkpoint[name] for name in checkpoint]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"x" * 200, b"\0" * 500])
def test_foreign_file_is_reported(tmp_path, content):
    (tmp_path / "net.index").write_bytes(content)
    with pytest.raises(PrnetError, match=r"without a table's footer"):
        Checkpoint(tmp_path / "net")


def test_compressed_blocks_are_reported(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors, items_per_block=100)
    index = tmp_path / "net.index"
    data = bytearray(index.read_bytes())
    end = data.index(b"\0" + struct.pack("<I", masked_crc(data[: data.index(block([])) - 4])))
    data[end] = 1
    index.write_bytes(data)
    with pytest.raises(PrnetError, match="compressed"):
        read_index(index, skip_checksums=True)


def test_partitioned_variable_and_strings_are_reported(tmp_path, tensors):
    write_bundle(tmp_path / "net", tensors, extra_fields={"empty": field(7, b"")})
    with pytest.raises(PrnetError, match="got a sliced one"):
        Checkpoint(tmp_path / "net")["empty"]
    write_bundle(tmp_path / "net", tensors, extra_fields={"empty": field(1, 7)})
    with pytest.raises(PrnetError, match="got another type"):
        Checkpoint(tmp_path / "net")["empty"]


def test_folder_without_or_with_two_checkpoints_is_reported(tmp_path):
    with pytest.raises(PrnetError, match=r"one \.index file, got 0"):
        find_prefix(tmp_path)
    (tmp_path / "a.index").touch()
    (tmp_path / "b.index").touch()
    with pytest.raises(PrnetError, match=r"one \.index file, got 2"):
        find_prefix(tmp_path)
    with pytest.raises(PrnetError, match=r"got no file c\.index"):
        find_prefix(tmp_path / "c")
