"""Made-up clips with cuts: is anybody followed where nobody is? And does memory stay flat?

    python benchmarks/video_clips.py clips PEOPLE EMPTY [--count 1000] [--seed 0]
    python benchmarks/video_clips.py memory [--frames 20000]

PEOPLE and EMPTY: folders of photos with and without faces. A clip has three to six scenes, each a
photo under a slow camera move, or black, of 4 to 12 frames at 25 a second. Counted are frames of
scenes without people in which a face is reported, by how many such frames follow each other, faces
in scenes with people (what a stricter rule costs), and cuts from one person to another that keep
the number. Memory is read every 1,000 frames.
"""

from __future__ import annotations

import argparse
import resource
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet import Reconstructor, follow, load_image
from prnet.packaged import SAMPLE_PHOTO

RATE = 25
SIZE = 640, 360
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
Picture = NDArray[np.uint8]


class Scene(NamedTuple):
    """A photo, or None for black; whether people are in it."""

    photo: Path | None
    people: bool


def move(photo: Picture, frames: int, random: np.random.Generator) -> Iterator[Picture]:
    """A window that wanders over the photo, and grows or shrinks."""
    picture = Image.fromarray(photo)
    fit = max(SIZE[0] / picture.width, SIZE[1] / picture.height)
    starts = random.uniform(0, 1, (2, 2))
    zooms = fit * random.uniform(1.0, 1.15, 2)
    for share in np.linspace(0, 1, frames):
        zoom = (1 - share) * zooms[0] + share * zooms[1]
        room = np.array([picture.width * zoom - SIZE[0], picture.height * zoom - SIZE[1]])
        x, y = ((1 - share) * starts[0] + share * starts[1]) * room
        box = x / zoom, y / zoom, (x + SIZE[0]) / zoom, (y + SIZE[1]) / zoom
        yield np.asarray(picture.resize(SIZE, Image.Resampling.BILINEAR, box=box))


def clip(
    people: list[Path], empty: list[Path], random: np.random.Generator
) -> list[tuple[Picture, Scene, int]]:
    """Frames, their scenes, and the scenes' numbers."""
    frames = []
    for number in range(random.integers(3, 7)):
        kind = random.choice(["people", "empty", "black"], p=[0.5, 0.4, 0.1])
        count = int(random.integers(4, 13))
        if kind == "black":
            scene, pictures = (
                Scene(None, False),
                iter([np.zeros((SIZE[1], SIZE[0], 3), np.uint8)] * count),
            )
        else:
            files = people if kind == "people" else empty
            path = files[random.integers(len(files))]
            scene, pictures = Scene(path, kind == "people"), move(load_image(path), count, random)
        frames += [(picture, scene, number) for picture in pictures]
    return frames


def try_clips(people: list[Path], empty: list[Path], count: int, seed: int) -> None:
    reconstruct = Reconstructor()
    runs, kept, cuts, frames_without, shown = Counter[int](), 0, 0, 0, 0
    worst: list[tuple[int, str]] = []
    for number in range(count):
        random = np.random.default_rng([seed, number])
        made = clip(people, empty, random)
        wrong, before, last = 0, set[int | None](), -1
        pictures = (picture for picture, _, _ in made)
        for (_, scene, at), (_, faces) in zip(
            made, follow(pictures, reconstruct=reconstruct, people=4), strict=True
        ):
            tracks = {face.track for face in faces}
            if at != last and last >= 0 and scene.people and before:
                cuts, kept = cuts + 1, kept + bool(before & tracks)
            if at != last and wrong:
                runs[wrong], wrong = runs[wrong] + 1, 0
            shown += len(faces) if scene.people else 0
            if not scene.people:
                frames_without += 1
                wrong += bool(faces)
                if wrong == 4:
                    worst.append((number, str(scene.photo)))
            before, last = tracks, at
        runs[wrong] += bool(wrong)
        if number % 25 == 24:
            so_far = f"{frames_without} frames without people, runs {dict(sorted(runs.items()))}"
            print(f"{number + 1} clips: {so_far}; {shown} faces with people; {worst}", flush=True)
    told = {f"{length} frames": times for length, times in sorted(runs.items())}
    print(f"{count} clips, {frames_without} frames without people, with faces there: {told}")
    print(f"{shown} faces in scenes with people")
    print(f"{cuts} cuts from people to people, {kept} kept a number")
    print("longer than 3 frames:", worst)


def frames_of_sample(count: int) -> Iterable[Picture]:
    photo = load_image(SAMPLE_PHOTO)
    moved = list(move(photo, 200, np.random.default_rng(0)))
    pictures = cycle([*moved, *moved[::-1], *[np.zeros_like(moved[0])] * 10])
    for _ in range(count):
        yield next(pictures).copy()


def try_memory(frames: int) -> None:
    for number, _ in enumerate(follow(frames_of_sample(frames))):
        if number % 1000 == 999:
            with open("/proc/self/statm", encoding="ascii") as file:
                pages = int(file.read().split()[1])
            print(f"{number + 1} frames: {pages * resource.getpagesize() / 1e6:.0f} MB", flush=True)


def photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["clips", "memory"])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.what == "memory":
        try_memory(arguments.frames)
    elif len(arguments.folders) != 2:
        parser.error("expected two folders, of photos with people and without")
    else:
        people, empty = map(photos, arguments.folders)
        try_clips(people, empty, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()
