"""Speed and memory of a reconstruction, per stage: medians on the package's sample photo.

    OMP_NUM_THREADS=1 python benchmarks/speed.py [--threads 1] [--repeat 50]

The photo is laid on a 640x480 canvas. Network, detector and crop are timed alone and together, in
one process, after a warm-up; memory is the process's peak. Where MediaPipe with its solutions is
installed (extra ``label``), its face mesh is timed on the same photo; it takes all cores that it
may, so ``taskset -c 0`` before the command.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module
from statistics import median

import numpy as np
from numpy.typing import NDArray

from prnet import Reconstructor, load_image
from prnet.face import Face
from prnet.geometry.crop import CropTransform
from prnet.packaged import SAMPLE_PHOTO


def milliseconds(call: Callable[[], object], repeat: int) -> float:
    for _ in range(3):
        call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return median(times)


def machine() -> str:
    """The processor's name."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        return f"{names[0]}, {len(names)} cores"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def peak_memory() -> str:
    try:
        import resource
    except ImportError:
        return "unknown on this platform"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (2**20 if sys.platform == 'darwin' else 2**10):.0f} MB"


def media_pipe_ms(image: NDArray[np.uint8], repeat: int) -> float | None:
    """A still photo: detector and 468 points of one face. None without MediaPipe."""
    try:
        peer = import_module("mediapipe.python.solutions.face_mesh")
    except ImportError:
        return None
    with peer.FaceMesh(static_image_mode=True) as mesh:
        return milliseconds(lambda: mesh.process(image), repeat)


def still_photo() -> NDArray[np.uint8]:
    """The sample photo on 640x480."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, 64:576] = load_image(SAMPLE_PHOTO)[:480]
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=50)
    parser.add_argument("--model")
    parser.add_argument("--detector", default="auto")
    arguments = parser.parse_args()

    image = still_photo()
    reconstruct = Reconstructor(
        arguments.model, detector=arguments.detector, threads=arguments.threads
    )
    (box,) = reconstruct.detector(image)[:1]
    crop = CropTransform.from_box(
        box, reconstruct.detector.crop_rule, size=reconstruct.network.crop_size
    )
    crops = crop.crop_image(image)[None]
    crop_map = reconstruct.network(crops)[0]

    def face() -> Face:
        return Face.from_crop_map(crop_map, crop=crop, layout=reconstruct.layout, box=box)

    stages: dict[str, Callable[[], object]] = {
        "detect": lambda: reconstruct.detector(image),
        "crop": lambda: crop.crop_image(image),
        "network": lambda: reconstruct.network(crops),
        "map to image": face,
        "vertices and landmarks": lambda: (lambda f: (f.vertices, f.landmarks))(face()),
        "pose": lambda: face().pose,
        "whole call": lambda: reconstruct(image),
    }
    print(f"{machine()}; {arguments.threads} thread(s); median of {arguments.repeat}")
    for name, call in stages.items():
        print(f"{name:24s} {milliseconds(call, arguments.repeat):8.2f} ms")
    print(f"{'peak memory':24s} {peak_memory()}")
    peer = media_pipe_ms(image, arguments.repeat)
    if peer is not None:
        print(f"{'MediaPipe, whole call':24s} {peer:8.2f} ms")


if __name__ == "__main__":
    main()
