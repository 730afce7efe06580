"""Contact sheets to judge labels by: the photo, the detected points and the fitted face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from prnet.geometry.crop import CropTransform

TILE: Final = 288
COLUMNS: Final = 5
DETECTED: Final = (255, 90, 90)
FITTED: Final = (80, 255, 140)

Picture = tuple[NDArray[np.uint8], str, NDArray[np.floating] | None, NDArray[np.floating] | None]
"""Photo (H, W, 3), caption, detected points (K, 2) and fitted landmarks (L, 2 or 3), in pixels."""


def contact_sheet(pictures: Iterable[Picture]) -> NDArray[np.uint8]:
    """Tiles in rows of `COLUMNS`: detected points red, fitted landmarks green."""
    tiles = [_tile(*picture) for picture in pictures]
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.zeros((rows * TILE, COLUMNS * TILE, 3), np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        sheet[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile
    return sheet


def _tile(
    image: NDArray[np.uint8],
    caption: str,
    detected: NDArray[np.floating] | None,
    fitted: NDArray[np.floating] | None,
) -> NDArray[np.uint8]:
    crop = _crop(image, detected if fitted is None else fitted)
    tile = Image.fromarray(crop.crop_image(image))
    pen = ImageDraw.Draw(tile)
    for points, colour, radius in ((detected, DETECTED, 0.8), (fitted, FITTED, 1.5)):
        if points is not None:
            _dots(pen, crop.to_crop(points[:, :2]), colour, radius)
    pen.text((4, TILE - 14), caption, fill=(255, 255, 255), stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(tile)


def _crop(image: NDArray[np.uint8], points: NDArray[np.floating] | None) -> CropTransform:
    """A square around the face, or around the whole photo."""
    height, width = image.shape[:2]
    low, high = np.zeros(2), np.array([width - 1.0, height - 1.0])
    if points is not None:
        low, high = points[:, :2].min(0), points[:, :2].max(0)
    x, y = (low + high) / 2
    return CropTransform(float(x), float(y), 1.25 * float((high - low).max()) + 1, TILE)


def _dots(
    pen: ImageDraw.ImageDraw,
    points: NDArray[np.floating],
    colour: tuple[int, int, int],
    radius: float,
) -> None:
    for x, y in points.tolist():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def chosen_rows(errors: NDArray[np.floating], count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Rows to look at: ``count`` spread evenly over all, and the ``count`` worst."""
    even = np.unique(np.linspace(0, len(errors) - 1, min(count, len(errors))).round().astype(int))
    return even.tolist(), np.argsort(-errors)[:count].tolist()
