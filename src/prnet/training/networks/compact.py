"""The compact network: a 128x128 crop in, the whole 256x256 position map out.

An encoder of plain residual blocks, one fully connected layer that mixes the whole face, a decoder
to a 64x64 grid of control points, and a closer look at eyes and mouth that corrects them. The map
is the cubic B-spline surface over these control points, so it is smooth by construction and the
full resolution costs two small matrix products instead of convolutions at 256x256.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prnet.training.networks.closer import Closer
from prnet.training.networks.judge import GRID, Judge, beside_truth
from prnet.training.networks.spline import CONTROL_SIZE, MAP_SIZE, spline_weights

CROP_SIZE = 128


class Block(nn.Module):
    """Two 3x3 convolutions around a shortcut; a strided block halves the resolution."""

    def __init__(self, channels_in: int, channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels_in == channels
            else nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(channels_in, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Widen(nn.Module):
    """Bilinear x2, then a 3x3 convolution."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.relu(self.norm(self.conv(x)))


class CompactNetwork(nn.Module):
    """Crops (B, 3, 128, 128) float32 in 0..1 -> control points (B, 3, 64, 64).

    `forward` gives the position maps (B, 3, 256, 256) in crop pixels; training uses
    `control_points`, which any set of UV points can be evaluated from (`spline_weights`).
    `judged` adds what the network thinks of them (`prnet.training.networks.judge`), which is
    learned apart, from features that stay as they are: ``judge`` has no gradient of its own accord.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (24, 48, 96, 176, 256),
        depths: tuple[int, ...] = (1, 1, 1, 1),
        mixed: int = 192,
        decoder: tuple[int, ...] = (96, 48, 32),
    ) -> None:
        super().__init__()
        stem, *stages = widths
        layers: list[nn.Module] = [
            nn.Conv2d(3, stem, 4, 2, 1, bias=False),  # 64 x 64
            nn.BatchNorm2d(stem),
            nn.ReLU(inplace=True),
        ]
        channels = stem
        for width, depth in zip(stages, depths, strict=True):  # 32, 16, 8, 4
            layers.append(Block(channels, width, stride=2))
            layers += [Block(width, width) for _ in range(depth - 1)]
            channels = width
        self.encoder = nn.Sequential(*layers)
        self.mix = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * 16, mixed),
            nn.ReLU(inplace=True),
            nn.Linear(mixed, channels * 16),
            nn.Unflatten(1, (channels, 4, 4)),
        )
        widened: list[nn.Module] = []
        inner = channels
        for width in decoder:  # 8, 16, 32
            widened.append(Widen(inner, width))
            inner = width
        self.decoder = nn.Sequential(*widened)
        self.head = nn.Conv2d(inner, 12, 3, 1, 1)
        self.closer = Closer(CROP_SIZE)
        self.judge = Judge(channels, mixed).requires_grad_(False)
        self.register_buffer(
            "mean_control", torch.full((3, CONTROL_SIZE, CONTROL_SIZE), (CROP_SIZE - 1) / 2)
        )
        self.register_buffer("spline", torch.from_numpy(spline_weights(np.arange(MAP_SIZE))))
        self.register_buffer("tent", _tent_weights(), persistent=False)
        self.register_buffer("beside_truth", beside_truth(), persistent=False)
        self.mean_control: Tensor
        self.spline: Tensor
        self.tent: Tensor
        self.beside_truth: Tensor

    def start_from(self, mean_map: NDArray[np.float32]) -> None:
        """Centre the output on a map (256, 256, 3) in crop pixels, before training begins."""
        step = MAP_SIZE // CONTROL_SIZE
        cells = mean_map.reshape(CONTROL_SIZE, step, CONTROL_SIZE, step, 3).mean(axis=(1, 3))
        self.mean_control.copy_(torch.from_numpy(cells).permute(2, 0, 1))

    def control_points(self, crops: Tensor) -> Tensor:
        """(B, 3, 128, 128) in 0..1 -> (B, 3, 64, 64) in crop pixels."""
        return self.placed(crops, self.features(crops)[2])

    def features(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the encoder (B, 256, 4, 4), the layer over the whole face (B, 192), the decoder
        (B, 32, 32, 32)."""
        encoded = self.encoder(crops * 4 - 2)
        mixed = self.mix[:3](encoded)
        return encoded, mixed, self.decoder(torch.relu(encoded + self.mix[3:](mixed)))

    def placed(self, crops: Tensor, decoded: Tensor) -> Tensor:
        """Crops and the decoder's last features -> control points (B, 3, 64, 64)."""
        with torch.autocast(decoded.device.type, enabled=False):  # bfloat16 would round pixels
            offsets = nn.functional.pixel_shuffle(self.head(decoded.float()), 2)
            control = self.mean_control + offsets * (CROP_SIZE / 8)
            moved: Tensor = self.closer(crops, control)
            return control + moved

    def forward(self, crops: Tensor) -> Tensor:
        return self._maps(self.control_points(crops))

    def judged(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Position maps (B, 3, 256, 256), presence (B,) in 0..1, deviations (B, 256, 256) in crop
        pixels, of errors beside others' truth."""
        features = self.features(crops)
        presence, deviation = self.judge(*features[:2])
        wide = self.tent @ (deviation * self.beside_truth) @ self.tent.T
        return self._maps(self.placed(crops, features[2])), torch.sigmoid(presence), wide

    def _maps(self, control: Tensor) -> Tensor:
        """Control points (B, 3, 64, 64) -> maps (B, 3, 256, 256), with the axes last in memory, as
        the exported file gives them: turning the control points around is a quarter of the work."""
        rows = (control @ self.spline.T).permute(0, 2, 3, 1)
        maps = self.spline @ rows.reshape(-1, CONTROL_SIZE, 3 * MAP_SIZE)
        return maps.reshape(-1, MAP_SIZE, MAP_SIZE, 3).permute(0, 3, 1, 2)


def _tent_weights() -> Tensor:
    """Rows or columns of the 256 map -> (256, GRID) weights of bilinear interpolation."""
    each = torch.eye(GRID)[None]
    return nn.functional.interpolate(each, size=MAP_SIZE, mode="linear")[0].T
