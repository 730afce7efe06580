"""Frames a second of a film with one and two faces, decoding included, on one core.

    OMP_NUM_THREADS=1 python benchmarks/video.py [--seconds 8]

The film is made of the package's sample photo, which sways in 1280x720, H.264. Each line is of one
film: read alone, the network's calls alone (a crop of each face), followed (with and without
smoothing), with the detector and the network in every frame, and with the detector alone, on the
frame and in small. Wall time and processor time, and the second in the network's time of the same
minute: on a busy machine that tells most. Where MediaPipe with its solutions is installed (extra
``label``), its call for a still photo of 640x480 comes before each film, as a measure of the core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from speed import machine, media_pipe, milliseconds, still_photo

from prnet import Reconstructor, follow, load_image
from prnet.packaged import SAMPLE_PHOTO
from prnet.video.frames import read_frames
from prnet.video.glance import InSmall
from prnet.video.outputs import draw_faces
from prnet.video.write import film_writer

RATE = 25
CALLS = 100
"""Of the network alone."""
Picture = NDArray[np.uint8]


def swaying(photo: Picture, faces: int, count: int) -> Iterable[Picture]:
    """The upper part of the photo, once or twice, 60 pixels to either side in 1.5 s."""
    for number in range(count):
        frame = np.full((720, 1280, 3), 90, np.uint8)
        for place in range(faces):
            x = 60 + 640 * place + round(60 * np.sin(2 * np.pi * number / RATE / 1.5 + place))
            frame[150:550, x : x + 512] = photo[:400, :, :: 1 - 2 * place]
        yield frame


def rates(run: Callable[[], int], network: float | None = None) -> tuple[str, float]:
    """What is told of a run, and its processor seconds a frame; ``network``: those of the network's
    calls."""
    wall, busy = time.perf_counter(), time.process_time()
    frames = run()
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    told = f"{frames / wall:6.0f} / {frames / busy:6.0f} frames a second (wall / processor)"
    times = "" if network is None else f", {busy / frames / network:5.2f} times the network"
    return told + times, busy / frames


def time_film(film: Path, reconstruct: Reconstructor, turns: int) -> None:
    in_small = InSmall(reconstruct.detector)
    first = next(read_frames(film)).image
    crops = np.stack([face.crop.crop_image(first) for face in reconstruct(first)])
    runs: dict[str, Callable[[], int]] = {
        "read alone": lambda: sum(1 for _ in read_frames(film)),
        "followed": lambda: sum(1 for _ in follow(film, reconstruct=reconstruct)),
        "followed, not smoothed": lambda: sum(
            1 for _ in follow(film, reconstruct=reconstruct, smooth=False)
        ),
        "detected in each frame": lambda: sum(
            1 for frame in read_frames(film) if reconstruct(frame.image)
        ),
        "detector alone, whole": lambda: sum(
            1 for frame in read_frames(film, end=2.0) if reconstruct.detector(frame.image)
        ),
        "detector alone, in small": lambda: sum(
            1 for frame in read_frames(film, end=2.0) if in_small(frame.image)
        ),
    }
    for _ in range(turns):
        told, network = rates(
            lambda: sum(
                1 for _ in range(CALLS) if len(reconstruct.network.predict(crops).position_maps)
            )
        )
        print(f"  {'network alone':24}{told}")
        for name, run in runs.items():
            print(f"  {name:24}{rates(run, network)[0]}", flush=True)


def time_writing(film: Path, reconstruct: Reconstructor, copy: Path) -> None:
    frames = list(follow(film, reconstruct=reconstruct, end=2.0))

    def write() -> int:
        with film_writer(copy, rate=Fraction(RATE)) as writer:
            for frame, _ in frames:
                writer.write(frame.image, frame.seconds)
        return len(frames)

    def draw() -> int:
        return sum(1 for frame, faces in frames if len(draw_faces(frame.image, faces)))

    print(f"  {'drawing the overlay':24}{rates(draw)[0]}")
    print(f"  {'encoding':24}{rates(write)[0]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--turns", type=int, default=1)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    photo, reconstruct = load_image(SAMPLE_PHOTO), Reconstructor()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{machine()}, one of them used; load {load}; detector {reconstruct.detector.name}")
    with tempfile.TemporaryDirectory() as folder:
        for faces in (1, 2):
            film = Path(folder) / f"{faces}.mp4"
            with film_writer(film, rate=Fraction(RATE)) as writer:
                frames = swaying(photo, faces, round(RATE * arguments.seconds))
                for number, frame in enumerate(frames):
                    writer.write(frame, number / RATE)
            print(f"{faces} face{'s' if faces > 1 else ''}, 1280x720")
            with media_pipe(still_photo()) as peer:
                if peer is not None:
                    print(f"  {'MediaPipe, still photo':24}{milliseconds(peer, CALLS):6.2f} ms")
            time_film(film, reconstruct, arguments.turns)
        time_writing(film, reconstruct, Path(folder) / "copy.mp4")


if __name__ == "__main__":
    main()
