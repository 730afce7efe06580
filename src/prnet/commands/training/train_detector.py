"""Train the face detector: its first step, then its second, on one folder of pools.

  prnet train-detector --part first --data pools --out runs/first
  prnet train-detector --part second --data pools --out runs/second --steps 6000

tools/make_detector_pools.py makes the pools. --init shipped starts from the package's networks. A
run continues from its checkpoint in --out; at its end the network's file (detector.onnx,
detector_refine.onnx) lies there. A folder with both is a detector: `--detector-model FOLDER` of
`prnet reconstruct` and others.
"""

from __future__ import annotations

import argparse

from prnet.commands.training.train import check_onnx
from prnet.errors import missing
from prnet.training.detector.config import add_settings, settings_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    check_onnx()
    try:
        from prnet.training.detector.train import train_detector
    except ModuleNotFoundError as error:
        raise missing(error.name, "train") from error

    print(train_detector(settings_from(arguments)))
    return 0
