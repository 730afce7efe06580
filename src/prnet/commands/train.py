"""``prnet train``: train the compact network on a prepared folder."""

from __future__ import annotations

import argparse

from prnet.training.config import TrainConfig, add_config_arguments, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser, TrainConfig())


def run(arguments: argparse.Namespace) -> int:
    from prnet.training.train import train

    train(config_from(arguments, TrainConfig))
    return 0
