"""Train the face detector: its first step, then its second, on one folder of pools.

  prnet train-detector --part first --data pools --out runs/first
  prnet train-detector --part second --data pools --out runs/second --steps 4000

tools/make_detector_pools.py makes the pools. A run continues from its checkpoint in --out; at its
end the network's file (detector.onnx, detector_refine.onnx) lies there. A folder with both is what
`prnet.detection.anchorfree.PrnetDetector` takes.
"""

from __future__ import annotations

import argparse

from prnet.errors import PrnetError
from prnet.training.detector.config import add_settings, settings_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        from prnet.training.detector.train import train_detector
    except ModuleNotFoundError as error:
        raise PrnetError(f'expected pip install "prnet[train]", got no {error.name}') from error

    print(train_detector(settings_from(arguments)))
    return 0
