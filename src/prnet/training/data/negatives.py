"""Photos without a face -> stored crops, for a network to know what is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.detection.anchorfree import PrnetDetector
from prnet.errors import PrnetError
from prnet.files.arrays import write_array
from prnet.files.photos import PhotoStore
from prnet.geometry.crop import CropTransform
from prnet.training.data.prepared_files import CROPS, MARGIN, NEGATIVES, map_crops
from prnet.training.labels.labelling import photo_names

SQUARES = 2
"""Of any place and size, of each photo."""
SMALLEST = 48
"""Pixels of the photo's at a side, or the whole photo."""
LOOKALIKES = 6
"""Of each photo, what looks most like a face to a detector that takes nearly everything for one,
animals' faces for the most part."""
MIN_SCORE = 0.05


def prepare_negatives(folder: Path, out: Path, *, seed: int = 0) -> None:
    """Write ``negatives.npy`` (N, H, H, 3) uint8, of the stored crops' size, to a prepared folder.
    Unreadable photos are left out."""
    store, random = PhotoStore(folder), np.random.default_rng(seed)
    detector = PrnetDetector(min_score=MIN_SCORE)
    size, crops = map_crops(out / CROPS).shape[1], []
    for name in photo_names(folder):
        try:
            photo = store[name]
        except PrnetError:
            continue
        squares = [*_lookalikes(photo, detector, size), *_squares(photo, random, size)]
        crops += [square.crop_image(photo) for square in squares]
    if not crops:
        raise PrnetError(f"{folder}: expected photos that can be read, got none")
    write_array(out / NEGATIVES, np.stack(crops))


def _lookalikes(
    photo: NDArray[np.uint8], detector: PrnetDetector, size: int
) -> Iterator[CropTransform]:
    for box in sorted(detector(photo), key=lambda box: -box.score)[:LOOKALIKES]:
        crop = CropTransform.from_box(box, detector.crop_rule, size=size)
        yield replace(crop, side=crop.side * MARGIN)


def _squares(
    photo: NDArray[np.uint8], random: np.random.Generator, size: int
) -> Iterator[CropTransform]:
    height, width = photo.shape[:2]
    most = min(height, width)
    for _ in range(SQUARES):
        side = float(np.exp(random.uniform(np.log(min(SMALLEST, most)), np.log(most))))
        x, y = random.uniform(side / 2, np.array([width, height]) - side / 2) - 0.5
        yield CropTransform(float(x), float(y), side, size)
