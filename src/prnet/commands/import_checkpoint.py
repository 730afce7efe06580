"""``prnet import-checkpoint``: the 2018 release's TensorFlow checkpoint -> a model folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "net_data", type=Path, help="the checkpoint: its folder (net-data), .index or prefix"
    )
    parser.add_argument("uv_data", type=Path, help="the release's UV files (uv-data)")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="model folder to make; new, or empty"
    )
    parser.add_argument(
        "--skip-checksums",
        action="store_true",
        help="import a checkpoint that its checksums call damaged",
    )
    parser.add_argument(
        "--half",
        action="store_true",
        help="store the weights as float16: 27 instead of 53 MB, computed in float32 all the same",
    )


def run(args: argparse.Namespace) -> int:
    from prnet.errors import missing

    try:
        from prnet.release2018.import_checkpoint import import_checkpoint
    except ModuleNotFoundError as error:
        raise missing(error.name, "train") from error

    difference = import_checkpoint(
        args.net_data,
        args.uv_data,
        args.out,
        skip_checksums=args.skip_checksums,
        half_storage=args.half,
    )
    print(f"{args.out}: resfcn256, within {difference:.2g} crop pixels of the checkpoint")
    print(f"use it with: --model {args.out}")
    return 0
