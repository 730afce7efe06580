"""The detector's network: an image in, three grids of candidate faces out.

Plain 3x3 convolutions, which one CPU core runs at twice the rate of depthwise ones per multiply
and trains at ten times the rate; a pyramid of three strides as in FPN (Lin et al., CVPR 2017);
no anchors, one candidate per cell as in CenterNet (Zhou et al., 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prnet.detection.candidates import WIDTH

OUTPUTS = WIDTH
"""Score logit; offset of the centre from the cell's in strides (2); log of width and height in
units (2); cosine and sine of the roll (2); five points from the cell's centre in units (10)."""
DARKEST_RANGE = 6 / 255
"""Pictures with less contrast than this, over white, are stretched no further."""
BLOCK = 16
"""Side of the blocks whose means tell a picture's range."""


class Stretch(nn.Module):
    """Linear contrast stretch: the darkest and the brightest block come to -1 and 1.

    Nothing is learned; it makes a photo in the dark the photo in the light, but for its noise.
    ``white``: value of a white pixel.
    """

    def __init__(self, *, white: float = 1.0) -> None:
        super().__init__()
        self.darkest_range = DARKEST_RANGE * white

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..white, sides multiples of the block's -> the same shape, about -1..1.
        The means axis by axis: ONNX Runtime's pooling of three channels took a fifth of the
        detector's time."""
        batch, _, tall, wide = image.shape
        rows = image.reshape(batch, 3 * (tall // BLOCK), BLOCK, wide).mean(dim=2)
        blocks = rows.reshape(batch, 3, -1, BLOCK).mean(dim=3).mean(dim=1)
        low = blocks.amin(dim=1).reshape(-1, 1, 1, 1)
        high = blocks.amax(dim=1).reshape(-1, 1, 1, 1)
        gain = 2 / (high - low).clamp(min=self.darkest_range)
        return image * gain - (low + high) / 2 * gain


def convolution(channels_in: int, channels: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, size, stride, (size - 1) // 2, bias=False),
        nn.BatchNorm2d(channels),
    )


class Block(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = convolution(channels, channels), convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class DetectorNetwork(nn.Module):
    """Images (B, 3, H, W) float32 in 0..1, H and W multiples of 32 -> per stride (B, 17, h, w)."""

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (16, 32, 64, 72),
        depths: tuple[int, ...] = (1, 2, 2),
        pyramid: int = 32,
    ) -> None:
        super().__init__()
        self.stretch = Stretch()
        stem, *stages = widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 6, 4, 1, bias=False), nn.BatchNorm2d(stem)
        )  # H/4: patches, as the maps at H/2 would cost more than they give
        self.down = nn.ModuleList()
        for channels_in, channels, depth in zip(widths, stages, depths, strict=False):
            blocks = [Block(channels) for _ in range(depth)]
            self.down.append(
                nn.Sequential(convolution(channels_in, channels, 3, 2), nn.ReLU(), *blocks)
            )
        self.lateral = nn.ModuleList(convolution(channels, pyramid, 1) for channels in stages)
        self.merge = nn.ModuleList(convolution(pyramid, pyramid) for _ in stages)
        heads = [nn.Conv2d(pyramid, OUTPUTS, 1) for _ in stages]
        self.head = nn.ModuleList(heads)
        bias = torch.zeros(OUTPUTS)
        bias[0], bias[5] = -4.6, 1.0  # one cell in a hundred, upright
        for head in heads:
            head.bias = nn.Parameter(bias.clone())

    def forward(self, image: Tensor) -> list[Tensor]:
        x = torch.relu(self.stem(self.stretch(image)))
        features = []
        for down in self.down:  # H/8, H/16, H/32
            x = down(x)
            features.append(x)
        found: list[Tensor] = []
        above: Tensor | None = None
        for i in reversed(range(len(features))):
            x = self.lateral[i](features[i])
            if above is not None:
                x = x + F.interpolate(above, scale_factor=2.0, mode="nearest")
            above = torch.relu(self.merge[i](torch.relu(x)))
            found.append(self.head[i](above))
        return found[::-1]
