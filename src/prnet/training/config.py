"""Settings of a training run: one dataclass, a sentence under each field, one instance a preset."""

from __future__ import annotations

import argparse
import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

Preset = Literal["compact", "paper", "paper-ict"]

SHIPPED_COMMAND = """\
prnet prepare labels.npz --face-model ict.npz --out prepared --shards 0:12
prnet train --data prepared --samples 1050000 --precision bfloat16 \\
  --threads 2 --validate-every 51200"""
"""What made the weights in the package."""


@dataclass(frozen=True)
class TrainConfig:
    preset: Preset = "compact"
    """Recipe: network, data, loss and the defaults of what follows."""
    data: Path = Path("prepared")
    """Folder that `prnet prepare` wrote; for paper, 300W-LP's."""
    face_model: Path = Path("BFM")
    """Folder of the Basel Face Model, for paper alone."""
    uv_data: Path = Path("uv-data")
    """Folder of the 2018 release's UV files, for paper alone."""
    out: Path = Path("runs/compact")
    """Folder for checkpoints, the log (log.jsonl) and the exported network."""
    samples: int = 320_000
    """Training samples in all; a larger number continues a finished run."""
    batch: int = 64
    """Samples a step, of all processes together."""
    learning_rate: float = 2e-3
    """Peak learning rate."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """adamw shrinks weights beside the gradient, adam by an L2 term in the loss."""
    weight_decay: float = 0.02
    """Weight decay, or weight of the L2 term."""
    clip: float = 5.0
    """Largest norm of the gradient, 0 for any."""
    warmup: float = 10_000
    """Samples over which the learning rate rises from 0."""
    decay: float = 0.6
    """Last share of the run over which the learning rate falls to 1 % on a cosine."""
    halve_every: int = 0
    """Epochs after which the learning rate halves, again and again, instead of rise and cosine."""
    average: float = 0.998
    """Decay per step of the moving average of the weights, which is what gets exported."""
    turned: float = 0.45
    """Share of out-of-plane views in a batch, for compact alone."""
    landmark_weight: float = 1.0
    """Weight of the 68 landmarks beside the map, for compact alone."""
    opening_weight: float = 2.5
    """Weight of the lid and lip openings beside the map, for compact alone."""
    shape_weight: float = 1.0
    """Weight of the landmarks after alignment, for compact alone."""
    edge_weight: float = 3.0
    """Weight of the differences between neighbours on the map, for compact alone."""
    depth_weight: float = 0.6
    """Scale of z differences beside x and y, for compact alone."""
    seed: int = 0
    """Seed of the weights, the order of samples and the augmentation."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network in training; bfloat16 is faster where the hardware has it; the
    other presets refuse it."""
    threads: int = 0
    """CPU threads, 0 for all."""
    loaders: int = 1
    """Processes that make batches ahead of the training; 0 makes them in line."""
    device: str = "cpu"
    """torch device, such as cpu or cuda; torchrun's processes take one GPU each."""
    validate_every: int = 25_600
    """Samples between validations and checkpoints."""


_PAPER = TrainConfig(
    preset="paper",
    data=Path("300W_LP"),
    out=Path("runs/paper"),
    samples=3_673_500,
    batch=16,
    learning_rate=1e-4,
    optimizer="adam",
    weight_decay=2e-4,
    clip=0.0,
    halve_every=5,
    average=0.0,
    validate_every=122_450,
)
PRESETS: Mapping[str, TrainConfig] = {
    "compact": TrainConfig(),
    "paper": _PAPER,
    "paper-ict": replace(
        _PAPER,
        preset="paper-ict",
        data=Path("prepared"),
        out=Path("runs/paper-ict"),
        samples=1_500_000,
        validate_every=48_000,
    ),
}
"""The paper does not say how long it trained: 30 epochs of 300W-LP's 122,450 photos here."""


class Setting(NamedTuple):
    """One line of what a preset does, and where that is from."""

    name: str
    value: str
    source: str


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


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """One option a field of TrainConfig; those not given stay the preset's."""
    hints = get_type_hints(TrainConfig)
    for name, sentence in sentences(TrainConfig).items():
        default = getattr(TrainConfig(), name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            choices=get_args(hints[name]) or None,
            help=f"{sentence} {_defaults(name)}".replace("%", "%%"),
        )


def _defaults(name: str) -> str:
    """(default: 64, paper: 16), each preset once that differs from the first."""
    first = getattr(TrainConfig(), name)
    values = {preset: getattr(config, name) for preset, config in PRESETS.items()}
    others = [
        f"{preset}: {value}"
        for preset, value in values.items()
        if value != first and name != "preset"
    ]
    return f"(default: {', '.join([str(first), *others])})"


def config_from(arguments: argparse.Namespace) -> TrainConfig:
    """The preset's settings with the options that were given in their place."""
    named: dict[str, Any] = {f.name: getattr(arguments, f.name) for f in fields(TrainConfig)}
    given = {name: value for name, value in named.items() if value is not None}
    return replace(PRESETS[given.get("preset", "compact")], **given)
