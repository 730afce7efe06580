"""Train the compact network.

The weights in the package were made by the command that ``prnet train --help`` states. Everything
random is drawn from (seed, step), so a run that is stopped and started again takes the same steps
as one that is not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import asdict
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from prnet.errors import PrnetError
from prnet.training.augment import Augmentation
from prnet.training.config import TrainConfig
from prnet.training.dataset import Batch, PreparedData
from prnet.training.export import export_onnx
from prnet.training.losses import PositionMapLoss
from prnet.training.network import CROP_SIZE, CompactNetwork
from prnet.training.validate import Validation
from prnet.uv import default_layout

CHECKPOINT = "checkpoint.pt"


def train(config: TrainConfig, *, stop_after: int | None = None) -> dict[str, float]:
    """Run to ``config.samples`` samples (or stop early after so many steps); returns the last
    validation. Continues from ``config.out``'s checkpoint when there is one."""
    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    data = PreparedData(config.data, device=config.device)
    loss = make_loss(config, data)
    network = CompactNetwork()
    network.start_from(mean_map_in_crop())
    network.to(config.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = deepcopy(network).eval().requires_grad_(False)
    optimizer = make_optimizer(config, network)
    step = resume(config.out, network, averaged, optimizer)
    validation = Validation(data, loss, crop_size=CROP_SIZE)

    steps = config.samples // config.batch
    every = max(1, config.validate_every // config.batch)
    last = steps if stop_after is None else min(steps, step + stop_after)
    result: dict[str, float] = {}
    bar = tqdm(total=steps, initial=step, desc="steps", mininterval=5)
    log = Log(config.out / "log.jsonl", config)
    for batch in batches(config, data, step, last):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate(config, step)
        losses = loss(network.control_points(batch.crops), batch.grid, batch.landmarks)
        if not torch.isfinite(losses.total):
            raise PrnetError(f"step {step}: the loss is not finite; try a lower --learning-rate")
        optimizer.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        step += 1
        update_average(averaged, network, config.average, step)
        log.add(losses.grid, losses.landmarks, losses.openings)
        bar.update()
        if step % every == 0 or step == steps:
            result = validation(averaged)
            log.write(step, result)
            bar.write(f"{step * config.batch} samples: {result}")
            save_checkpoint(config.out, network, averaged, optimizer, step)
    bar.close()
    if step < steps or not result:
        save_checkpoint(config.out, network, averaged, optimizer, step)
        result = validation(averaged)
    difference = export_onnx(averaged, config.out / "network.onnx", crop_size=CROP_SIZE)
    default_layout().save(config.out / "uv_layout.npz")
    bar.write(f"exported {config.out / 'network.onnx'}; {difference:.4f} px from torch at most")
    return result


def make_loss(config: TrainConfig, data: PreparedData) -> PositionMapLoss:
    return PositionMapLoss(
        default_layout(),
        data.grid_inside,
        landmark_weight=config.landmark_weight,
        depth_weight=config.depth_weight,
        opening_weight=config.opening_weight,
        device=config.device,
    )


def make_optimizer(config: TrainConfig, network: CompactNetwork) -> torch.optim.Optimizer:
    """AdamW; biases and normalisation do not decay."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def rate(config: TrainConfig, step: int) -> float:
    """Share of the peak learning rate: a rise, a plateau, a cosine fall to 1 %."""
    seen = step * config.batch
    left = (config.samples - seen) / (config.samples * config.decay)
    fall = 0.01 + 0.99 * (1 - cos(pi * min(1.0, left))) / 2
    return min(1.0, (seen + config.batch) / config.warmup) * fall


def batches(config: TrainConfig, data: PreparedData, first: int, last: int) -> Iterable[Batch]:
    """The batches of steps first..last-1, made ahead by ``config.loaders`` processes."""
    return DataLoader(
        _Steps(config, data, first, last),
        batch_size=None,
        num_workers=config.loaders,
        prefetch_factor=4 if config.loaders else None,
    )


class _Steps(IterableDataset[Batch]):
    def __init__(self, config: TrainConfig, data: PreparedData, first: int, last: int) -> None:
        self._config, self._data, self._first, self._last = config, data, first, last

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        offset, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in range(self._first + offset, self._last, stride):
            yield random_batch(self._config, self._data, step)


def random_batch(config: TrainConfig, data: PreparedData, step: int) -> Batch:
    """The batch of this step, a function of (seed, step) alone."""
    random = np.random.default_rng([config.seed, step])
    crops, labels = data.draw(random, config.batch, turned_share=config.turned)
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    return data.batch(crops, labels, generator, Augmentation(), crop_size=CROP_SIZE)


def mean_map_in_crop() -> np.ndarray[Any, np.dtype[np.float32]]:
    """The canonical face as large and where a frontal face is in a crop: (256, 256, 3)."""
    from prnet.crop import CropTransform

    layout = default_layout()
    crop = CropTransform.from_landmarks(layout.sample_landmarks(layout.canonical), size=CROP_SIZE)
    placed = np.asarray(crop.to_crop(layout.canonical), np.float32)
    placed = layout.with_z_origin(placed)
    placed[~layout.region] = [(CROP_SIZE - 1) / 2, (CROP_SIZE - 1) / 2, 0]
    return placed


@torch.no_grad()
def update_average(
    averaged: torch.nn.Module, network: torch.nn.Module, decay: float, step: int
) -> None:
    """Move the average of weights and of normalisation statistics toward the network's."""
    share = 1 - min(decay, step / (step + 10))
    for mean, value in zip(
        averaged.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, share)
        else:
            mean.copy_(value)


def save_checkpoint(
    folder: Path,
    network: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    """Everything that the next step depends on."""
    temporary = folder / (CHECKPOINT + ".part")
    torch.save(
        {
            "network": network.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
        },
        temporary,
    )
    temporary.replace(folder / CHECKPOINT)


def resume(
    folder: Path,
    network: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Load the folder's checkpoint, if there is one; returns the number of steps done."""
    if not (folder / CHECKPOINT).exists():
        return 0
    state = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    averaged.load_state_dict(state["averaged"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


class Log:
    """JSON lines: the settings once a start, then means since the last line with the validation."""

    def __init__(self, path: Path, config: TrainConfig) -> None:
        self._path = path
        self._start = time.monotonic()
        self._sums = np.zeros(3)
        self._count = 0
        self._append({"config": {k: str(v) for k, v in asdict(config).items()}})

    def add(self, *losses: torch.Tensor) -> None:
        self._sums += [float(loss) for loss in losses]
        self._count += 1

    def write(self, step: int, validation: dict[str, float]) -> None:
        grid, landmarks, openings = (self._sums / max(1, self._count)).round(4).tolist()
        seconds = round(time.monotonic() - self._start)
        losses = {"grid": grid, "landmarks": landmarks, "openings": openings}
        self._append({"step": step, "seconds": seconds, "losses": losses, "nme": validation})
        self._sums[:], self._count = 0, 0

    def _append(self, line: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
