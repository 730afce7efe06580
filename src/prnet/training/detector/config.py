"""Settings of the detector's training."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from prnet.training.config import Told, check_settings, given_settings
from prnet.training.config import add_settings as add_settings_of


@dataclass(frozen=True)
class DetectorConfig:
    """Settings of ``prnet train-detector``; raises PrnetError for numbers beyond their bounds."""

    part: Annotated[
        Literal["first", "second"],
        Told("The network that finds candidates, or the one that looks at them."),
    ] = "first"
    data: Annotated[
        Path, Told("Folder of the pools, as tools/make_detector_pools.py writes it.")
    ] = Path("pools")
    out: Annotated[Path, Told("Folder of the checkpoint, the log and the network's file.")] = Path(
        "runs/detector"
    )
    init: Annotated[
        str | None,
        Told(
            "Weights to start from: a checkpoint.pt of the same part, its exported network, a "
            "folder with either, or `shipped`, the package's own.",
            otherwise="none, random weights",
        ),
    ] = None
    steps: Annotated[int, Told("Steps of the whole run.", least=1)] = 7600
    batch: Annotated[
        int,
        Told(
            "Of a step: pictures of 256 x 256 pixels (of other sizes, as many as make the same "
            "area), or a third of the crops.",
            least=1,
        ),
    ] = 16
    learning_rate: Annotated[
        float | None,
        Told(
            "Peak, after a short rise and before a cosine fall.",
            least=0,
            otherwise="0.002; with --init 0.001",
        ),
    ] = None
    weight_decay: Annotated[float, Told("Of AdamW, on kernels alone.", least=0)] = 0.02
    average: Annotated[
        float,
        Told(
            "Decay of the running average of the weights, which is what gets exported.",
            least=0,
            most=1,
        ),
    ] = 0.998
    seed: Annotated[int, Told("Seed of the weights and of the pictures.", least=0)] = 0
    threads: Annotated[int, Told("CPU threads.", least=1)] = 1
    loaders: Annotated[
        int,
        Told("Processes that make pictures ahead of the training; 0 makes them in line.", least=0),
    ] = 1
    save_every: Annotated[int, Told("Steps between checkpoints.", least=1)] = 100

    def __post_init__(self) -> None:
        check_settings(self)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """One option a field of DetectorConfig."""
    add_settings_of(parser, DetectorConfig, {"": DetectorConfig()})


def settings_from(arguments: argparse.Namespace) -> DetectorConfig:
    """The settings with the options that were given in their place."""
    return DetectorConfig(**given_settings(arguments, DetectorConfig))
