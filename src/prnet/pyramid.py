"""Running a face detector at several sizes of one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.boxes import Box

FindFaces = Callable[[NDArray[np.uint8]], list[Box]]
"""One run of a detector: image (H, W, 3) -> boxes in that image's pixels, in any order."""

MAX_OVERLAP = 0.5
"""Two boxes are one face when their intersection covers more of the smaller one than this."""

MARGIN = 0.5
"""Width of the frame for faces that fill the picture, over the picture's longer side."""


def find_faces(image: NDArray[np.uint8], find: FindFaces, *, sides: Sequence[int]) -> list[Box]:
    """Boxes in the pixels of ``image`` (H, W, 3), largest first, one a face.

    The picture is resized so that its longer side has the first of ``sides`` pixels; where
    nothing is found, the following ones are tried, at last the first again with a black frame.
    """
    for side in sides:
        if boxes := find_at_side(image, find, side):
            return distinct(boxes)
    margin = round(MARGIN * max(image.shape[:2]))
    framed = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    boxes = find_at_side(framed, find, sides[0])
    return distinct(_moved(box, -margin) for box in boxes)


def find_at_side(image: NDArray[np.uint8], find: FindFaces, side: int) -> list[Box]:
    """One run with the longer side resized to ``side``; boxes in the pixels of ``image``."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    return [_scaled(box, width / size[0], height / size[1]) for box in find(resized)]


def distinct(boxes: Iterable[Box]) -> list[Box]:
    """Largest first, without those that repeat a face with a higher score."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: box.score, reverse=True):
        if all(_overlap(box, other) <= MAX_OVERLAP for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda box: box.area, reverse=True)


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    smaller = min(one.area, other.area)
    return max(width, 0.0) * max(height, 0.0) / smaller if smaller > 0 else 1.0


def _moved(box: Box, offset: float) -> Box:
    x0, y0, x1, y1 = (edge + offset for edge in box.xyxy)
    return replace(box, x0=x0, y0=y0, x1=x1, y1=y1)


def _scaled(box: Box, scale_x: float, scale_y: float) -> Box:
    """Edges, not pixel centres, are what scales: edge -0.5 stays where it is."""
    return replace(
        box,
        x0=(box.x0 + 0.5) * scale_x - 0.5,
        y0=(box.y0 + 0.5) * scale_y - 0.5,
        x1=(box.x1 + 0.5) * scale_x - 0.5,
        y1=(box.y1 + 0.5) * scale_y - 0.5,
    )
