"""Medians of the networks through ONNX Runtime: python benchmarks/networks.py

The compact network of the package beside resfcn256 of 2018; random weights take as long as trained
ones. Wall-clock time of one call: on a machine that does other things, the least is nearer the
truth than the median.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from rasterize import cpu_name

from prnet.network.position_map_network import PositionMapNetwork
from prnet.training.networks.compact import CROP_SIZE, CompactNetwork
from prnet.training.networks.export import export_onnx
from prnet.training.networks.resfcn256 import CROP_SIZE as CROP_SIZE_2018
from prnet.training.networks.resfcn256 import ResFCN256, parameter_count

SECONDS = 6
"""Of repetitions, at least 5, for each line."""


def milliseconds(network: PositionMapNetwork, batch: int) -> tuple[float, float]:
    """Median and least."""
    size = network.crop_size
    crops = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    network(crops)
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 5:
        start = time.perf_counter()
        network(crops)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times), 1000 * min(times)


def main() -> None:
    versions = f"Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}"
    print(f"{cpu_name()}, {versions}")
    networks = {
        "compact": (CompactNetwork(), CROP_SIZE),
        "resfcn256": (ResFCN256(), CROP_SIZE_2018),
    }
    for name, (network, size) in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export_onnx(network.eval(), path, crop_size=size)
            count = parameter_count(network) / 1e6
            print(f"{name}: {count:.1f} M parameters, {path.stat().st_size / 1e6:.1f} MB")
            for threads in (1, 2):
                session = PositionMapNetwork(path, threads=threads)
                for batch in (1, 8):
                    median, least = milliseconds(session, batch)
                    print(
                        f"  {threads} thread(s), batch {batch}: median {median:7.1f} ms, "
                        f"least {least:7.1f} ms"
                    )


if __name__ == "__main__":
    main()
