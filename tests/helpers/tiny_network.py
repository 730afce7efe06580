"""A stand-in for resfcn256 that costs nothing: convolutions, batch norm, the same range."""

import pytest
import torch
from torch import nn

from prnet.training.networks.resfcn256 import POSITION_RANGE, ConvBlock, SameConv
from prnet.training.paper import recipe as paper


class TinyNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(SameConv(3, 4, stride=2), 4), ConvBlock(SameConv(4, 3), 3, nn.Sigmoid())
        )

    def forward(self, crops):
        small = self.layers(crops) * POSITION_RANGE
        return nn.functional.interpolate(small, scale_factor=2, mode="nearest")


def use(monkeypatch=None):
    """In place of the network of both presets of the paper."""
    torch.set_num_threads(1)
    (monkeypatch or pytest.MonkeyPatch()).setattr(paper, "ResFCN256", TinyNetwork)
