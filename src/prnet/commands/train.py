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

from prnet.errors import PrnetError
from prnet.training.config import SHIPPED_COMMAND, add_config_arguments, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = SHIPPED_COMMAND.replace("\n", "\n  ")
    parser.epilog = f"The weights in the package were made by\n\n  {commands}"
    add_config_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        from prnet.training.train import train
    except ModuleNotFoundError as error:
        raise PrnetError(f'expected pip install "prnet[train]", got no {error.name}') from error

    train(config_from(arguments))
    return 0
