"""Error, jitter and lag on made-up motion: ours, raw and smoothed, and MediaPipe's tracking.

    python benchmarks/video_motion.py [ours] [mediapipe]

The sample photo, 640x480, 25 frames a second, with noise of 6 grey values: still, swaying by 60
pixels in 1.5 s, and with shift, roll and zoom together. Points are taken back into the photo: error
is the mean distance to the same tracker's median points of the still film, jitter the root mean
square of the change from frame to frame (a face is 130 pixels wide there), lag the delay of the
motion that leaves the least of it. MediaPipe is the package of the extra ``label``.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet import load_image
from prnet.packaged import SAMPLE_PHOTO

RATE, FRAMES, SETTLED, EDGE = 25, 75, 25, 300
SIZE, MIDDLE = (640, 480), (224.0, 115.0)
Picture = NDArray[np.uint8]
Points = NDArray[np.floating]

MOTIONS: dict[str, Callable[[float], tuple[float, float, float, float]]] = {
    "still": lambda t: (0.0, 0.0, 0.0, 1.0),
    "swaying": lambda t: (60 * np.sin(2 * np.pi * t / 1.5), 0.0, 0.0, 1.0),
    "all": lambda t: (
        40 * np.sin(2 * np.pi * t / 2),
        15 * np.sin(2 * np.pi * t / 1.3),
        0.25 * np.sin(2 * np.pi * t / 1.7),
        1 + 0.15 * np.sin(2 * np.pi * t / 2.3),
    ),
}
"""Seconds -> shift x, y in pixels, roll in radians, zoom."""


def film(name: str) -> list[Picture]:
    random = np.random.default_rng(0)
    photo = Image.fromarray(
        np.pad(load_image(SAMPLE_PHOTO), ((EDGE, EDGE), (EDGE, EDGE), (0, 0)), mode="edge")
    )
    frames = []
    for number in range(FRAMES):
        x, y, roll, zoom = MOTIONS[name](number / RATE)
        c, s = np.cos(roll) / zoom, np.sin(roll) / zoom
        u, v = SIZE[0] / 2 + x, SIZE[1] / 2 + y
        left, top = MIDDLE[0] + EDGE, MIDDLE[1] + EDGE
        matrix = (c, s, left - c * u - s * v, -s, c, top + s * u - c * v)
        seen = photo.transform(SIZE, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        noisy = np.asarray(seen) + random.normal(0, 6, (SIZE[1], SIZE[0], 3))
        frames.append(noisy.clip(0, 255).astype(np.uint8))
    return frames


def in_photo(points: Points, name: str, seconds: float) -> Points:
    """Points (N, 2) of a frame -> of the photo, its middle at 0."""
    x, y, roll, zoom = MOTIONS[name](seconds)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.asarray((points - [SIZE[0] / 2 + x, SIZE[1] / 2 + y]) @ turn / zoom)


def ours(smooth: bool) -> Callable[[list[Picture]], list[Points]]:
    from prnet import Reconstructor, follow

    reconstruct = Reconstructor()

    def tracked(frames: list[Picture]) -> list[Points]:
        found = follow(frames, reconstruct=reconstruct, smooth=smooth)
        return [faces[0].landmarks[:, :2] for _, faces in found]

    return tracked


def mediapipe(frames: list[Picture]) -> list[Points]:
    solutions = importlib.import_module("mediapipe").solutions
    with solutions.face_mesh.FaceMesh(max_num_faces=1) as mesh:
        found = [mesh.process(frame).multi_face_landmarks[0].landmark for frame in frames]
    return [np.array([[p.x * SIZE[0] - 0.5, p.y * SIZE[1] - 0.5] for p in face]) for face in found]


def report(name: str, tracker: Callable[[list[Picture]], list[Points]]) -> None:
    words, rest = [], np.zeros(0)
    for motion in MOTIONS:
        frames, begun = film(motion), time.process_time()
        points = np.array(tracker(frames))[SETTLED:]
        busy = 1000 * (time.process_time() - begun) / FRAMES

        def back(late: float, points: Points = points, motion: str = motion) -> Points:
            times = np.arange(SETTLED, FRAMES) / RATE - late
            return np.array([in_photo(p, motion, t) for p, t in zip(points, times, strict=True)])

        placed = back(0.0)
        rest = np.median(placed, axis=0) if motion == "still" else rest
        error = np.linalg.norm(placed - rest, axis=2).mean()
        jitter = np.sqrt((np.diff(placed, axis=0) ** 2).sum(axis=2).mean())
        word = f"{motion}: error {error:.2f}, jitter {jitter:.3f}"
        if motion != "still":
            lags = np.linspace(-0.06, 0.12, 91)
            left = [((each - each.mean(axis=0)) ** 2).sum() for each in map(back, lags)]
            word += f", lag {1000 * lags[int(np.argmin(left))]:.0f} ms"
        words.append(word)
    print(f"{name}: {'; '.join(words)}; {busy:.1f} ms of processor time a frame", flush=True)


def main() -> None:
    chosen = sys.argv[1:] or ["ours", "mediapipe"]
    if "ours" in chosen:
        report("ours, raw", ours(False))
        report("ours, smoothed", ours(True))
    if "mediapipe" in chosen:
        report("MediaPipe", mediapipe)


if __name__ == "__main__":
    main()
