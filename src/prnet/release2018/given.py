"""What callers of the drop-in hand over, whose two ranges of grey values are easily taken for each
other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.image import load_image

SIZE: Final = 256
"""Side of a crop and of a position map."""


def given_photo(source: str | Path | NDArray[Any]) -> NDArray[np.uint8]:
    """A path, or a photo (H, W, 3) of any type in 0..255."""
    if isinstance(source, np.ndarray) and source.dtype.kind in "fi":
        if source.dtype.kind == "f" and source.size and 0 < source.max() <= 1:
            raise PrnetError(f"expected a photo in 0..255, got none above {source.max():g}")
        source = np.rint(np.clip(source, 0, 255)).astype(np.uint8)
    return load_image(source)


def given_crops(crops: NDArray[Any]) -> NDArray[np.uint8]:
    """Crops (B, 256, 256, 3) in 0..1 -> the same in 0..255. Resampling may overshoot a little."""
    if crops.ndim != 4 or crops.shape[1:] != (SIZE, SIZE, 3):
        raise PrnetError(f"expected crops of {(SIZE, SIZE, 3)}, got shape {crops.shape[1:]}")
    if crops.size and crops.max() > 2:
        raise PrnetError(f"expected crops in 0..1 (/ 255), got values up to {crops.max():g}")
    return np.asarray(np.rint(np.clip(crops, 0, 1) * 255), np.uint8)
