"""Settings of a training run: one dataclass, a sentence under each field."""

from __future__ import annotations

import argparse
import ast
import inspect
import textwrap
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainConfig:
    data: Path = Path("prepared")
    """Folder that `prnet prepare` wrote."""
    out: Path = Path("runs/compact")
    """Folder for checkpoints, the log (log.jsonl) and the exported network."""
    samples: int = 320_000
    """Training samples in all; a larger number continues a finished run."""
    batch: int = 64
    """Samples a step."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.02
    """AdamW's weight decay."""
    warmup: float = 10_000
    """Samples over which the learning rate rises from 0."""
    decay: float = 0.6
    """Last share of the run over which the learning rate falls to 1 % on a cosine."""
    average: float = 0.998
    """Decay per step of the moving average of the weights, which is what gets exported."""
    turned: float = 0.45
    """Share of out-of-plane views in a batch."""
    landmark_weight: float = 0.5
    """Weight of the 68 landmarks beside the map."""
    opening_weight: float = 0.25
    """Weight of the lid and lip openings beside the map."""
    depth_weight: float = 0.6
    """Scale of z differences beside x and y."""
    seed: int = 0
    """Seed of the weights, the order of samples and the augmentation."""
    threads: int = 0
    """CPU threads, 0 for all."""
    loaders: int = 1
    """Processes that make batches ahead of the training; 0 makes them in line."""
    device: str = "cpu"
    """torch device, such as cpu or cuda."""
    validate_every: int = 25_600
    """Samples between validations and checkpoints."""


def sentences(config_class: type) -> dict[str, str]:
    """The sentence under each field of a settings dataclass."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(config_class))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(text.value, ast.Constant)
            found[field.target.id] = str(text.value.value)
    return found


def add_config_arguments(parser: argparse.ArgumentParser, config: Any) -> None:
    """One option a field of the dataclass instance ``config``, whose values are the defaults."""
    for name, sentence in sentences(type(config)).items():
        default = getattr(config, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            help=f"{sentence} (default: {default})".replace("%", "%%"),
        )


def config_from(arguments: argparse.Namespace, config_class: type[TrainConfig]) -> TrainConfig:
    """The settings that the parsed arguments hold."""
    return config_class(**{f.name: getattr(arguments, f.name) for f in fields(config_class)})
