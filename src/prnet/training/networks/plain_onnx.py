"""An exported graph made plain for runtimes that do little arithmetic on shapes (OpenCV's DNN), and
its description inside the file."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

LICENCE: Final = "research use: LICENSE-WEIGHTS.md of the package prnet"
AXES: Final = "x right, y down, z nearer = larger; crop pixels, centres on integers"

OUTPUTS: Final = {
    "position_maps": "position_maps: float32 (batch, 256, 256, 3), x y z",
    "presence": "presence: float32 (batch,), 0..1",
    "deviations": "deviations: float32 (batch, 256, 256), crop pixels",
}


def make_plain(model: onnx.ModelProto) -> None:
    """Replace computed shapes by constants, in place: a size that follows the batch becomes -1, a
    resize to a computed size one by its factors. The results stay the same to the bit.

    The graph is run at two sizes of the batch to see what every shape is.
    """
    _as_reshapes(model)
    wanted = {
        name: node
        for node in model.graph.node
        for name in (node.input[1:2] if node.op_type == "Reshape" else node.input[3:4])
        if node.op_type in ("Reshape", "Resize") and name
    }
    seen = [_values(model, list(wanted), batch) for batch in (2, 3)]
    for name, node in wanted.items():
        two, three = (values[name] for values in seen)
        constant = f"{node.name}.plain"
        if node.op_type == "Reshape":
            value = np.where(two == three, two, -1).astype(np.int64)
            node.input[1] = constant
        else:
            sizes = seen[0][f"{name} of {node.input[0]}"]
            value = np.asarray(two / sizes, np.float32)
            node.input[2] = constant
            del node.input[3:]
        model.graph.initializer.append(numpy_helper.from_array(value, constant))
    _drop_unused(model)


def _as_reshapes(model: onnx.ModelProto) -> None:
    """Steps that add an axis of one, or take the one entry of such an axis away, become Reshape,
    which no runtime reads in a way of its own."""
    steps = [node for node in model.graph.node if node.op_type in ("Unsqueeze", "Gather")]
    ends = [name for node in steps for name in (node.input[0], node.output[0])]
    two, three = (_values(model, ends, batch) for batch in (2, 3))
    for node in steps:
        before, after = (two[name].shape for name in (node.input[0], node.output[0]))
        larger = three[node.output[0]].shape
        if np.prod(before) != np.prod(after):
            continue
        shape = [a if a == b else -1 for a, b in zip(after, larger, strict=True)]
        constant = f"{node.name}.shape"
        tensor = numpy_helper.from_array(np.array(shape, np.int64), constant)
        model.graph.initializer.append(tensor)
        node.CopyFrom(
            helper.make_node("Reshape", [node.input[0], constant], node.output, name=node.name)
        )


def describe(model: onnx.ModelProto) -> None:
    """Write into the file what it is: version of the package that exported it, licence, axes and
    units. The UV layout is the file beside it, ``uv_layout.npz``."""
    outputs = {output.name for output in model.graph.output}
    crops = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    helper.set_model_props(
        model,
        {
            "name": "prnet position map network",
            "version": version("prnet"),
            "licence": LICENCE,
            "layout": "uv_layout.npz beside this file",
            "input": f"crops: uint8 (batch, {crops}, {crops}, 3), RGB 0..255",
            "outputs": "; ".join(text for name, text in OUTPUTS.items() if name in outputs),
            "axes": AXES,
        },
    )


def _values(model: onnx.ModelProto, names: list[str], batch: int) -> dict[str, NDArray[Any]]:
    """What the tensors ``names`` are, and the shapes of what is resized by them."""
    import onnxruntime

    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    resized = {
        f"{node.input[3]} of {node.input[0]}": node.input[0]
        for node in model.graph.node
        if node.op_type == "Resize" and len(node.input) > 3
    }
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    asked = [name for name in {*names, *resized.values()} if name not in known]
    present = {output.name for output in probe.graph.output}
    more = [name for name in asked if name not in present]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in more)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(probe.SerializeToString(), quiet)
    size = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    crops = np.zeros((batch, size, size, 3), np.uint8)
    values = session.run(asked, {model.graph.input[0].name: crops}) if asked else []
    found = known | dict(zip(asked, values, strict=True))
    shapes = {key: np.array(found[name].shape) for key, name in resized.items()}
    return {name: found[name] for name in names} | shapes


def _drop_unused(model: onnx.ModelProto) -> None:
    """Nodes and constants that nothing needs any more."""
    needed = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    nodes = [*reversed(kept)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
