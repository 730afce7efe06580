"""What a network thinks of its own map: does the crop show a face, how far may points be off.

A small head on the features of the compact network, of what it saw where in the crop and of what
it made of the whole face.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from prnet.evaluation.protocols import outer_interocular
from prnet.layout.uv_layout import default_layout

GRID = 16
"""Deviations are thought of on a grid of so many points a side of the position map."""
NOSE_TIP = 30
NEAR_NOSE, OUTLINE = (0.9, 1.4), (1.07, 2.2)
"""So many eye distances (outer corners) from the tip of the nose errors are so many times as large
beside others' truth as beside our labels, whose conventions the network shares, and between the two
in proportion: the mean of turned heads, Congress and rendered heads (docs/experiments.md)."""
LIMIT = 6.0
"""Of a deviation's logarithm either way; approached, as beyond a hard limit nothing would learn."""


class Judge(nn.Module):
    """Features of a network -> presence (B,), a logit, and deviation (B, 16, 16), crop pixels.

    ``channels``, ``mixed``: of the encoder's last features (B, C, 4, 4) and of the layer over the
    whole face (B, M). The deviation is that of one coordinate, the same for x, y and z: errors
    beside the labels are within it in 68 % of all cases.
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
    def scale_deviation(self, factor: float) -> None:
        """Multiply all deviations, nearly so toward their limits."""
        self.deviation.bias.add_(float(torch.log(torch.tensor(factor))))


def beside_truth() -> Tensor:
    """(16, 16): how many times the deviations beside the labels those beside others' truth are."""
    layout = default_layout()
    landmarks = layout.canonical_landmarks
    away = np.linalg.norm(layout.extended(layout.canonical) - landmarks[NOSE_TIP], axis=-1)
    places, times = zip(NEAR_NOSE, OUTLINE, strict=True)
    factors = np.interp(away / outer_interocular(landmarks), places, times)
    each = layout.size // GRID
    cells = factors.reshape(GRID, each, GRID, each).mean(axis=(1, 3))
    return torch.from_numpy(cells).float()
