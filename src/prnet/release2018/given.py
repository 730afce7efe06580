"""What callers of the drop-in hand over: None where no face was found, arrays of other shapes, grey
values of two ranges that are easily taken for each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prnet.errors import PrnetError, reason_of
from prnet.files.image import load_image
from prnet.files.text import read_text, rows_of
from prnet.geometry.boxes import Box

SIZE: Final = 256
"""Side of a crop and of a position map."""


def given_photo(source: str | Path | NDArray[Any]) -> NDArray[np.uint8]:
    """A path, or a photo (H, W, 3) of any type in 0..255."""
    if isinstance(source, np.ndarray) and source.dtype.kind in "fi":
        if source.dtype.kind == "f" and source.size and 0 < source.max() <= 1:
            raise PrnetError(f"expected a photo in 0..255, got none above {source.max():g}")
        source = np.rint(np.clip(source, 0, 255)).astype(np.uint8)
    return load_image(source)


def given_place(info: object) -> NDArray[np.float64]:
    """A box [left, right, top, bottom] (4,), or landmarks (N, 2 or 3) in either orientation."""
    try:
        array = np.asarray(info, np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim == 2 and max(array.shape) > 4:
        return array.T if array.shape[0] <= 3 else array
    if array.size != 4:
        raise PrnetError(
            "expected a box [left, right, top, bottom] or landmarks (68, 2 or 3), "
            f"got an array of shape {array.shape}"
        )
    return array.ravel()


def given_box(path: str | Path) -> Box:
    """A fork's text file of left, top, width, height: a number a line."""
    what = "left, top, width, height"
    try:
        left, top, width, height = rows_of(read_text(path, what)).ravel()[:4]
    except PrnetError:
        raise
    except ValueError as error:
        raise PrnetError(f"{path}: expected {what}, got: {reason_of(error)}") from error
    return Box(left, top, left + width, top + height)


def given_array(array: object, what: str, *shape: int | str) -> NDArray[Any]:
    """Numbers of this shape; a letter stands for any length."""
    given = np.asarray(array)
    fits = given.ndim == len(shape) and all(
        isinstance(side, str) or side == length
        for side, length in zip(shape, given.shape, strict=True)
    )
    numbers = given.dtype.kind in "buif"
    if not (numbers and fits):
        wanted = f"({', '.join(map(str, shape))})"
        none = "None (which `process` gives where no face is found)"
        got = none if array is None else f"shape {given.shape}" if numbers else given.dtype
        raise PrnetError(f"expected {what} {wanted}, got {got}")
    return given


def given_map(pos: object) -> NDArray[np.floating]:
    """A position map (256, 256, 3)."""
    return given_array(pos, "a position map", SIZE, SIZE, 3)


def given_picture(image: ArrayLike) -> NDArray[Any]:
    """(H, W) or (H, W, C)."""
    return given_array(image, "a picture", "H", "W", *"C"[: np.ndim(image) - 2])


def given_size(height: float, width: float) -> tuple[int, int]:
    """Whole pixels of a picture to draw."""
    try:
        if (int(height), int(width)) == (height, width) and min(height, width) > 0:
            return int(height), int(width)
    except (TypeError, ValueError, OverflowError):
        pass
    raise PrnetError(f"expected a height and a width in pixels, got {height} and {width}")


def given_triangles(triangles: object, vertices: int) -> NDArray[np.integer]:
    """(T, 3) numbers of so many vertices."""
    given = given_array(triangles, "triangles", "T", 3)
    if given.dtype.kind not in "ui" or (
        given.size and not (given.min() >= 0 and given.max() < vertices)
    ):
        raise PrnetError(f"expected triangles of vertices 0..{vertices - 1}, got others")
    return given


def given_crops(crops: NDArray[Any]) -> NDArray[np.uint8]:
    """Crops (B, 256, 256, 3) in 0..1 -> the same in 0..255. Resampling may overshoot a little."""
    if crops.size and crops.max() > 2:
        raise PrnetError(f"expected crops in 0..1 (/ 255), got values up to {crops.max():g}")
    return np.asarray(np.rint(np.clip(crops, 0, 1) * 255), np.uint8)
