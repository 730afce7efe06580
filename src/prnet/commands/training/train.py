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
from prnet.training.config import add_config_arguments, config_from

SHIPPED_COMMAND = """\
prnet prepare labels.npz --face-model ict.npz --out prepared --shards 0:12
prnet train --data prepared --samples 1050000 --precision bfloat16 \\
  --threads 2 --validate-every 51200 --profiles 0 --out runs/first
prnet prepare faces/labels.npz congress/labels.npz turned/labels.npz \\
  --heads heads --renders 3000 --negatives negatives --shards 0:3 --out again
prnet train --data again --init runs/first --samples 158000 \\
  --learning-rate 6e-4 --decay 0.7 --out runs/second
prnet prepare faces/labels.npz congress/labels.npz turned/labels.npz \\
  --heads heads --renders 3000 --negatives negatives --shards 0:6 --out more
prnet train --data more --init runs/second --samples 240000 \\
  --learning-rate 8e-4 --decay 0.65 --turned 0.3 --out runs/third
prnet prepare faces/labels.npz congress/labels.npz turned/labels.npz \\
  --heads heads --renders 7500 --negatives negatives --shards 0:6 --out most
prnet train --data most --init runs/third --samples 5573376 --batch 256 \\
  --learning-rate 2e-3 --warmup 38400 --decay 1 --turned 0.3 --heads 0.15 \\
  --validate-every 512000 --device cuda --out runs/fourth"""
"""What made the weights in the package, as far as the words beside it say."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = SHIPPED_COMMAND.replace("\n", "\n  ")
    parser.epilog = (
        "The weights in the package were made by these commands, the first two as they were\n"
        "before views showed other heads' shapes, from the third training on with more photos,\n"
        "the last by a script that did the same on a GPU before this command could\n"
        f"(docs/training.md):\n\n  {commands}"
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
