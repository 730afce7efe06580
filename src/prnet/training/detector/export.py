"""A trained detector -> the ONNX file that `prnet.detection` runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from prnet.detection.anchorfree import REFINE_SIZE
from prnet.files.atomic import write_bytes
from prnet.training.detector.network import OUTPUTS, DetectorNetwork
from prnet.training.networks.export import WEIGHTED, store_half, to_onnx


class _First(nn.Module):
    """Image (H, W, 3) uint8 RGB, H and W multiples of 32 -> candidates (17, N) float32, the cells
    of the three strides one after another, row by row."""

    def __init__(self, network: DetectorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        grids = self.network(image.permute(2, 0, 1)[None].float() / 255)
        return torch.cat([grid.reshape(OUTPUTS, -1) for grid in grids], dim=1)


class _Second(nn.Module):
    """Crops (B, 64, 64, 3) uint8 RGB -> candidates (B, 17) float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> Tensor:
        found: Tensor = self.network(crops.permute(0, 3, 1, 2).float() / 255)
        return found


def export_detector(network: nn.Module, path: str | Path) -> None:
    """Write either of the two networks to ``path``; whole or not at all."""
    if isinstance(network, DetectorNetwork):
        axes = {"image": {0: "height", 1: "width"}, "candidates": {1: "cells"}}
        sample = torch.zeros(64, 96, 3, dtype=torch.uint8)
        model = to_onnx(_First(network), sample, axes)
    else:
        axes = {"crops": {0: "batch"}, "candidates": {0: "batch"}}
        sample = torch.zeros(2, REFINE_SIZE, REFINE_SIZE, 3, dtype=torch.uint8)
        model = to_onnx(_Second(network), sample, axes)
    store_bytes(model)
    store_half(model)
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
