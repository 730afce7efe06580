"""Speed and memory of a reconstruction, per stage: medians on the package's sample photo.

    OMP_NUM_THREADS=1 python benchmarks/speed.py [--threads 1] [--repeat 50]

The photo is laid on a 640x480 canvas. Network, detector and crop are timed alone and together, in
one process, after a warm-up; memory is the process's peak. Where MediaPipe with its solutions is
installed (extra ``label``), its face mesh and the whole call are timed by turns on the same photo;
it takes all cores that it may, so ``taskset -c 0`` before the command.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from statistics import median

import numpy as np
from numpy.typing import NDArray

from prnet import Reconstructor, load_image
from prnet.face import Face
from prnet.geometry.crop import CropTransform
from prnet.packaged import SAMPLE_PHOTO


def milliseconds(call: Callable[[], object], repeat: int, *, warm: int = 3) -> float:
    for _ in range(warm):
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


@contextmanager
def media_pipe(image: NDArray[np.uint8]) -> Iterator[Callable[[], object] | None]:
    """A call of MediaPipe's face mesh on a still photo: its detector and 468 points of one face.
    None without MediaPipe."""
    try:
        peer = import_module("mediapipe.python.solutions.face_mesh")
    except ImportError:
        yield None
        return
    with peer.FaceMesh(static_image_mode=True) as mesh:
        yield lambda: mesh.process(image)


def by_turns(
    ours: Callable[[], object], theirs: Callable[[], object], repeat: int
) -> tuple[float, float, float]:
    """Milliseconds of either call, and how many times theirs ours takes: medians of ``repeat``
    turns, in each of which both are called five times."""
    turns = [[milliseconds(call, 5, warm=1) for call in (ours, theirs)] for _ in range(repeat)]
    return *(median(times) for times in zip(*turns, strict=True)), median(a / b for a, b in turns)


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
    with media_pipe(image) as peer:
        if peer is not None:
            ours, theirs, times = by_turns(lambda: reconstruct(image), peer, arguments.repeat)
            print(
                f"by turns: whole call {ours:.2f} ms, MediaPipe {theirs:.2f} ms: {times:.2f} times"
            )


if __name__ == "__main__":
    main()
