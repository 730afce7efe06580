"""Settings of the detector's training."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints


@dataclass(frozen=True)
class DetectorConfig:
    """Settings of ``prnet train-detector``."""

    part: Annotated[
        Literal["first", "second"],
        "The network that finds candidates, or the one that looks at them.",
    ] = "first"
    data: Annotated[Path, "Folder of the pools, as tools/make_detector_pools.py writes it."] = Path(
        "pools"
    )
    out: Annotated[Path, "Folder of the checkpoint, the log and the network's file."] = Path(
        "runs/detector"
    )
    steps: Annotated[int, "Steps of the whole run."] = 7600
    batch: Annotated[
        int,
        "Of a step: pictures of 256 x 256 pixels (of other sizes, as many as make the same area), "
        "or a third of the crops.",
    ] = 16
    learning_rate: Annotated[float, "Peak, after a short rise and before a cosine fall."] = 2e-3
    weight_decay: Annotated[float, "Of AdamW, on kernels alone."] = 0.02
    average: Annotated[
        float, "Decay of the running average of the weights, which is what gets exported."
    ] = 0.998
    seed: Annotated[int, "Seed of the weights and of the pictures."] = 0
    threads: Annotated[int, "CPU threads."] = 1
    loaders: Annotated[
        int, "Processes that make pictures ahead of the training; 0 makes them in line."
    ] = 1
    save_every: Annotated[int, "Steps between checkpoints."] = 100


def add_settings(parser: argparse.ArgumentParser) -> None:
    """One option a field of DetectorConfig."""
    for name, hint in get_type_hints(DetectorConfig, include_extras=True).items():
        (kind, sentence), default = get_args(hint), getattr(DetectorConfig(), name)
        parser.add_argument(
            *(("-o",) if name == "out" else ()),
            f"--{name.replace('_', '-')}",
            type=type(default),
            choices=get_args(kind) or None,
            help=f"{sentence} (default: {default})",
        )


def settings_from(arguments: argparse.Namespace) -> DetectorConfig:
    """The settings with the options that were given in their place."""
    named: dict[str, Any] = {f.name: getattr(arguments, f.name) for f in fields(DetectorConfig)}
    given = {name: value for name, value in named.items() if value is not None}
    return replace(DetectorConfig(), **given)
