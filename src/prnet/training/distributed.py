"""One process or several: ``torchrun --nproc-per-node N -m prnet train ...``.

Every process takes its share of each batch; gradients, logged losses and the statistics of batch
norm are means over all of them, so that N processes take the steps of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from prnet.errors import PrnetError, reason_of


@dataclass(frozen=True)
class Process:
    """This process among ``world``; the one of rank 0 also writes files and talks."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Which samples of a batch are this process's."""
        size, left = divmod(batch, self.world)
        if left:
            raise PrnetError(f"expected a batch that {self.world} processes share, got {batch}")
        return slice(self.rank * size, (self.rank + 1) * size)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of all processes' values."""
        if self.world > 1:
            dist.all_reduce(value)
            value /= self.world
        return value

    def any(self, mine: bool) -> bool:
        """Whether it is so in any process."""
        if self.world == 1:
            return mine
        return bool(self.mean(torch.tensor(float(mine), device=self.device)) > 0)

    def parallel(self, step: nn.Module) -> nn.Module:
        """``step``, whose gradients are now means over all processes."""
        if self.world == 1:
            return step
        for module in step.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = SharedBatchNorm
        return nn.parallel.DistributedDataParallel(step, broadcast_buffers=False)


@contextmanager
def this_process(device: str) -> Iterator[Process]:
    """As torchrun's environment says; alone without it. NCCL joins GPUs, gloo CPUs, unless the
    caller has joined them already."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    try:
        torch.empty(0, device=device).cpu()
    except (RuntimeError, AssertionError) as error:  # the latter from builds without CUDA
        raise PrnetError(
            f"expected a torch device that is here, got {device}: {reason_of(error)}"
        ) from error
    if world == 1:
        yield Process(0, 1, torch.device(device))
        return
    on_gpu = device.startswith("cuda")
    mine = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device(device)
    if on_gpu:
        torch.cuda.set_device(mine)
    joined = dist.is_initialized()
    if not joined:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Process(dist.get_rank(), world, mine)
        dist.barrier()  # nobody goes on before the leader's files are written
    finally:
        if not joined:
            dist.destroy_process_group()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the shares of all processes, which torch's SyncBatchNorm does on GPUs only.

    The shares are of one size.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        mean = _global_mean(x.mean((0, 2, 3)))
        centred = x - mean[:, None, None]
        variance = _global_mean((centred**2).mean((0, 2, 3)))
        self._remember(mean, variance, x.numel() // x.shape[1] * dist.get_world_size())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / (count - 1), momentum)
        self.num_batches_tracked.add_(1)


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _global_mean(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return total / dist.get_world_size()
