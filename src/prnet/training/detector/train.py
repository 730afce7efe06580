"""Train one of the detector's two steps on a folder of pools.

Everything random is drawn from (seed, step), so that a run that is stopped goes on as it would
have gone. On a CPU, glibc's MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=10737418240 made it
four times faster: no fresh pages for every tensor.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from prnet.detection.anchorfree import FIRST, SECOND
from prnet.errors import PrnetError
from prnet.files.atomic import append_line
from prnet.files.results import make_folder
from prnet.packaged import DATA
from prnet.training.checkpoints import Begun, resume, save_checkpoint
from prnet.training.detector.config import DetectorConfig
from prnet.training.detector.export import export_detector
from prnet.training.detector.mosaics import Mosaics
from prnet.training.detector.network import DetectorNetwork
from prnet.training.detector.pools import LEARNABLE
from prnet.training.detector.refine import RefineNetwork, examples, refine_losses
from prnet.training.detector.targets import losses, make_targets
from prnet.training.initial import CHECKPOINT, fill, weights_file
from prnet.training.interrupts import finishing_steps, leave_to_the_leader
from prnet.training.log import check_finite
from prnet.training.schedule import Schedule
from prnet.training.train import loaded, parameter_groups, update_average

SIZES = (192, 256, 256, 352)
"""Sides of the pictures of successive steps; as many pictures a step as make the same area."""
SAMPLED = 16
"""Steps whose inputs tell the ranges of the network's activations."""
WARM_UP = 200
"""Steps until the learning rate is at its peak."""
PEAK = 2e-3
"""The learning rate of a network that starts from nothing; half of it for trained weights."""


Batch = tuple[Tensor, Any]
"""Inputs of the network, and what its outputs should be."""


@dataclass(frozen=True)
class Part:
    """What one of the two steps is trained with."""

    network: Callable[[], nn.Module]
    batch: Callable[[Mosaics, np.random.Generator, int, DetectorConfig], Batch]
    losses: Callable[[Any, Any], dict[str, Tensor]]
    file: str


def train_detector(config: DetectorConfig) -> Path:
    """Run to ``config.steps``, from the checkpoint where there is one; returns the network file.
    Ctrl-C ends the step in hand, keeps a checkpoint and raises KeyboardInterrupt."""
    part = PARTS[config.part]
    check_pools(config)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    make_folder(config.out)
    network = part.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.init is not None and not (config.out / CHECKPOINT).exists():
        start_from(network, config.init, config)
    averaged = deepcopy(network).eval().requires_grad_(False)
    groups = parameter_groups(network)
    peak = config.learning_rate
    if peak is None:
        peak = PEAK if config.init is None else PEAK / 2
    optimizer = torch.optim.AdamW(groups, lr=peak, weight_decay=config.weight_decay)
    begun = Begun(config.init)
    step = resume(config.out, network, averaged, optimizer, begun)
    schedule = Schedule(
        samples=config.steps, learning_rate=peak, warmup=WARM_UP, batch=1,
        decay=1.0, halve_every=0, epoch=config.steps,
    )  # fmt: skip
    sums: dict[str, list[float]] = {}
    start = time.monotonic()
    log(config, {"config": {key: str(value) for key, value in asdict(config).items()}})
    with finishing_steps(alone=True) as asked_to_stop:
        for inputs, targets in loaded(batches(config, step)):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            found = part.losses(network(inputs), targets)
            optimizer.zero_grad(set_to_none=True)
            found["total"].backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            step += 1
            update_average(averaged, network, config.average, step)
            for name, loss in found.items():
                sums.setdefault(name, []).append(float(loss.detach()))
            check_finite(step, sums["total"][-1])
            stopping = asked_to_stop() and step < config.steps
            if step % config.save_every == 0 or step == config.steps:
                told = {name: round(fmean(of_steps), 4) for name, of_steps in sums.items()}
                log(config, {"step": step, "seconds": round(time.monotonic() - start), **told})
                sums = {}
                save_checkpoint(config.out, network, averaged, optimizer, step, begun)
            elif stopping:
                save_checkpoint(config.out, network, averaged, optimizer, step, begun)
            if stopping:
                said = f"stopped after {step} steps; the same command goes on from there"
                print(said, flush=True)
                raise KeyboardInterrupt
    file = config.out / part.file
    export_detector(averaged, file, samples(config))
    return file


def check_pools(config: DetectorConfig) -> None:
    """Raises PrnetError where nothing can be learned from the pools."""
    scenes = Mosaics(config.data).scenes
    if config.part == "second" and not len(scenes.faces.photo):
        path = config.data / "scenes"
        raise PrnetError(f"{path}: expected a face of {LEARNABLE:g} pixels or more, got none")


def start_from(network: nn.Module, init: str, config: DetectorConfig) -> None:
    """Fill ``network`` with the weights that ``init`` names: a folder's or the package's file of
    this part, another exported file, or a checkpoint."""
    name = PARTS[config.part].file
    file = weights_file(init, lambda folder: (DATA if folder is None else Path(folder)) / name)
    fill(network, file, lambda: next(iter(_Steps(config, range(1))))[0])


def samples(config: DetectorConfig) -> Iterator[NDArray[np.uint8]]:
    """What the first steps of a training saw: images (H, W, 3), or crops one by one."""
    steps = iter(_Steps(config, range(SAMPLED)))
    inputs = ((inputs * 255).round().byte().permute(0, 2, 3, 1).numpy() for inputs, _ in steps)
    return (image for images in inputs for image in images)


def log(config: DetectorConfig, line: dict[str, object]) -> None:
    append_line(config.out / "log.jsonl", json.dumps(line))


def batches(config: DetectorConfig, first: int) -> DataLoader[Batch]:
    return DataLoader(
        _Steps(config, range(first, config.steps)),
        batch_size=None,
        num_workers=config.loaders,
        prefetch_factor=6 if config.loaders else None,
        worker_init_fn=leave_to_the_leader,
    )


class _Steps(IterableDataset[Batch]):
    def __init__(self, config: DetectorConfig, steps: range) -> None:
        self._config, self._steps = config, steps

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        if worker is not None:
            torch.set_num_threads(1)
        mosaics = Mosaics(self._config.data)
        offset, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in self._steps[offset::stride]:
            random = np.random.default_rng([self._config.seed, step])
            yield PARTS[self._config.part].batch(mosaics, random, step, self._config)


def _pictures(
    mosaics: Mosaics, random: np.random.Generator, step: int, config: DetectorConfig
) -> Batch:
    size = SIZES[step % len(SIZES)]
    count = max(1, round(config.batch * (256 / size) ** 2))
    pictures = [mosaics.picture(random, size) for _ in range(count)]
    pixels = torch.from_numpy(np.stack([picture.canvas for picture in pictures]))
    return pixels.permute(0, 3, 1, 2).float() / 255, make_targets(pictures)


def _crops(
    mosaics: Mosaics, random: np.random.Generator, step: int, config: DetectorConfig
) -> Batch:
    made = examples(mosaics, random, 3 * config.batch)
    return made.crops, made


PARTS = {
    "first": Part(DetectorNetwork, _pictures, losses, FIRST),
    "second": Part(RefineNetwork, _crops, refine_losses, SECOND),
}
