"""What a run keeps of itself: everything that its next step depends on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import torch

from prnet.errors import PrnetError, reason_of
from prnet.files.atomic import write_bytes
from prnet.files.zips import checked_zip
from prnet.training.initial import CHECKPOINT, load_weights


class Begun(NamedTuple):
    """How a run was begun, and is to go on. ``init``: the weights that it started from; ``batch``:
    samples a step, None where a run is counted in steps."""

    init: str | None
    batch: int | None = None

    def check(self, folder: Path, state: dict[str, Any]) -> None:
        """Raises PrnetError where a checkpoint was begun otherwise: the learning rate of trained
        weights is another, and so many steps are of so many samples. Of older ones, that do not
        tell, all is taken as it is."""
        init, batch = state.get("init", self.init), state.get("batch")
        if (init is None) != (self.init is None):
            wanted = "no --init" if init is None else f"--init {init}"
            got = "none" if self.init is None else self.init
        elif None not in (batch, self.batch) and batch != self.batch:
            wanted, got = f"--batch {batch}", str(self.batch)
        else:
            return
        raise PrnetError(
            f"{folder}: expected {wanted}, as this run was begun, got {got} "
            "(choose another --out for a new run)"
        )


def save_checkpoint(
    folder: Path,
    network: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    begun: Begun,
) -> None:
    """Raises PrnetError for weights that are no numbers, and leaves the checkpoint before."""
    if not all(bool(torch.isfinite(weights).all()) for weights in network.parameters()):
        raise PrnetError(f"step {step}: the weights are not finite; try a lower --learning-rate")
    state = {
        "network": network.state_dict(),
        "averaged": averaged.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        **begun._asdict(),
    }
    stream = io.BytesIO()  # torch's own writing to a full disk ends in an error of its own
    torch.save(state, stream)
    write_bytes(folder / CHECKPOINT, stream.getvalue())


def resume(
    folder: Path,
    network: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    begun: Begun,
) -> int:
    """Load the folder's checkpoint, if there is one; returns the number of steps done. The
    optimizer keeps its own settings. Raises PrnetError for a checkpoint of a run that was begun
    otherwise, and for what is none of this preset."""
    if not (folder / CHECKPOINT).exists():
        return 0
    state = read_checkpoint(folder / CHECKPOINT)
    try:
        load_weights(network, state["network"])
        load_weights(averaged, state["averaged"])
        given = optimizer.param_groups
        optimizer.load_state_dict(state["optimizer"])
        optimizer.param_groups = given
        step = int(state["step"])
    except Exception as error:  # what torch raises depends on what does not fit
        raise PrnetError(
            f"{folder}: expected a checkpoint of this preset and version, got another's "
            f"(choose another --out; --init {folder} may take its weights)"
        ) from error
    begun.check(folder, state)
    return step


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote; PrnetError for other and for damaged files."""
    try:
        checked_zip(path).close()
        state = torch.load(path, map_location="cpu", weights_only=True)
        lacking = {"network", "averaged", "optimizer", "step"} - set(state)
    except Exception as error:  # damaged files raise anything in torch
        raise PrnetError(
            f"{path}: expected a checkpoint of prnet train, got: {reason_of(error)}"
        ) from error
    if lacking:
        raise PrnetError(
            f"{path}: expected a checkpoint of prnet train, got no {', '.join(sorted(lacking))}"
        )
    return dict(state)
