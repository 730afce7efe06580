"""The ONNX file of `prnet.training.networks.export` or of the detector's -> the network that it
was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from prnet.errors import PrnetError, reason_of

Floats = NDArray[np.float32]

Weights = list[Floats | None]
"""Of one layer: its kernel, and what else it holds."""
Layer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.BatchNorm2d

WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "BatchNormalization"}
"""Operators that hold what was trained."""
STATISTICS = "running_mean", "running_var", "num_batches_tracked"
"""Of a batch norm: an exported file has no more of most."""


def load_onnx(network: nn.Module, path: Path, crops: Tensor) -> list[nn.BatchNorm2d]:
    """Fill ``network`` from an exported file, exact to its storage: the maps are the same.

    Layers are told apart by their shapes and, among equal ones, by their order, as ``crops``
    (B, 3, S, S) in 0..1 pass through them: a quantised file's branches may stand in another.
    The exporter has folded most batch norms into the convolution before them; these are returned.
    They give back the convolution's output and its bias, until `calibrate` knows their statistics.
    Raises PrnetError for files of other networks.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
        tensors = _tensors(model)
    except Exception as error:  # protobuf's errors share no base class but Exception
        raise PrnetError(
            f"{path}: expected an exported network, got: {reason_of(error)}"
        ) from error
    judged = "presence" in {output.name for output in model.graph.output}
    older = "GatherElements" not in {node.op_type for node in model.graph.node}
    nodes = [node for node in model.graph.node if node.op_type in WEIGHTED]
    weights = [[tensors.get(name) for name in node.input[1:]] for node in nodes]
    folded: list[nn.BatchNorm2d] = []
    bias: Floats | None = None
    try:
        for layer in _in_order(network, crops, judged=judged, closer=not older):
            if isinstance(layer, nn.BatchNorm2d) and bias is not None:
                _hand_on(layer, bias)
                folded.append(layer)
                bias = None
                continue
            weight, *rest = _next_for(layer, weights)
            _copy(layer.weight, weight)
            if isinstance(layer, nn.BatchNorm2d):
                for target, value in zip(_statistics(layer), rest, strict=True):
                    _copy(target, value)
            elif layer.bias is not None:
                _copy(layer.bias, rest[0])
            else:
                bias = rest[0] if rest else None
        kept = network.state_dict()
        for name, buffer in network.named_buffers():
            if name in kept and not name.endswith(STATISTICS):
                _copy(buffer, tensors.get(f"network.{name}"))
        if weights:
            raise ValueError("more layers")
    except (ValueError, IndexError) as error:
        raise PrnetError(
            f"{path}: expected the weights of {type(network).__name__}, got {reason_of(error)}"
        ) from error
    return folded


@torch.no_grad()
def calibrate(network: nn.Module, folded: Iterable[nn.BatchNorm2d], crops: Tensor) -> None:
    """Give folded batch norms the statistics of ``crops`` (B, 3, S, S), and the gain and bias that
    undo them: what the network says stays, and training, which normalises by its batches, begins
    there."""
    inputs: dict[nn.BatchNorm2d, Tensor] = {}

    def note(norm: nn.Module, arguments: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        inputs[norm] = arguments[0]

    norms = list(folded)
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    _run(network, crops)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, variance = inputs[norm].mean((0, 2, 3)), inputs[norm].var((0, 2, 3))
        gain, bias, running_mean, running_variance = norm.weight, *_statistics(norm)
        bias += mean
        running_mean.copy_(mean)
        running_variance.copy_(variance)
        gain.copy_(torch.sqrt(variance + norm.eps))


def _next_for(layer: Layer, weights: list[Weights]) -> Weights:
    """Takes out the first weights of the layer's shape."""
    shape = tuple(layer.weight.shape)
    for i, (weight, *_) in enumerate(weights):
        if weight is not None and weight.shape == shape:
            return weights.pop(i)
    raise ValueError(f"none of shape {shape}")


def _tensors(model: onnx.ModelProto) -> dict[str, Floats]:
    """Constants by name, those behind casts and scales as the float32 that they stand for."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in stored.items()}
    for node in model.graph.node:
        if not all(name in arrays for name in node.input):
            continue
        given = [arrays[name] for name in node.input]
        if node.op_type == "Cast":
            arrays[node.output[0]] = given[0].astype(np.float32)
        elif node.op_type == "Mul":
            arrays[node.output[0]] = given[0] * given[1]
        elif node.op_type == "DequantizeLinear":
            arrays[node.output[0]] = _dequantised(node, *given)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("numbers that are not finite")
    return arrays


def _dequantised(node: onnx.NodeProto, values: Floats, scale: Floats, zero: Floats) -> Floats:
    """Scale and zero of all values, or of each along the node's axis."""
    axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
    shape = [1] * values.ndim
    if scale.ndim:
        shape[axis] = -1
    return (values.astype(np.float32) - zero.reshape(shape)) * scale.reshape(shape)


def _in_order(network: nn.Module, crops: Tensor, *, judged: bool, closer: bool) -> Iterator[Layer]:
    """The layers with weights, in the order in which crops pass through them; without those that
    look closer, which older files have not, and which change nothing as they begin."""
    order: list[Layer] = []
    part = None if closer else getattr(network, "closer", None)
    left_out = () if part is None else (*part.modules(),)
    layers = [
        module
        for module in network.modules()
        if isinstance(module, Layer) and module not in left_out
    ]
    hooks = [layer.register_forward_pre_hook(lambda it, _: order.append(it)) for layer in layers]
    _run(network, crops[:1], judged=judged)
    for hook in hooks:
        hook.remove()
    return iter(order)


@torch.no_grad()
def _run(network: nn.Module, crops: Tensor, *, judged: bool = False) -> None:
    was_training = network.training
    network.eval()
    whole = getattr(network, "judged", network) if judged else network
    whole(crops)
    network.train(was_training)


@torch.no_grad()
def _hand_on(norm: nn.BatchNorm2d, bias: Floats) -> None:
    """A batch norm that adds ``bias`` and does nothing else."""
    shift, mean, variance = _statistics(norm)
    _copy(shift, bias)
    mean.zero_()
    variance.fill_(1 - norm.eps)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.bias, norm.running_mean, norm.running_var


@torch.no_grad()
def _copy(target: Tensor, value: Floats | None) -> None:
    if value is None or value.shape != tuple(target.shape):
        got = "none" if value is None else f"shape {value.shape}"
        raise ValueError(f"{got} where shape {tuple(target.shape)} belongs")
    target.copy_(torch.from_numpy(value.astype(np.float32)))
