"""Training pictures: photos' faces at any size and angle on face-free ground, and whole scenes.

Everything is drawn from one random generator, so that a step's batch is the same after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from prnet.errors import PrnetError
from prnet.files.arrays import Array, read_array
from prnet.training.detector.covers import cover
from prnet.training.detector.disturb import disturb
from prnet.training.detector.faces import MIRRORED_POINTS
from prnet.training.detector.pools import Pool, Scenes
from prnet.training.detector.warp import Pixels, Warp, Window, random_roll, window_around

Floats = NDArray[np.float32]

LARGEST = 1.1
"""Longer side of the largest face over the picture's side."""
SMALLEST = 11.0
"""Pixels: faces with a shorter longer side are neither asked for nor forbidden."""
SMALLEST_OCCLUDED = 16.0
"""Pixels of the longer side of the smallest face of a scene that something is put over."""
RIM = 0.8
"""Beyond this x the longer side from the centre, crops may show other faces."""
SCENES, FACE_FREE = 0.6, 0.1
"""Shares of the pictures; the others are mosaics."""
OCCLUDED, OCCLUDED_SCENES = 0.45, 0.15
"""Shares of the faces of mosaics and of scenes that something is put over."""
HIDDEN = 0.45
"""Faces of which another tile covers more are no longer asked for."""
TURNED, TURNED_SCENES = 0.8, 0.5
"""Shares of the faces and of the scenes at any angle; the others are about upright."""
SHARES = {
    "utk": 0.15,
    "ytf": 0.1,
    "news": 0.12,
    "congress": 0.08,
    "turned": 0.2,
    "heads": 0.08,
    "views": 0.1,
    "wild": 0.17,
}
"""Shares of the face pools, of those that are there."""


@dataclass
class Picture:
    """A canvas (S, S, 3) uint8 with its faces: rows of x, y, width, height, roll (degrees), five
    points (10), weight of the box, weight of roll and points. ``ignored`` (S, S) bool: where a
    face may be that nobody labelled."""

    canvas: Pixels
    ignored: NDArray[np.bool_]
    faces: list[Floats] = field(default_factory=list)


class Mosaics:
    """Pictures out of a folder of pools.

    ``hard`` (N, 6), where there are such: places that the first step wrongly took for faces, as 0
    for a negative or 1 for a scene, its index, x, y, longer side, score.
    """

    def __init__(self, folder: Path) -> None:
        names = [name for name in SHARES if (folder / f"{name}.npz").exists()]
        if not names or not (folder / "scenes.npz").exists():
            raise PrnetError(f"{folder}: expected the pools that `prnet train-detector` reads")
        self.pools = [Pool(folder / name) for name in names]
        shares = np.array([SHARES[name] for name in names])
        self.shares = shares / shares.sum()
        self.scenes = Scenes(folder / "scenes")
        self.negatives = Scenes(folder / "negatives")
        hard = folder / "hard.npy"
        self.hard = np.zeros((0, 6), np.float32)
        if hard.exists():
            self.hard = read_array(hard, Array(np.float32, ("N", 6)), "hard places")

    def picture(self, random: np.random.Generator, size: int) -> Picture:
        kind = random.random()
        if kind < SCENES:
            picture = self.scene(random, size, self.scenes)
        else:
            picture = self.scene(random, size, self.negatives)
            if kind < 1 - FACE_FREE:
                self.paste_tiles(random, picture)
        picture.canvas = disturb(random, picture.canvas)
        return picture

    def scene(self, random: np.random.Generator, size: int, scenes: Scenes) -> Picture:
        """A random square of a whole photo, at a random size and angle."""
        i = int(random.integers(len(scenes)))
        image, boxes = scenes.image(i), scenes.boxes[i]
        high, wide = image.shape[:2]
        scale = size / max(high, wide) * float(np.exp(random.uniform(-0.35, 1.1)))
        centre = random.uniform(0.2, 0.8, 2) * (wide, high)
        if len(boxes):  # some labelled face comes into the picture
            box = boxes[random.integers(len(boxes))]
            longer = max(box[2] - box[0], box[3] - box[1], 4)
            low, top = max(12, 8 * size / 256), 0.9 * size
            scale = float(np.clip(scale, low / longer, top / longer))
            reach = 0.35 * size / scale
            centre = (box[:2] + box[2:]) / 2 + random.uniform(-reach, reach, 2)
        scale = min(scale, 3.0)
        angle, mirror = random_roll(random, TURNED_SCENES), bool(random.random() < 0.5)
        warp = Warp(centre, scale, angle, mirror, ((size - 1) / 2,) * 2)
        ground = (
            image[::16, ::16].mean(axis=(0, 1)).astype(int) if random.random() < 0.5 else (0, 0, 0)
        )
        canvas = np.array(
            warp.image(image, (0, 0, size, size), ground=tuple(int(v) for v in ground))
        )
        picture = Picture(canvas, np.zeros((size, size), bool))
        for area in scenes.ignored[i]:
            x, y = warp.points(np.array([(area[:2] + area[2:]) / 2]))[0]
            reach = 0.6 * scale * max(area[2:] - area[:2])
            ignore(picture, x, y, reach)
        for box in boxes:
            x, y = warp.points(np.array([(box[:2] + box[2:]) / 2]))[0]
            w, h = scale * (box[2:] - box[:2])
            add_face(picture, x, y, w, h, warp.roll(0.0), np.zeros((5, 2)), (0.5, 0.0))
            if max(w, h) > SMALLEST_OCCLUDED and random.random() < OCCLUDED_SCENES:
                self.occlude(random, picture, x, y, max(w, h), warp.roll(0.0))
        return picture

    def paste_tiles(self, random: np.random.Generator, picture: Picture) -> None:
        """Faces in the cells of a grid that is moved at random, so that the border cuts some."""
        size = len(picture.canvas)
        largest = max(1, round(size / 42))
        cells = int(
            np.clip(round(np.exp(random.uniform(-0.35, np.log(largest + 0.4)))), 1, largest)
        )
        cell = size / cells
        if cells == 1:
            spread = random.uniform(-0.3, 0.3, 2) * cell
            x, y = (cell / 2 + spread).tolist()
            self.paste(random, picture, x, y, cell * random.uniform(0.25, LARGEST), cell)
            return
        shift = random.uniform(-0.5, 0.5, 2) * cell
        for row in range(-1, cells + 1):
            for column in range(-1, cells + 1):
                x, y = (np.array([column, row]) + 0.5) * cell + shift
                if not (
                    -0.2 * cell < x < size + 0.2 * cell and -0.2 * cell < y < size + 0.2 * cell
                ):
                    continue
                if random.random() < 0.75:
                    self.paste(random, picture, x, y, cell * random.uniform(0.35, 0.8), cell)

    def paste(
        self,
        random: np.random.Generator,
        picture: Picture,
        x: float,
        y: float,
        side: float,
        cell: float,
    ) -> None:
        """One face with a box of longer side ``side`` at (x, y), within a square of ``cell``."""
        size = len(picture.canvas)
        pool = self.pools[random.choice(len(self.pools), p=self.shares)]
        i = int(random.integers(len(pool.box)))
        box, scale = pool.box[i], side / float(max(pool.box[i][2:]))
        warp = Warp(
            box[:2], scale, random_roll(random, TURNED), bool(random.random() < 0.5), (x, y)
        )
        reach = 0.5 * cell * random.uniform(0.9, 1.2) if cell < size else 2 * size
        window = window_around(x, y, min(reach, 1.8 * side), size)
        if window is None:
            return
        x0, y0, x1, y1 = window
        tile = warp.image(pool.crops[i], window)
        cover = warp.inside(pool.inside[i], window)
        if random.random() < 0.4 and reach > 0.75 * side:
            round_ = Image.new("L", cover.size)
            ImageDraw.Draw(round_).ellipse(
                [x - reach - x0, y - reach - y0, x + reach - x0, y + reach - y0], fill=255
            )
            cover = ImageChops.darker(cover, round_)
        if random.random() < 0.5:
            cover = cover.filter(ImageFilter.BoxBlur(max(1.0, side * random.uniform(0.01, 0.08))))
        below = Image.fromarray(np.ascontiguousarray(picture.canvas[y0:y1, x0:x1]))
        below.paste(tile, (0, 0), cover)
        picture.canvas[y0:y1, x0:x1] = np.asarray(below)
        covered = np.asarray(cover) > 100
        # What lies below the tile is no longer to be seen.
        picture.faces = [f for f in picture.faces if not _hidden(covered, window, f)]
        if not pool.alone:
            rows, columns = np.ogrid[y0:y1, x0:x1]
            far = np.maximum(np.abs(columns - x), np.abs(rows - y)) > RIM * side
            picture.ignored[y0:y1, x0:x1] |= far & covered
        points = warp.points(pool.points[i])
        if warp.mirror:
            points = points[MIRRORED_POINTS]
        roll = warp.roll(float(pool.roll[i]))
        w, h = (scale * box[2:]).tolist()
        add_face(picture, x, y, w, h, roll, points, (1.0, 1.0))
        if random.random() < OCCLUDED:
            self.occlude(random, picture, x, y, side, roll)

    def occlude(
        self,
        random: np.random.Generator,
        picture: Picture,
        x: float,
        y: float,
        side: float,
        roll: float,
    ) -> None:
        """Something over a part of the face, as `covers.cover` draws it."""
        window = window_around(x, y, 0.9 * side, len(picture.canvas))
        if window is None:
            return
        x0, y0, x1, y1 = window
        image = Image.fromarray(np.ascontiguousarray(picture.canvas[y0:y1, x0:x1]))
        cover(random, image, np.array([x - x0, y - y0]), side, roll, self.piece)
        picture.canvas[y0:y1, x0:x1] = np.asarray(image)

    def piece(self, random: np.random.Generator, size: NDArray[np.integer]) -> Image.Image:
        """A little of a face-free picture, drawn to a width and height."""
        patch = self.negatives.image(int(random.integers(len(self.negatives))))
        py, px = (int(random.integers(max(1, n - 40))) for n in patch.shape[:2])
        piece = Image.fromarray(np.ascontiguousarray(patch[py : py + 40, px : px + 40]))
        return piece.resize(tuple(np.maximum(size, 1).tolist()))


def _hidden(covered: NDArray[np.bool_], window: Window, face: Floats) -> bool:
    x0, y0, x1, y1 = window
    x, y, w, h = face[:4].tolist()
    s = max(w, h) / 2
    if x + s < x0 or x - s > x1 or y + s < y0 or y - s > y1:
        return False
    part = covered[
        max(0, int(y - s) - y0) : max(0, int(y + s) - y0),
        max(0, int(x - s) - x0) : max(0, int(x + s) - x0),
    ]
    return bool(part.sum() > HIDDEN * 4 * s * s)


def ignore(picture: Picture, x: float, y: float, reach: float) -> None:
    size = len(picture.canvas)
    y0, y1, x0, x1 = (
        int(np.clip(v, 0, size)) for v in (y - reach, y + reach + 1, x - reach, x + reach + 1)
    )
    picture.ignored[y0:y1, x0:x1] = True


def add_face(
    picture: Picture,
    x: float,
    y: float,
    w: float,
    h: float,
    roll: float,
    points: NDArray[np.floating],
    weights: tuple[float, float],
) -> None:
    """Ask for a face, unless it is too small or too much cut by the border: then ignore it."""
    size, side = len(picture.canvas), max(w, h)
    seen = 1.0
    for v in (x, y):
        seen *= float(np.clip(min(v + side / 2, size) - max(v - side / 2, 0), 0, side)) / side
    if side < SMALLEST or seen < 0.5 or not (0 <= x < size and 0 <= y < size):
        if seen > 0.05:
            ignore(picture, x, y, side / 2)
        return
    row = [x, y, w, h, roll, *np.asarray(points).reshape(-1), *weights]
    picture.faces.append(np.array(row, np.float32))
