"""The shipped file, as other runtimes and programs read it."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import prnet
from prnet.packaged import DATA
from prnet.training.networks.plain_onnx import LICENCE, describe, make_plain

NETWORK = DATA / "network.onnx"


@pytest.mark.parametrize("batch", [1, 2])
def test_opencv_agrees(batch):
    crops = np.random.default_rng(0).integers(0, 256, (batch, 128, 128, 3), np.uint8)
    names = ["position_maps", "presence", "deviations"]
    expected = onnxruntime.InferenceSession(str(NETWORK)).run(names, {"crops": crops})
    network = cv2.dnn.readNetFromONNX(str(NETWORK))
    network.setInput(crops)
    order = network.getUnconnectedOutLayersNames()
    got = dict(zip(order, network.forward(order), strict=True))
    for name, value in zip(names, expected, strict=True):
        np.testing.assert_allclose(got[name].reshape(value.shape), value, atol=1e-3)


def test_no_shape_is_computed():
    graph = onnx.load(NETWORK).graph
    assert not {node.op_type for node in graph.node} & {"Shape", "Slice", "Mod", "Gather"}


def test_the_file_says_what_it_is():
    told = onnxruntime.InferenceSession(str(NETWORK)).get_modelmeta().custom_metadata_map
    assert told["licence"] == LICENCE
    assert told["version"]
    assert "crops: uint8 (batch, 128, 128, 3)" in told["input"]
    assert "deviations" in told["outputs"]


def test_the_documented_program_agrees_with_the_package(sample_path):
    text = (Path(__file__).parents[3] / "docs" / "onnx.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], names)
    box = prnet.Box(174, 70, 276, 178)
    face = prnet.Reconstructor(passes=1)(sample_path, boxes=[box])[0]
    off = np.linalg.norm(np.asarray(names["vertices"])[:, :2] - face.vertices[:, :2], axis=1)
    assert off.max() < 0.05
    marks = np.asarray(names["landmarks"])[:, :2]
    assert np.linalg.norm(marks - face.landmarks[:, :2], axis=1).max() < 1


def test_computed_shapes_become_constants():
    """Reshape to (batch, rest) and resize to a computed size, worked out from another tensor."""
    nodes = [
        helper.make_node("Cast", ["crops"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Shape", ["planes"], ["shape"]),
        helper.make_node("Mul", ["shape", "factors"], ["sizes"]),
        helper.make_node(
            "Resize", ["planes", "", "", "sizes"], ["large"], name="grow", mode="nearest"
        ),
        helper.make_node("Gather", ["shape", "first"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["large", "flat"], ["position_maps"], name="flatten"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 4, 4, 3])],
        [helper.make_tensor_value_info("position_maps", TensorProto.FLOAT, ["n", 192])],
        [
            helper.make_tensor("factors", TensorProto.INT64, [4], [1, 1, 2, 2]),
            helper.make_tensor("first", TensorProto.INT64, [1], [0]),
            helper.make_tensor("rest", TensorProto.INT64, [1], [192]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    crops = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 3), np.uint8)
    before = _run(model, crops)
    make_plain(model)
    describe(model)
    onnx.checker.check_model(model)
    assert {node.op_type for node in model.graph.node} == {"Cast", "Transpose", "Resize", "Reshape"}
    np.testing.assert_array_equal(_run(model, crops), before)


def _run(model, crops):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"crops": crops})[0]
