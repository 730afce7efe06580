"""Train a network by one of the presets of `prnet.training.config`.

The weights in the package were made by the command that ``prnet train --help`` states. Everything
random is drawn from (seed, step), so a run that is stopped and started again takes the same steps
as one that is not, and so do several processes (``torchrun``, see `prnet.training.distributed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from prnet.errors import PrnetError
from prnet.files.results import make_folder
from prnet.network.crop_rules import save_crop_rules
from prnet.training.checkpoints import Begun, resume, save_checkpoint
from prnet.training.config import TrainConfig, loaders
from prnet.training.data.dataset import Batch
from prnet.training.distributed import this_process
from prnet.training.initial import CHECKPOINT, keep_statistics, start_from
from prnet.training.interrupts import finishing_steps, leave_to_the_leader
from prnet.training.log import Log
from prnet.training.progress import progress
from prnet.training.recipes import Recipe, make_recipe
from prnet.training.schedule import Schedule

_Item = TypeVar("_Item")


def train(config: TrainConfig, *, stop_after: int | None = None) -> dict[str, float]:
    """Run to the end of its `Schedule` (or stop early after so many steps); returns the last
    validation, on the leading process. Continues from ``config.out``'s checkpoint when there is
    one. Ctrl-C ends the step in hand, keeps a checkpoint and raises KeyboardInterrupt."""
    with (
        this_process(config.device) as process,
        finishing_steps(alone=process.world == 1) as asked_to_stop,
        ExitStack() as closing,
    ):
        torch.manual_seed(config.seed)
        if config.threads:
            torch.set_num_threads(config.threads)
        make_folder(config.out)
        recipe = make_recipe(config, process.device)
        schedule = Schedule.of(config, epoch=recipe.epoch)
        network = recipe.network()
        starts = config.init is not None and not (config.out / CHECKPOINT).exists()
        if config.init is not None and starts:
            start_from(network, config.init, recipe, batch=config.batch)
        if config.init is not None:
            keep_statistics(network, schedule.steps)
        network.to(process.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        averaged = deepcopy(network).eval().requires_grad_(False)
        optimizer = make_optimizer(config, network, schedule.learning_rate)
        begun = Begun(config.init, config.batch)
        step = resume(config.out, network, averaged, optimizer, begun)
        losses_of = process.parallel(_Losses(recipe, network))
        validate = recipe.validation() if process.leads else None

        every = max(1, config.validate_every // config.batch)
        last = schedule.steps if stop_after is None else min(schedule.steps, step + stop_after)
        result: dict[str, float] = {}
        bar = progress(schedule.steps, step, quiet=not process.leads)
        closing.callback(bar.close)  # so that an error has a line of its own
        for setting in [*recipe.settings(), *schedule.settings()]:
            bar.write("{:<14}{}  ({})".format(*setting))
        if starts and validate is not None:
            bar.write(f"{config.init}: {validate(averaged)}")
        log = Log(config.out / "log.jsonl", asdict(config) | asdict(schedule), process.leads)
        stopped = process.any(asked_to_stop())
        last = step if stopped else last
        for batch in loaded(batches(config, recipe, step, last, share=process.share(config.batch))):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            losses = learn(losses_of, batch.to(process.device), optimizer, clip=config.clip)
            step += 1
            update_average(averaged, network, config.average, step)
            bar.update()
            log.add(step, {name: process.mean(loss) for name, loss in losses.items()})
            if step % every == 0 or step == schedule.steps:
                log.means(step)  # which ends all processes alike
            if validate is not None and (step % every == 0 or step == schedule.steps):
                result = validate(averaged)
                log.write(step, result)
                bar.write(f"{step * config.batch} samples: {result}")
                save_checkpoint(config.out, network, averaged, optimizer, step, begun)
            stopped = process.any(asked_to_stop()) and step < schedule.steps
            if stopped:
                break
        bar.close()
        log.means(step)
        if validate is not None and (step < schedule.steps or not result):
            save_checkpoint(config.out, network, averaged, optimizer, step, begun)
            result = {} if stopped else validate(averaged)
        if validate is not None and not stopped:
            if step == schedule.steps:
                log.judged(recipe.judge(averaged, step * config.batch))
                save_checkpoint(config.out, network, averaged, optimizer, step, begun)
            print(export(recipe, averaged, config.out), flush=True)
    if stopped:
        if validate is not None:
            seen = step * config.batch
            print(f"stopped after {seen} samples; the same command goes on from there", flush=True)
        raise KeyboardInterrupt
    return result


def learn(
    losses_of: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer, *, clip: float
) -> dict[str, Tensor]:
    """One step; returns its losses, which nobody has waited for."""
    with tensor_cores(batch.crops.device):
        losses: dict[str, Tensor] = losses_of(batch)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses["total"])
    if clip:
        nn.utils.clip_grad_norm_(losses_of.parameters(), clip)
    optimizer.step()
    return {name: loss.detach().clone() for name, loss in losses.items()}


@contextmanager
def tensor_cores(device: torch.device) -> Iterator[None]:
    """On a GPU: matrix products with the 10 bits of TF32, as torch's convolutions are anyway, and
    the fastest convolutions of several; positions that batches are made of keep all their bits."""
    matrices = torch.backends.cuda.matmul
    before = matrices.allow_tf32, torch.backends.cudnn.benchmark
    if device.type == "cuda":
        matrices.allow_tf32 = torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        matrices.allow_tf32, torch.backends.cudnn.benchmark = before


class _Losses(nn.Module):
    """A batch -> its losses, in one module, so that DistributedDataParallel sees all of it."""

    def __init__(self, recipe: Recipe, network: nn.Module) -> None:
        super().__init__()
        self._recipe, self.network = recipe, network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self._recipe.losses(self.network, batch)


def make_optimizer(config: TrainConfig, network: nn.Module, rate: float) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    groups = parameter_groups(network)
    return kind(groups, lr=rate, weight_decay=config.weight_decay, fused=True)


def parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """Biases and normalisation neither decay nor have an L2 term, as in the released graph."""
    trained = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    return [{"params": matrices}, {"params": others, "weight_decay": 0.0}]


def batches(
    config: TrainConfig, recipe: Recipe, first: int, last: int, *, share: slice
) -> Iterable[Batch]:
    """Shares of the batches of steps first..last-1, made ahead by `loaders`."""
    return DataLoader(
        _Steps(recipe, range(first, last), share),
        batch_size=None,
        num_workers=loaders(config),
        prefetch_factor=4 if loaders(config) else None,
        worker_init_fn=leave_to_the_leader,
    )


def loaded(loader: Iterable[_Item]) -> Iterator[_Item]:
    """What a loader gives; errors of its processes as they were raised there, without the traceback
    that torch makes part of the message."""
    try:
        yield from loader
    except PrnetError as error:
        raise PrnetError(str(error).rpartition("PrnetError: ")[2].strip()) from error


class _Steps(IterableDataset[Batch]):
    def __init__(self, recipe: Recipe, steps: range, share: slice) -> None:
        self._recipe, self._steps, self._share = recipe, steps, share

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        offset, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in self._steps[offset::stride]:
            yield self._recipe.batch(step, self._share)


def export(recipe: Recipe, averaged: nn.Module, folder: Path) -> str:
    """Make ``folder`` a model folder for ``--model``; returns a line to tell."""
    recipe.layout.save(folder / "uv_layout.npz")
    save_crop_rules(folder, recipe.crop_rules)
    path = folder / "network.onnx"
    try:
        from prnet.training.networks.export import export_onnx

        difference = export_onnx(averaged, path, crop_size=recipe.crop_size)
    except ModuleNotFoundError as error:
        return f"{path}: not exported for want of {error.name}; the same command where it is will"
    return f"exported {path}; {difference:.4f} px from torch at most"


@torch.no_grad()
def update_average(
    averaged: torch.nn.Module, network: torch.nn.Module, decay: float, step: int
) -> None:
    """Move the average of weights and of normalisation statistics toward the network's."""
    share = 1 - min(decay, step / (step + 10))
    states = (averaged.state_dict().values(), network.state_dict().values())
    pairs = list(zip(*states, strict=True))
    means, values = zip(*(pair for pair in pairs if pair[0].dtype.is_floating_point), strict=True)
    torch._foreach_lerp_(means, values, share)  # all in one go: a GPU would wait for each call
    for mean, value in pairs:
        if not mean.dtype.is_floating_point:
            mean.copy_(value)
