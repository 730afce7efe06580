"""Weights that a run starts from: ``--init`` of `prnet train` and of `prnet train-detector`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from prnet.errors import PrnetError, reason_of
from prnet.files.zips import checked_zip
from prnet.layout.uv_layout import UVLayout
from prnet.network.position_map_network import network_file
from prnet.training.recipes import Recipe

SHIPPED = "shipped"
CHECKPOINT = "checkpoint.pt"
MOVING_STEPS = 1_000
"""In shorter runs batch norm's statistics move more slowly; 30 photos end 1 % worse by 4,000."""
CALIBRATION_STEPS = 4
"""Batches that batch norm's statistics are measured on, which an exported file has no more."""


def start_from(network: nn.Module, init: str, recipe: Recipe, *, batch: int) -> None:
    """Fill ``network``, which is on the CPU, with the weights that ``init`` names: `SHIPPED`, a
    checkpoint (its average, which is what gets exported), an exported network, or a folder with
    either. Raises PrnetError for what does not fit."""
    file = weights_file(init, network_file)
    _check_layout(file, recipe.layout)
    batches = (recipe.batch(step, slice(0, batch)).crops for step in range(CALIBRATION_STEPS))
    fill(network, file, lambda: torch.cat(list(batches)).cpu())


def fill(network: nn.Module, file: Path, inputs: Callable[[], Tensor]) -> None:
    """Fill ``network`` from a checkpoint or an exported file; ``inputs`` gives some of what it is
    trained on (B, 3, H, W), which only an exported file needs."""
    if file.suffix == ".onnx":
        try:
            from prnet.training.networks.read_onnx import calibrate, load_onnx
        except ModuleNotFoundError as error:
            raise PrnetError(f"{file}: expected {error.name} to read it, got none") from error
        seen = inputs()
        calibrate(network, load_onnx(network, file, seen), seen)
    else:
        _load_checkpoint(network, file)


def keep_statistics(network: nn.Module, steps: int) -> None:
    """Batch norm's statistics of trained weights move slowly in a short run: those of a few photos
    alone are worse."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.momentum is not None:
            module.momentum *= min(1.0, steps / MOVING_STEPS)


def weights_file(init: str, file_in: Callable[[str | Path | None], Path]) -> Path:
    """The file that ``init`` names. ``file_in``: the exported network in a folder, in the package's
    for None."""
    path = file_in(None) if init == SHIPPED else Path(init)
    if path.is_dir():
        path = path / CHECKPOINT if (path / CHECKPOINT).is_file() else file_in(path)
    if not path.is_file():
        raise PrnetError(f"{init}: expected weights to start from (--init), got no such file")
    return path


def _check_layout(weights: Path, layout: UVLayout) -> None:
    """Where the file's own UV layout lies beside it, its region must be the run's."""
    beside = weights.with_name("uv_layout.npz")
    if beside.is_file() and not np.array_equal(UVLayout.load(beside).region, layout.region):
        raise PrnetError(f"{weights}: expected weights for the UV layout {layout.name}, got others")


def _load_checkpoint(network: nn.Module, file: Path) -> None:
    try:
        checked_zip(file).close()
        state = torch.load(file, map_location="cpu", weights_only=True)
        load_weights(network, state["averaged"])
    except Exception as error:  # a damaged pickle raises nearly anything
        raise PrnetError(
            f"{file}: expected a checkpoint of this preset, got: {reason_of(error)}"
        ) from error


def load_weights(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """As ``network.load_state_dict``; checkpoints from before networks looked closer, or judged
    themselves, do."""
    absent = network.load_state_dict(dict(state), strict=False)
    lacking = [key for key in absent.missing_keys if not key.startswith(("closer.", "judge."))]
    if lacking or absent.unexpected_keys:
        raise ValueError(f"other weights: {(lacking + absent.unexpected_keys)[0]}")
