"""Train a network.

  compact    the package's own network, on the folder that `prnet prepare` wrote
  paper      the paper's network and recipe, on 300W-LP with the Basel Face Model and the 2018
             release's UV files (all three are yours to get; `prnet data 300w-lp` checks them)
  paper-ict  the paper's network and recipe, on a folder of `prnet prepare --full-maps`

A run continues from its checkpoint in --out. Several GPUs:
torchrun --nproc-per-node 4 -m prnet train --preset paper --device cuda --loaders 4
"""

from __future__ import annotations

import argparse

from prnet.errors import PrnetError, install_command, missing, reason_of
from prnet.training.config import SHIPPED_COMMAND, add_config_arguments, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = SHIPPED_COMMAND.replace("\n", "\n  ")
    parser.epilog = (
        "The weights in the package were made by these commands, the first two as they were\n"
        f"before views showed other heads' shapes:\n\n  {commands}"
    )
    add_config_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        from prnet.training.train import train
    except ModuleNotFoundError as error:
        raise missing(error.name, "train") from error
    check_onnx()

    train(config_from(arguments))
    return 0


def check_onnx() -> None:
    """Without onnx the export waits until it is there. One that another package's protobuf has
    broken is found out now, not after days of training."""
    try:
        import onnx  # noqa: F401  only whether it works
    except ModuleNotFoundError:
        return
    except Exception as error:
        raise PrnetError(
            f"expected an onnx that works (or none), got: {reason_of(error)} "
            f"({install_command('train')})"
        ) from error
