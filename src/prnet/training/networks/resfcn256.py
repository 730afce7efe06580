"""The 2018 network, layer for layer: crops to position maps (Feng et al., ECCV 2018, section 3.2).

An encoder of ten residual blocks and a decoder of seventeen transposed convolutions, all 4x4.
It equals the TensorFlow graph of the original release tensor for tensor, so that its checkpoint
can be loaded (`load_tensorflow`); 13,353,618 trainable parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from prnet.errors import PrnetError

CROP_SIZE = 256
KERNEL = 4
ENCODER = tuple((width, stride) for width in (32, 64, 128, 256, 512) for stride in (2, 1))
"""(channels, stride) of the ten residual blocks."""
DECODER = (
    (512, 1),
    *((256, 2), (256, 1), (256, 1)),
    *((128, 2), (128, 1), (128, 1)),
    *((64, 2), (64, 1), (64, 1)),
    *((32, 2), (32, 1)),
    *((16, 2), (16, 1)),
    *((3, 1), (3, 1), (3, 1)),
)
"""(channels, stride) of the seventeen transposed convolutions."""
POSITION_RANGE = 1.1 * CROP_SIZE
"""What a sigmoid output of 1 means in crop pixels: 281.6."""


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """TensorFlow contrib's defaults: epsilon 1e-3, decay 0.999 (torch's momentum is 1 - decay)."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=1e-3)


class SameConv(nn.Conv2d):
    """Convolution without bias, padded as TensorFlow's SAME on sides that the stride divides.

    Of the ``kernel - stride`` pixels of padding the odd one goes after: 1 before and 2 after for
    kernel 4 at stride 1, 1 and 1 at stride 2.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = KERNEL, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)
        total = max(kernel - stride, 0)
        self.pads = (total // 2, total - total // 2)
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.pads * 2) if any(self.pads) else x)


class SameTransposedConv(SameConv):
    """Transposed convolution at stride 1: a convolution by the turned kernel, padded 2 and 1.

    The full result cropped by 1 before and 2 after, as TensorFlow's; a plain convolution is what
    every runtime is fastest at.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.pads = (self.pads[1], self.pads[0])


class UpsamplingConv(nn.ConvTranspose2d):
    """Transposed convolution at stride 2, which doubles the side; without bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, KERNEL, stride=2, padding=1, bias=False)
        nn.init.xavier_uniform_(self.weight)


class ConvBlock(nn.Module):
    """Convolution, batch norm, activation: every layer but the ends of the residual blocks."""

    def __init__(self, conv: nn.Module, channels: int, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = conv
        self.norm = batch_norm(channels)
        self.activation = activation or nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.norm(self.conv(x)))
        return out


class ResidualBlock(nn.Module):
    """1x1 to half the channels, 4x4, 1x1 back; added to the shortcut *before* norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.reduce = ConvBlock(SameConv(inputs, half, 1), half)
        self.middle = ConvBlock(SameConv(half, half, KERNEL, stride), half)
        self.expand = SameConv(half, outputs, 1)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else SameConv(inputs, outputs, 1, stride)
        self.norm = batch_norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.expand(self.middle(self.reduce(x))) + self.shortcut(x)
        return F.relu(self.norm(out))


class ResFCN256(nn.Module):
    """RGB crops (B, 3, 256, 256) float32 in 0..1 -> position maps (B, 3, 256, 256), crop pixels.

    The maps' channels are x (right), y (down), z (nearer is larger, minimum of the face 0).
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 16
        self.stem = ConvBlock(SameConv(3, channels), channels)
        blocks: list[nn.Module] = []
        for width, stride in ENCODER:
            blocks.append(ResidualBlock(channels, width, stride))
            channels = width
        self.encoder = nn.Sequential(*blocks)
        layers: list[nn.Module] = []
        for index, (width, stride) in enumerate(DECODER):
            conv = (SameTransposedConv if stride == 1 else UpsamplingConv)(channels, width)
            last = index == len(DECODER) - 1
            layers.append(ConvBlock(conv, width, nn.Sigmoid() if last else None))
            channels = width
        self.decoder = nn.Sequential(*layers)

    def forward(self, crops: Tensor) -> Tensor:
        x: Tensor = self.stem(crops)  # (B, 16, 256, 256)
        x = self.encoder(x)  # (B, 512, 8, 8)
        x = self.decoder(x)  # (B, 3, 256, 256) in 0..1
        return x * POSITION_RANGE


def _norm_names(norm: nn.BatchNorm2d, scope: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{scope}/BatchNorm/gamma", norm.weight
    yield f"{scope}/BatchNorm/beta", norm.bias
    for name in ("mean", "variance"):
        value = norm.running_mean if name == "mean" else norm.running_var
        assert value is not None
        yield f"{scope}/BatchNorm/moving_{name}", value


def _layers(network: ResFCN256) -> Iterator[tuple[str, nn.Module]]:
    """Every layer with its TensorFlow scope; the names number what the scope already holds."""

    def numbered(name: str, index: int) -> str:
        return f"resfcn256/{name}" + (f"_{index}" if index else "")

    yield "resfcn256/Conv", network.stem
    for index, block in enumerate(network.encoder):
        assert isinstance(block, ResidualBlock)
        scope = numbered("resBlock", index)
        if not isinstance(block.shortcut, nn.Identity):
            yield f"{scope}/shortcut", block.shortcut
        yield f"{scope}/Conv", block.reduce
        yield f"{scope}/Conv_1", block.middle
        yield f"{scope}/Conv_2", block.expand
        yield scope, block.norm
    for index, layer in enumerate(network.decoder):
        yield numbered("Conv2d_transpose", index), layer


def _to_tensorflow(conv: nn.Module) -> NDArray[np.float32]:
    """A convolution's weights in TensorFlow's axes; the array shares the parameter's memory.

    Convolutions: (row, column, in, out); transposed ones: (row, column, out, in).
    """
    weight = conv.weight
    assert isinstance(weight, Tensor)
    array: NDArray[np.float32] = weight.detach().numpy()
    if isinstance(conv, SameTransposedConv):
        return array[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    return array.transpose(2, 3, 1, 0)


def tensorflow_views(network: ResFCN256) -> dict[str, NDArray[np.float32]]:
    """Name in the 2018 checkpoint -> view of that parameter of ``network`` in TensorFlow's axes.

    245 arrays on the CPU; writing into them changes the network.
    """
    views: dict[str, NDArray[np.float32]] = {}
    for scope, layer in _layers(network):
        norm = layer.norm if isinstance(layer, ConvBlock) else layer
        conv = layer.conv if isinstance(layer, ConvBlock) else layer
        if isinstance(norm, nn.BatchNorm2d):
            views |= {name: value.detach().numpy() for name, value in _norm_names(norm, scope)}
        if not isinstance(conv, nn.BatchNorm2d):
            views[f"{scope}/weights"] = _to_tensorflow(conv)
    return views


def load_tensorflow(network: ResFCN256, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """Fill ``network`` from the 2018 checkpoint's tensors, looked up by name.

    Raises PrnetError where one is missing or has another shape; other tensors are ignored.
    """
    for name, view in tensorflow_views(network).items():
        if name not in tensors:
            raise PrnetError(f"expected a resfcn256 checkpoint, got one without {name}")
        value = tensors[name]
        if value.shape != view.shape:
            raise PrnetError(f"{name}: expected shape {view.shape}, got {value.shape}")
        view[...] = value


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
