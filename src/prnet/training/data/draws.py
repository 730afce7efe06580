"""Random numbers for batches, on the device that the batches are made on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Draws:
    """Random numbers of one step: a function of the seed and, as to tensors, of the kind of device.

    What steers the program (how many samples, how coarse) is drawn as plain ``numbers``: reading
    them from a GPU would make each step wait for it.
    """

    def __init__(self, *seed: int, device: torch.device | str = "cpu") -> None:
        self.numbers = np.random.default_rng(seed)
        self.device = torch.device(device)
        self._tensors = generator(self.device)
        self._tensors.manual_seed(int(self.numbers.integers(2**62)))

    def uniform(self, *shape: int) -> Tensor:
        """float32 in 0..1."""
        return torch.rand(shape, generator=self._tensors, device=self.device)

    def within(self, reach: float, *shape: int) -> Tensor:
        """float32 in -reach..reach."""
        return (self.uniform(*shape) * 2 - 1) * reach

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._tensors, device=self.device)

    def integers(self, below: int, *shape: int) -> Tensor:
        """int64 in 0..below - 1."""
        return torch.randint(below, shape, generator=self._tensors, device=self.device)

    def chosen(self, count: int, probability: float) -> Tensor:
        """Indices of the samples that something happens to, each with this probability and
        independently, in random order."""
        number = int(self.numbers.binomial(count, probability))
        return torch.randperm(count, generator=self._tensors, device=self.device)[:number]


def generator(device: torch.device) -> torch.Generator:
    return torch.Generator(device)
