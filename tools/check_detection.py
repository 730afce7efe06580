"""What a detector finds, end to end: turned, dark, coloured, noisy, cut, masked photos, others.

    python tools/check_detection.py ../shared --detector prnet --photos 150

Photos: labelled ones of people that training holds out (`prnet.evaluation.held_out`). A
face is found when the 68 landmarks' NME (2D, sqrt(w*h) of the labelled landmarks' box) is under
7 %. The photos are turned with their corners, on black.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import prnet
from prnet.detection.protocol import FaceDetector
from prnet.evaluation.held_out import is_held_out
from prnet.evaluation.protocols import nme
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import image_roll
from prnet.geometry.crop import CropTransform

GOOD = 7.0
"""NME in percent below which a face counts as found."""
GOOD_ROLL = 15.0
"""Degrees."""
ANGLES = range(0, 360, 30)

Pixels = NDArray[np.uint8]
Points = NDArray[np.floating]


def held_out_photos(folder: Path, count: int) -> Iterator[tuple[Pixels, Points, float]]:
    """Photos with their landmarks (68, 3) and roll in degrees, in an order of their own."""
    with np.load(folder / "labels.npz", allow_pickle=False) as labels:
        files, landmarks, rotation = labels["files"], labels["landmarks68"], labels["rotation"]
        doubtful = labels["landmark_spread"] > 0.03
    rows = [
        i
        for i in np.random.default_rng(0).permutation(len(files))
        if is_held_out(str(files[i])) and not doubtful[i]
    ]
    store = PhotoStore(folder)
    for i in rows[:count]:
        yield store[str(files[i])], landmarks[i].astype(np.float64), image_roll(rotation[i])


def turned(image: Pixels, points: Points, angle: float) -> tuple[Pixels, Points]:
    """The photo turned clockwise by ``angle`` degrees, with its corners."""
    high, wide = image.shape[:2]
    size = int(np.ceil(np.hypot(high, wide)))
    square = CropTransform((wide - 1) / 2, (high - 1) / 2, float(size), size, roll=-angle)
    return square.crop_image(image), square.to_crop(points)


def dark(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    return np.rint(image * 0.05).astype(np.uint8), points


def flat(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    return np.rint(image * 0.1 + 115).astype(np.uint8), points


def noisy(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    noise = np.random.default_rng(0).normal(0, 50, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8), points


def cut(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    """The upper border at the brows."""
    top = max(0, round(float(points[17:27, 1].min())))
    return np.ascontiguousarray(image[top:]), points - [0, top, 0]


def in_blue_light(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    return image * np.array([0, 0, 1], np.uint8), points


def in_green_light(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    return image * np.array([0, 1, 0], np.uint8), points


def masked(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    """A light blue mask drawn from the nose's bridge to below the chin."""
    chin = points[2:15, :2].copy()
    chin[:, 1] += 0.03 * np.ptp(points[:, 1])
    top = [points[14, :2], points[28, :2], points[2, :2]]
    return drawn(image, [(np.concatenate([chin, top]), (178, 206, 219))]), points


def with_glasses(image: Pixels, points: Points) -> tuple[Pixels, Points]:
    """Black glasses drawn over both eyes and the bridge."""
    lenses = []
    for first in (36, 42):
        eye = points[first : first + 6, :2]
        angles = np.linspace(0, 2 * np.pi, 24)
        reach = 0.72 * float(np.linalg.norm(eye[3] - eye[0])) * np.array([1, 0.8])
        around = eye.mean(axis=0) + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach
        lenses.append((around, (15, 15, 18)))
    width = 0.03 * float(np.ptp(points[:, 0]))
    bridge = np.array([points[39, :2], points[42, :2]])
    lenses.append((np.concatenate([bridge - [0, width], bridge[::-1]]), (15, 15, 18)))
    return drawn(image, lenses), points


def drawn(image: Pixels, shapes: list[tuple[Points, tuple[int, int, int]]]) -> Pixels:
    picture = Image.fromarray(image)
    for outline, colour in shapes:
        ImageDraw.Draw(picture).polygon([tuple(point) for point in outline.tolist()], fill=colour)
    return np.asarray(picture)


CONDITIONS: dict[str, Callable[[Pixels, Points], tuple[Pixels, Points]]] = {
    "as it is": lambda image, points: (image, points),
    "gain 0.05": dark,
    "contrast 0.1": flat,
    "noise of 50": noisy,
    "blue light alone": in_blue_light,
    "green light alone": in_green_light,
    "cut at the brows": cut,
    "a mask drawn": masked,
    "dark glasses drawn": with_glasses,
}


class Counter:
    """What became of the faces of one condition."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.rolls: list[float] = []
        self.faces = 0

    def add(
        self, reconstruct: prnet.Reconstructor, image: Pixels, points: Points, roll: float
    ) -> None:
        faces = reconstruct(image)
        errors = [float(nme(face.landmarks[:, :2], points[:, :2])) for face in faces]
        best = int(np.argmin(errors)) if errors else -1
        self.errors.append(errors[best] if errors else float("inf"))
        self.faces += len(faces)
        if errors and faces[best].box is not None:
            self.rolls.append(abs((faces[best].box.roll - roll + 180) % 360 - 180))

    def line(self, name: str) -> str:
        errors, rolls = np.array(self.errors), np.array(self.rolls or [np.nan])
        good, upright = errors < GOOD, 100 * np.mean(rolls < GOOD_ROLL)
        mean = errors[good].mean() if good.any() else np.nan
        return (
            f"{name:>18}: {100 * good.mean():5.1f} % under {GOOD:.0f} %, their mean {mean:.2f} %, "
            f"median {np.median(errors):.2f} %; roll within {GOOD_ROLL:.0f} degrees "
            f"{upright:5.1f} %; {self.faces / len(errors):.2f} faces a photo"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="folder of faces/")
    parser.add_argument("--detector", default="prnet")
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--angles", type=int, nargs="*", default=list(ANGLES))
    parser.add_argument("--passes", type=int, default=1)
    arguments = parser.parse_args()
    detector: FaceDetector = prnet.make_detector(arguments.detector)
    reconstruct = prnet.Reconstructor(detector=detector, passes=arguments.passes, threads=1)
    photos = list(held_out_photos(arguments.shared / "faces", arguments.photos))
    print(f"{arguments.detector}, {len(photos)} held-out photos, {arguments.passes} pass(es)")
    for name, condition in CONDITIONS.items():
        counter = Counter()
        for image, points, roll in photos:
            counter.add(reconstruct, *condition(image, points), roll)
        print(counter.line(name), flush=True)
    for angle in arguments.angles:
        counter = Counter()
        for image, points, roll in photos:
            counter.add(reconstruct, *turned(image, points, angle), roll + angle)
        print(counter.line(f"turned by {angle}"), flush=True)


if __name__ == "__main__":
    main()
