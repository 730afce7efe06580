"""What a network thinks of its own map: does the crop show a face, how far may points be off.

A small head on the features of the compact network, of what it saw where in the crop and of what
it made of the whole face.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

GRID = 16
"""Deviations are thought of on a grid of so many points a side of the position map."""
LIMIT = 6.0
"""Of a deviation's logarithm either way; approached, as beyond a hard limit nothing would learn."""


class Judge(nn.Module):
    """Features of a network -> presence (B,), a logit, and deviation (B, 16, 16), crop pixels.

    ``channels``, ``mixed``: of the encoder's last features (B, C, 4, 4) and of the layer over the
    whole face (B, M). The deviation is that of one coordinate, the same for x, y and z: errors
    beside the labels that it was trained with are within it in 68 % of all cases, beside others'
    truth once `prnet.training.judging` has enlarged it.
    """

    def __init__(self, channels: int, mixed: int, *, seen: int = 32, width: int = 96) -> None:
        super().__init__()
        self.seen = nn.Conv2d(channels, seen, 1)
        self.presence, self.hidden = (
            nn.Sequential(nn.Linear(seen * 16 + mixed, width), nn.ReLU()) for _ in range(2)
        )
        self.presence.append(nn.Linear(width, 1))
        self.deviation = nn.Linear(width, GRID**2)
        nn.init.zeros_(self.deviation.weight)  # one pixel everywhere, to begin with
        nn.init.zeros_(self.deviation.bias)

    def forward(self, encoded: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor]:
        whole = torch.cat([self.seen(encoded).flatten(1), mixed], dim=1)
        logarithm = self.deviation(self.hidden(whole)).unflatten(1, (GRID, GRID))
        return self.presence(whole)[:, 0], torch.exp(LIMIT * torch.tanh(logarithm / LIMIT))

    @torch.no_grad()
    def scale_deviation(self, factor: float | NDArray[np.floating]) -> None:
        """Multiply all deviations, or each (16, 16) by its own, nearly so toward their limits."""
        logarithm = torch.as_tensor(np.log(factor), dtype=torch.float32)
        self.deviation.bias.add_(logarithm.flatten().to(self.deviation.bias.device))
