"""Medians of the rasteriser on a face-like grid mesh: python benchmarks/rasterize.py

Run with OMP_NUM_THREADS=1; NumPy uses one core here anyway.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.rasterize import interpolate, rasterize

REPEATS = 15


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def grid_face(size: int, side: int = 209) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A half cylinder that fills most of a (size x size) picture; 2 (side - 1)^2 triangles."""
    v, u = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    x, y, z = 0.4 * np.sin(1.6 * u) * np.cos(v), 0.45 * v, 0.4 * np.cos(1.6 * u)
    vertices = np.stack([x + 0.5, y + 0.5, z], -1).reshape(-1, 3) * size
    first = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    quads = np.stack([first, first + side, first + side + 1, first + 1], 1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return vertices.astype(np.float32), triangles.astype(np.int32)


def median_ms(call: Callable[[], object]) -> float:
    """CPU time, so that other programs on the machine disturb little."""
    call()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def measure(size: int) -> None:
    vertices, triangles = grid_face(size)
    raster = rasterize(vertices, triangles, size, size)
    scene = f"{len(triangles)} triangles, {size}x{size}, {raster.mask.mean():.0%} covered"
    calls = {
        "rasterize": lambda: rasterize(vertices, triangles, size, size),
        "rasterize, back faces culled": lambda: rasterize(
            vertices, triangles, size, size, cull="back"
        ),
        "interpolate 3 channels": lambda: interpolate(raster, triangles, vertices),
    }
    for name, call in calls.items():
        print(f"{scene}: {median_ms(call):6.1f} ms  {name}")


if __name__ == "__main__":
    print(f"{cpu_name()}, Python {platform.python_version()}, NumPy {np.__version__}, one core")
    for size in (256, 1024):
        measure(size)
