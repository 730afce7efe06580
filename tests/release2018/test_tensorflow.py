"""TensorFlow itself as the oracle of what the other tests take for its behaviour."""

import numpy as np
import numpy_oracle as oracle
import pytest
from bundle_writer import write_bundle

from prnet.release2018.tf_checkpoint import Checkpoint

tf = pytest.importorskip("tensorflow", reason="needs tensorflow-cpu")


@pytest.mark.parametrize("stride", [1, 2])
def test_oracle_equals_tensorflow(stride):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1, 16, 16, 3))
    weights = rng.normal(size=(4, 4, 3, 5))
    np.testing.assert_allclose(
        oracle.conv_same(x[0], weights, stride), tf.nn.conv2d(x, weights, stride, "SAME")[0]
    )
    weights = rng.normal(size=(4, 4, 5, 3))
    shape = (1, 16 * stride, 16 * stride, 5)
    expected = tf.nn.conv2d_transpose(x, weights, shape, stride, "SAME")[0]
    np.testing.assert_allclose(oracle.conv_transpose_same(x[0], weights, stride), expected)


def test_tensorflow_reads_and_writes_the_same(tmp_path):
    """Both directions: its files by our reader, our test writer's files by its reader."""
    rng = np.random.default_rng(0)
    tensors = {
        f"scope_{k}/weights": rng.normal(size=(k + 1, 200, 50)).astype(np.float32)
        for k in range(20)
    }
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "theirs"),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=list(tensors.values()),
    )
    write_bundle(tmp_path / "ours", {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3)})
    theirs = Checkpoint(tmp_path / "theirs")
    assert theirs.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(theirs[name], value)
    reader = tf.train.load_checkpoint(str(tmp_path / "ours"))
    np.testing.assert_array_equal(reader.get_tensor("a/b"), [[0, 1, 2], [3, 4, 5]])
