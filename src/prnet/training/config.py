"""Settings of a training run: one dataclass, a sentence with each field, one instance a preset."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

from prnet.errors import PrnetError

Preset = Literal["compact", "paper", "paper-ict"]


@dataclass(frozen=True)
class Told:
    """What stands with a setting: its sentence, its bounds, and in words what None means."""

    sentence: str
    least: float = -inf
    most: float = inf
    otherwise: str = ""

    def check(self, name: str, value: object) -> None:
        if isinstance(value, int | float) and not self.least <= value <= self.most:
            bounds = f"{self.least:g} to {self.most:g}".removesuffix(" to inf")
            more = " or more" if self.most == inf else ""
            raise PrnetError(f"expected {option(name)} of {bounds}{more}, got {value:g}")


@dataclass(frozen=True)
class TrainConfig:
    """What a run is made from; raises PrnetError for numbers beyond their bounds."""

    preset: Annotated[Preset, Told("Recipe: network, data, loss and the defaults below.")] = (
        "compact"
    )
    data: Annotated[Path, Told("Folder that `prnet prepare` wrote; for paper, 300W-LP's.")] = Path(
        "prepared"
    )
    face_model: Annotated[Path, Told("Folder of the Basel Face Model, for paper alone.")] = Path(
        "BFM"
    )
    uv_data: Annotated[Path, Told("Folder of the 2018 release's UV files, for paper alone.")] = (
        Path("uv-data")
    )
    out: Annotated[
        Path, Told("Folder for checkpoints, the log (log.jsonl), the exported network.")
    ] = Path("runs/compact")
    init: Annotated[
        str | None,
        Told(
            "Weights to start from: a checkpoint.pt, an exported network.onnx, a folder with "
            "either, or `shipped`, the package's own.",
            otherwise="none, random weights",
        ),
    ] = None
    samples: Annotated[
        int | None,
        Told(
            "Training samples in all; a larger number continues a finished run.",
            least=1,
            otherwise="so many that the data are seen 20 times, at most 320,000; paper: 30 times; "
            "paper-ict: 30 times, at most 1,500,000",
        ),
    ] = None
    batch: Annotated[int, Told("Samples a step, of all processes together.", least=1)] = 64
    learning_rate: Annotated[
        float | None,
        Told(
            "Peak learning rate.",
            least=0,
            otherwise="0.002; with --init 0.0002, in runs of fewer than 4,000 steps less in "
            "proportion",
        ),
    ] = None
    optimizer: Annotated[
        Literal["adamw", "adam"],
        Told("adamw shrinks weights beside the gradient, adam by an L2 term in the loss."),
    ] = "adamw"
    weight_decay: Annotated[float, Told("Weight decay, or weight of the L2 term.", least=0)] = 0.02
    clip: Annotated[float, Told("Largest norm of the gradient, 0 for any.", least=0)] = 5.0
    warmup: Annotated[
        float | None,
        Told(
            "Samples over which the learning rate rises from 0.",
            least=0,
            otherwise="10,000, at most a tenth of the run",
        ),
    ] = None
    decay: Annotated[
        float,
        Told(
            "Last share of the run, over which the learning rate falls to 1 % on a cosine.",
            least=0,
            most=1,
        ),
    ] = 0.6
    halve_every: Annotated[
        int,
        Told(
            "Epochs after which the learning rate halves, again and again; 0 for the rise and the "
            "cosine.",
            least=0,
        ),
    ] = 0
    average: Annotated[
        float,
        Told(
            "Decay per step of the moving average of the weights, which is what gets exported.",
            least=0,
            most=1,
        ),
    ] = 0.998
    turned: Annotated[
        float, Told("Share of out-of-plane views in a batch, for compact alone.", least=0, most=1)
    ] = 0.45
    profiles: Annotated[
        float,
        Told(
            "Share of photos of heads turned beyond 30 degrees in a batch, for compact alone.",
            least=0,
            most=1,
        ),
    ] = 0.15
    heads: Annotated[
        float,
        Told(
            "Share of renders of textured heads in a batch, for compact alone; more would make the "
            "network believe their modeller.",
            least=0,
            most=1,
        ),
    ] = 0.1
    landmark_weight: Annotated[
        float, Told("Weight of the 68 landmarks beside the map, for compact alone.", least=0)
    ] = 1.0
    opening_weight: Annotated[
        float,
        Told("Weight of the lid and lip openings beside the map, for compact alone.", least=0),
    ] = 2.5
    shape_weight: Annotated[
        float, Told("Weight of the landmarks after alignment, for compact alone.", least=0)
    ] = 1.0
    edge_weight: Annotated[
        float,
        Told(
            "Weight of the differences between neighbours on the map, for compact alone.", least=0
        ),
    ] = 3.0
    depth_weight: Annotated[
        float, Told("Scale of z differences beside x and y, for compact alone.", least=0)
    ] = 0.6
    seed: Annotated[
        int, Told("Seed of the weights, the order of samples and the augmentation.", least=0)
    ] = 0
    precision: Annotated[
        Literal["float32", "bfloat16"],
        Told(
            "Arithmetic of the network in training; bfloat16 is faster where the hardware has it; "
            "the other presets refuse it."
        ),
    ] = "float32"
    threads: Annotated[int, Told("CPU threads, 0 for all.", least=0)] = 0
    loaders: Annotated[
        int | None,
        Told(
            "Processes of the CPU that make batches ahead of the training; 0 makes them in line, "
            "on a GPU with crops and labels that lie there, for compact alone.",
            least=0,
            otherwise="1; for compact on a GPU 0",
        ),
    ] = None
    device: Annotated[
        str,
        Told(
            "torch device, such as cpu, or cuda (matrix products in TF32 while training); "
            "torchrun's processes take one GPU each."
        ),
    ] = "cpu"
    validate_every: Annotated[
        int, Told("Samples between validations and checkpoints.", least=1)
    ] = 25_600

    def __post_init__(self) -> None:
        check_settings(self)
        shares = self.turned + self.heads + self.profiles
        if round(shares, 6) > 1:
            raise PrnetError(
                f"expected --turned, --heads and --profiles of 1 at most together, got {shares:g}"
            )
        if self.samples is not None and self.samples < self.batch:
            raise PrnetError(
                f"expected --samples for a batch of {self.batch} at least, got {self.samples}"
            )


def settings(kind: type) -> dict[str, tuple[Any, Told]]:
    """Every field of a dataclass of settings: its type and what stands with it."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: get_args(hint) for name, hint in hints.items()}


def check_settings(config: object) -> None:
    """Raises PrnetError for numbers beyond their bounds."""
    for name, (_, told) in settings(type(config)).items():
        told.check(name, getattr(config, name))


def option(name: str) -> str:
    """The command line's word for a field: --weight-decay."""
    return f"--{name.replace('_', '-')}"


_PAPER = TrainConfig(
    preset="paper",
    data=Path("300W_LP"),
    out=Path("runs/paper"),
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
        validate_every=48_000,
    ),
}


def loaders(config: TrainConfig) -> int:
    """How many processes make batches beside the training's own."""
    on_gpu = config.preset == "compact" and not config.device.startswith("cpu")
    return int(not on_gpu) if config.loaders is None else config.loaders


class Setting(NamedTuple):
    """One line of what a preset does, and where that is from."""

    name: str
    value: str
    source: str


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """One option a field of TrainConfig; those not given stay the preset's."""
    add_settings(parser, TrainConfig, PRESETS)


def add_settings(
    parser: argparse.ArgumentParser, config: type, presets: Mapping[str, object]
) -> None:
    """One option a field of ``config``, none with a default; ``presets`` are named in its help."""
    for name, (kind, told) in settings(config).items():
        kinds = get_args(kind) or (kind,)
        choices = [each for each in kinds if isinstance(each, str)]
        parser.add_argument(
            *(("-o",) if name == "out" else ()),
            option(name),
            type=str if choices else kinds[0],
            choices=choices or None,
            help=f"{told.sentence} {_defaults(name, told, presets)}".replace("%", "%%"),
        )


def _defaults(name: str, told: Told, presets: Mapping[str, object]) -> str:
    """(default: 64; paper: 16), each preset once that differs from the first."""
    values = {preset: getattr(config, name) for preset, config in presets.items()}
    first = next(iter(values.values()))
    words = [told.otherwise if first is None else str(first)]
    if name != "preset":
        words += [f"{preset}: {value}" for preset, value in values.items() if value != first]
    return f"(default: {'; '.join(words)})"


def config_from(arguments: argparse.Namespace) -> TrainConfig:
    """The preset's settings with the options that were given in their place."""
    given = given_settings(arguments, TrainConfig)
    return replace(PRESETS[given.get("preset", "compact")], **given)


def given_settings(arguments: argparse.Namespace, config: type) -> dict[str, Any]:
    """The options of `add_settings` that were given."""
    named = {name: getattr(arguments, name) for name in settings(config)}
    return {name: value for name, value in named.items() if value is not None}
