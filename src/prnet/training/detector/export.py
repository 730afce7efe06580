"""A trained detector -> the ONNX file that `prnet.detection` runs."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from prnet.detection.anchorfree import REFINE_SIZE
from prnet.files.atomic import write_bytes
from prnet.training.detector.network import OUTPUTS, DetectorNetwork, Stretch
from prnet.training.networks.export import WEIGHTED, store_half, to_onnx


class _First(nn.Module):
    """Image (H, W, 3) uint8 RGB, H and W multiples of 32 -> candidates (17, N) float32, the cells
    of the three strides one after another, row by row."""

    def __init__(self, network: DetectorNetwork) -> None:
        super().__init__()
        self.network = _of_bytes(network)

    def forward(self, image: Tensor) -> Tensor:
        grids = self.network(image.permute(2, 0, 1)[None].float())
        return torch.cat([grid.reshape(OUTPUTS, -1) for grid in grids], dim=1)


class _Second(nn.Module):
    """Crops (B, 64, 64, 3) uint8 RGB -> candidates (B, 17) float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = _of_bytes(network)

    def forward(self, crops: Tensor) -> Tensor:
        found: Tensor = self.network(crops.permute(0, 3, 1, 2).float())
        return found


def _of_bytes(network: nn.Module) -> nn.Module:
    """The network for pixels of 0..255, which saves the pass that would divide them."""
    network = deepcopy(network)
    for name, part in list(network.named_modules()):
        if isinstance(part, Stretch):
            network.set_submodule(name, Stretch(white=255.0))
    return network


def export_detector(
    network: nn.Module, path: str | Path, samples: Iterable[NDArray[np.uint8]]
) -> None:
    """Write either of the two networks to ``path``; whole or not at all.

    The first computes in 8 bits but for its first and last layers: two thirds of the time, on
    processors with instructions for it a third, and on the dev half of `scenes` it finds what 32
    bits find. ``samples``: inputs of its file, whose activations tell the ranges. The second, which
    says where a face is, looks at none: it has its weights alone in 8 bits, else crops move by a
    hundredth from one kind of processor to another.
    """
    if isinstance(network, DetectorNetwork):
        axes = {"image": {0: "height", 1: "width"}, "candidates": {1: "cells"}}
        sample = torch.zeros(64, 96, 3, dtype=torch.uint8)
        model = _in_bytes(to_onnx(_First(network), sample, axes), samples)
    else:
        axes = {"crops": {0: "batch"}, "candidates": {0: "batch"}}
        sample = torch.zeros(2, REFINE_SIZE, REFINE_SIZE, 3, dtype=torch.uint8)
        model = to_onnx(_Second(network), sample, axes)
        store_bytes(model)
    store_half(model)
    _without_repeats(model)
    _without_names(model)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


MANY = 2_000
"""Kernels with more weights than this are stored in 8 bits, the others in 16."""
LEVELS = 47
"""Of a kernel's 127 each way so many are used: compressed, the files are a sixth smaller than with
all, and on the dev half of `scenes` find 0.01 fewer of the small faces, as many of the large."""


def store_bytes(model: onnx.ModelProto) -> None:
    """Replace large kernels by int8 ones with a scale per output channel, in place.

    A Cast and a Mul, which ONNX Runtime folds when it loads the file, make them float32 again;
    the computation is float32.
    """
    weights = {node.input[1] for node in model.graph.node if node.op_type in WEIGHTED}
    unpacking, scales = [], []
    for tensor in model.graph.initializer:
        if tensor.name not in weights or np.prod(tensor.dims) < MANY:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = (np.maximum(largest, 1e-12) / LEVELS).astype(np.float32)
        packed = np.rint(values / scale).astype(np.int8)
        tensor.CopyFrom(numpy_helper.from_array(packed, f"{name}.bytes"))
        scales.append(numpy_helper.from_array(scale, f"{name}.scale"))
        unpacking += [
            helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]),
        ]
    model.graph.initializer.extend(scales)
    nodes = [*unpacking, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _in_bytes(model: onnx.ModelProto, images: Iterable[NDArray[np.uint8]]) -> onnx.ModelProto:
    """The model with its middle quantised by ONNX Runtime's tool: int8 weights with a scale a
    channel, of seven bits, as older processors add two products in sixteen; uint8 activations."""
    with TemporaryDirectory() as folder:
        plain = Path(folder, "plain.onnx")
        quant_pre_process(model, plain, skip_symbolic_shape=True)
        kernels = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv"]
        quantize_static(
            plain,
            f"{folder}/network.onnx",
            _Samples(images),
            op_types_to_quantize=["Conv", "Add", "Relu"],
            nodes_to_exclude=[kernels[0], *(name for name in kernels if "head" in name)],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        return onnx.load(f"{folder}/network.onnx")


class _Samples(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
    def __init__(self, images: Iterable[NDArray[np.uint8]]) -> None:
        self._left = iter(images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        image = next(self._left, None)
        return None if image is None else {"image": image}


def _without_repeats(model: onnx.ModelProto) -> None:
    """One constant for equal ones: each kernel has zero points of its own, all of them zero."""
    graph = model.graph
    kept: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
    instead: dict[str, str] = {}
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        same = kept.setdefault((values.dtype.str, values.shape, values.tobytes()), tensor)
        instead[tensor.name] = same.name
    del graph.initializer[:]
    graph.initializer.extend(kept.values())
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]


def _without_names(model: onnx.ModelProto) -> None:
    """Numbers for the names between input and output, which are a tenth of so small a file."""
    graph = model.graph
    names: dict[str, str] = {value.name: value.name for value in (*graph.input, *graph.output)} | {
        "": ""
    }

    def short(name: str) -> str:
        return names.setdefault(name, f"{len(names):x}")

    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
    del graph.value_info[:]
