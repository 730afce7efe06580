"""A short run from trained weights keeps batch norm's statistics about as they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prnet.training.initial import keep_statistics


@pytest.mark.parametrize(("steps", "moved"), [(20, 0.02), (500, 0.5), (5_000, 1.0)])
def test_statistics_move_as_slowly_as_the_weights(steps: int, moved: float) -> None:
    usual, short = (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)) for _ in range(2))
    short.load_state_dict(usual.state_dict())
    keep_statistics(short, steps)
    batch = torch.rand(8, 3, 5, 5)
    for network in (usual, short):
        network(batch)
    change = [network[1].get_buffer("running_var") - 1 for network in (usual, short)]
    torch.testing.assert_close(change[1], moved * change[0], rtol=1e-3, atol=1e-6)
