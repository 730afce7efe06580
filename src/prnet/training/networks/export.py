"""Any trained network -> the ONNX file that `prnet.network` runs."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from prnet.files.atomic import write_atomically
from prnet.network.position_map_network import MAP_SIZE, PositionMapNetwork
from prnet.training.networks.plain_onnx import describe, make_plain

OPSET = 17
ZERO_BITS = 2
"""Of a stored weight's eleven."""
INPUT, OUTPUT = "crops", "position_maps"
WEIGHTED = {"Conv", "ConvTranspose", "Gemm"}
"""Operators whose second input is a trained weight."""


class _Deployed(nn.Module):
    """Crops (B, S, S, 3) uint8 RGB -> position maps (B, 256, 256, 3) float32 in crop pixels; of a
    network that judges itself presence (B,) and deviations (B, 256, 256), too."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.judged: Callable[[Tensor], tuple[Tensor, ...]] | None = getattr(
            network, "judged", None
        )

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        pixels = crops.permute(0, 3, 1, 2).float() / 255
        maps, *thoughts = self.judged(pixels) if self.judged else (self.network(pixels),)
        return maps.permute(0, 2, 3, 1), *thoughts

    @property
    def outputs(self) -> dict[str, list[str | int]]:
        """Names and shapes."""
        shapes: dict[str, list[str | int]] = {OUTPUT: ["batch", MAP_SIZE, MAP_SIZE, 3]}
        if self.judged:
            shapes |= {"presence": ["batch"], "deviations": ["batch", MAP_SIZE, MAP_SIZE]}
        return shapes


def export_onnx(
    network: nn.Module,
    path: str | Path,
    *,
    crop_size: int,
    half_storage: bool = True,
    sample_crops: NDArray[np.uint8] | None = None,
) -> float:
    """Write ``network`` to ``path``; returns the largest difference to torch, in crop pixels.

    ``network`` maps (B, 3, S, S) float32 in 0..1, S = ``crop_size``, to (B, 3, 256, 256) crop
    pixels. The file takes ``crops`` (B, S, S, 3) uint8 RGB to ``position_maps`` (B, 256, 256, 3)
    float32, for any B; a network that judges itself adds ``presence`` (B,) and ``deviations``
    (B, 256, 256). ``half_storage`` keeps convolution and linear weights as float16, which halves
    the file; the computation stays float32. The difference is over two random crops and
    ``sample_crops`` (N, S, S, 3) uint8. The file appears whole or not at all.
    """
    was_training = network.training
    deployed = _Deployed(network)
    sample = torch.zeros(2, crop_size, crop_size, 3, dtype=torch.uint8)
    model = to_onnx(deployed, sample, {name: {0: "batch"} for name in (INPUT, *deployed.outputs)})
    for output, shape in zip(model.graph.output, deployed.outputs.values(), strict=True):
        output.CopyFrom(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, shape))
    make_plain(model)
    describe(model)
    if half_storage:
        store_half(model)
    onnx.checker.check_model(model)
    crops = np.random.default_rng(0).integers(0, 256, (2, crop_size, crop_size, 3), np.uint8)
    if sample_crops is not None:
        crops = np.concatenate([crops, sample_crops])
    with write_atomically(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
        difference = _difference(deployed, PositionMapNetwork(temporary), crops)
    network.train(was_training)
    return difference


def to_onnx(
    deployed: nn.Module,
    sample: Tensor,
    axes: dict[str, dict[int, str]],
) -> onnx.ModelProto:
    """Traced on ``sample`` with the TorchScript exporter, which needs no package but ``onnx``.
    ``axes``: the names of the input and of the outputs, and which of their axes have any size."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own notice that a successor exists
        torch.onnx.export(
            deployed.eval().cpu(),
            (sample,),
            stream,  # type: ignore[arg-type]  # the TorchScript exporter takes it
            dynamo=False,
            opset_version=OPSET,
            input_names=list(axes)[:1],
            output_names=list(axes)[1:],
            dynamic_axes=axes,
        )
    return onnx.load_from_string(stream.getvalue())


def store_half(model: onnx.ModelProto) -> None:
    """Replace the weights of convolutions and linear layers by float16 ones with a Cast, in place.

    ONNX Runtime folds the casts when it loads the file. The rest stays float32: it is small,
    variances can pass float16's largest number, 65504, and constants that hold pixels or
    interpolate them would cost precision directly. The last bits of a weight say nothing, and as
    zeros they travel for nothing where files are compressed: a tenth of the package's network,
    whose maps move by 0.004 crop pixels.
    """
    weights = {node.input[1] for node in model.graph.node if node.op_type in WEIGHTED}
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in weights or tensor.data_type != TensorProto.FLOAT:
            continue
        name = tensor.name
        half = rounded(numpy_helper.to_array(tensor).astype(np.float16))
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def rounded(values: NDArray[np.float16]) -> NDArray[np.float16]:
    """To the nearest number whose last `ZERO_BITS` bits are zero, the even one of two."""
    bits = values.view(np.uint16).astype(np.uint32)
    half = 2 ** (ZERO_BITS - 1)
    nearest = (bits + half - 1 + (bits >> ZERO_BITS) % 2) >> ZERO_BITS << ZERO_BITS
    result: NDArray[np.float16] = nearest.astype(np.uint16).view(np.float16)
    return result


def _difference(
    deployed: _Deployed, exported: PositionMapNetwork, crops: NDArray[np.uint8]
) -> float:
    """Largest difference between the exported network and torch over ``crops``, in crop pixels."""
    difference = 0.0
    for crop in crops:
        with torch.no_grad():
            expected = deployed(torch.from_numpy(crop[None]))[0].numpy()
        difference = max(difference, float(np.abs(exported(crop[None]) - expected).max()))
    return difference
