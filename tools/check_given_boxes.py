"""What a caller's boxes give that lie off their faces, or whose photo is turned.

    python tools/check_given_boxes.py ../shared

Heads: the labelled ones of ``turned`` that training holds out. A box is that of the 68 landmarks,
moved by a share of its longer side in a direction of its own, smaller, larger, or as it is in the
photo turned by a quarter or half. Error: NME of the 68 landmarks, 2D, sqrt(w*h) of their box.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import prnet
from prnet.evaluation.held_out import is_held_out
from prnet.evaluation.protocols import nme
from prnet.files.photos import PhotoStore
from prnet.geometry.boxes import Box

GOOD, LOST = 7.0, 15.0
"""NME in percent."""

Pixels = NDArray[np.uint8]
Points = NDArray[np.floating]
Given = tuple[Pixels, Points, tuple[float, ...]]


def heads(shared: Path) -> Iterator[tuple[Pixels, Points]]:
    """Photos with their landmarks (68, 2)."""
    store = PhotoStore(shared / "turned")
    with np.load(shared / "turned" / "turned.npz", allow_pickle=False) as labels:
        files, landmarks = labels["files"], labels["landmarks68"]
        sure = labels["landmark_spread"] <= 0.03
    for i in np.flatnonzero(sure):
        if is_held_out(str(files[i])):
            yield store[str(files[i])], landmarks[i, :, :2].astype(np.float64)


def moved(image: Pixels, points: Points, by: float, size: float, angle: float) -> Given:
    """The points' box, moved by ``by`` of its longer side at ``angle``, ``size`` times as large."""
    box = Box.around(points)
    side = max(box.width, box.height)
    centre = np.array(box.centre) + by * side * np.array([np.cos(angle), np.sin(angle)])
    half = np.array([box.width, box.height]) * size / 2
    return image, points, (*(centre - half), *(centre + half))


def quarters(image: Pixels, points: Points, turns: int) -> Given:
    """The photo turned clockwise by so many quarters."""
    for _ in range(turns):
        points = np.stack([len(image) - 1 - points[:, 1], points[:, 0]], axis=1)
        image = np.ascontiguousarray(np.rot90(image, -1))
    return image, points, Box.around(points).xyxy


KINDS: dict[str, Callable[[Pixels, Points, float], Given]] = {
    "as it is": lambda image, points, angle: moved(image, points, 0, 1, angle),
    "moved by 0.3": lambda image, points, angle: moved(image, points, 0.3, 1, angle),
    "moved by 0.45": lambda image, points, angle: moved(image, points, 0.45, 1, angle),
    "half its size below": lambda image, points, angle: moved(image, points, 0.5, 1, np.pi / 2),
    "1.7 times as small": lambda image, points, angle: moved(image, points, 0, 1 / 1.7, angle),
    "1.7 times as large": lambda image, points, angle: moved(image, points, 0, 1.7, angle),
    "2.5 times as large": lambda image, points, angle: moved(image, points, 0, 2.5, angle),
    "photo turned by 90": lambda image, points, angle: quarters(image, points, 1),
    "photo turned by 180": lambda image, points, angle: quarters(image, points, 2),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="folder of turned/")
    arguments = parser.parse_args()
    reconstruct = prnet.Reconstructor()
    photos = list(heads(arguments.shared))
    for name, kind in KINDS.items():
        random = np.random.default_rng(0)
        errors, believed = np.zeros((2, len(photos)))
        for i, (image, points) in enumerate(photos):
            photo, truth, box = kind(image, points, float(random.uniform(0, 2 * np.pi)))
            (face,) = reconstruct(photo, boxes=[box])
            errors[i], believed[i] = nme(face.landmarks[:, :2], truth), face.presence or 0
        bad = errors > GOOD
        print(
            f"{name:>20}: mean {errors.mean():5.2f} %, median {np.median(errors):.2f} %; "
            f"over {GOOD:.0f} %: {100 * bad.mean():4.1f} %, over {LOST:.0f} %: "
            f"{100 * (errors > LOST).mean():4.1f} %; over {GOOD:.0f} % and believed: "
            f"{100 * (bad & (believed >= 0.8)).mean():.1f} %",
            flush=True,
        )


if __name__ == "__main__":
    main()
