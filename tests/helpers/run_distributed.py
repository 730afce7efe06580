"""For torchrun, in test_distributed.py: run_distributed.py PREPARED OUT STEPS."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import tiny_network

from prnet.training.config import PRESETS
from prnet.training.distributed import this_process
from prnet.training.train import train


def runs(prepared, out, steps):
    """Both kinds of recipe, for a few steps, each logged; first.pt is the state after one."""
    for preset in ("compact", "paper-ict"):
        config = replace(
            PRESETS[preset],
            data=prepared, out=out / preset, batch=4, samples=4 * steps, validate_every=4,
            warmup=4, learning_rate=1e-4, threads=1, loaders=0,
        )  # fmt: skip
        train(config, stop_after=1)
        if int(os.environ.get("RANK", 0)) == 0:
            shutil.copy(config.out / "checkpoint.pt", config.out / "first.pt")
        train(config)


if __name__ == "__main__":
    tiny_network.use()
    with this_process("cpu"):
        runs(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
