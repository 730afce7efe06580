"""What is put over a face: masks, caps, hats, helmets, patches of something else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PATCHES, MASKS = 0.45, 0.25
"""Shares; the others are caps, hats and helmets."""

Piece = Callable[[np.random.Generator, NDArray[np.integer]], Image.Image]
"""A little of a face-free picture, at a width and height."""
Outline = list[tuple[float, float]]
"""In longer sides of the face's box from its centre, x to the right, y down."""


def cover(
    random: np.random.Generator,
    image: Image.Image,
    at: NDArray[np.floating],
    side: float,
    roll: float,
    piece: Piece,
) -> None:
    """Something over a part of the face whose box has its centre ``at`` (2,) pixels of the image,
    its longer side ``side`` and is turned by ``roll`` degrees."""
    turn = np.radians(roll)
    right = np.array([np.cos(turn), np.sin(turn)])
    down = np.array([-np.sin(turn), np.cos(turn)])
    kind = random.random()
    if kind < PATCHES:
        a, b = random.uniform(-0.45, 0.45, 2)
        half = np.maximum(1, side * random.uniform(0.1, 0.3, 2))
        corner = (at + side * (a * right + b * down) - half).astype(int).tolist()
        image.paste(piece(random, (2 * half).astype(int)), tuple(corner))
        return
    outline = mask(random) if kind > 1 - MASKS else headgear(random)
    points = [tuple((at + side * (a * right + b * down)).tolist()) for a, b in outline]
    where = Image.new("L", image.size)
    ImageDraw.Draw(where).polygon(points, fill=255)
    plain = random.random() < 0.5
    colour = tuple(random.integers(0, 256, 3).tolist())
    image.paste(colour if plain else piece(random, np.array(image.size)), (0, 0), where)


def mask(random: np.random.Generator) -> Outline:
    """Outline of a mask over nose and mouth."""
    top, bridge = random.uniform(-0.05, 0.1), random.uniform(0, 0.1)
    return [
        (-0.42, top),
        (0, top - bridge),
        (0.42, top),
        (0.4, 0.35),
        (0.15, 0.55),
        (-0.15, 0.55),
        (-0.4, 0.35),
    ]


def headgear(random: np.random.Generator) -> Outline:
    """Outline of a cap, a hat or a helmet."""
    rim = random.uniform(-0.48, -0.2)
    left, right, top = random.uniform((-0.65, 0.45, -0.9), (-0.45, 0.65, -0.6))
    dome = [(left, rim), (left, top * 0.8), (left / 2, top), (right / 2, top), (right, top * 0.8)]
    side = random.random()
    if side < 0.4:  # a brim to the side that the face looks to, or around
        brim = random.uniform(0.05, 0.35)
        outline = [*dome, (right + brim, rim + random.uniform(-0.05, 0.1)), (right, rim + 0.04)]
    elif side < 0.7:  # over the ear, as helmets and hoods reach
        low, in_ = random.uniform(0, 0.5), random.uniform(0.2, 0.4)
        outline = [*dome, (right, low), (in_, low), (in_, rim)]
    else:
        outline = [*dome, (right, rim)]
    return outline if random.random() < 0.5 else [(-a, b) for a, b in outline]
