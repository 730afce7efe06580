"""Images in and out: anything a user has -> RGB uint8 (H, W, 3)."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.errors import PrnetError
from prnet.files.atomic import write_bytes
from prnet.files.decode import open_file, opened
from prnet.files.pixels import (
    layer_from_picture,
    mask_from_picture,
    rgb_from_array,
    rgb_from_picture,
)

MAX_PIXELS: Final = 120_000_000
"""Larger pictures are refused unless asked for: a 12000x9000 phone photo passes (360 MB)."""

_WRITE_FORMATS: Final = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_WRITE_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "PNG": {"compress_level": 2},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_lzw"},
}
_Result = TypeVar("_Result")


def load_image(
    source: str | Path | bytes | NDArray[Any], *, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """A file, the bytes of one, or an array -> RGB uint8 (H, W, 3) in sRGB.

    Files: JPEG, PNG, WebP, BMP, TIFF, GIF, PPM, PFM, JPEG 2000 and AVIF, and HEIC where
    pillow-heif is installed; pipes and /dev/stdin, too. The EXIF orientation is applied; colour
    profiles are turned to sRGB; of several frames the first is taken, with a warning;
    transparency is laid over white; 16-bit greys map 0..65535 to 0..255; float greys are scaled by
    the first of 1, 255 and 65535 that holds half their maximum (more than white is white), or
    stretched from minimum to maximum where none does. A JPEG that lacks its end alone is read,
    with a warning.

    Arrays: uint8, uint16 (0..65535) or float (0..1) of shape (H, W), (H, W, 1), (H, W, 3) or
    (H, W, 4), colours in the order red, green, blue, alpha. A uint8 (H, W, 3) array comes back
    without a copy.

    Raises PrnetError, in one line with the file's name, for anything else and for files of more
    than ``max_pixels`` pixels.
    """
    if isinstance(source, np.ndarray):
        return rgb_from_array(source)
    return _loaded(source, max_pixels, rgb_from_picture)


def load_layer(
    source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A file as `load_image` reads it, and how transparent it is: (H, W, 1) uint8, 255 less its
    alpha channel."""
    return _loaded(source, max_pixels, layer_from_picture)


def load_mask(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.float32]:
    """A file as `load_image` reads it -> (H, W) float32 in 0..1: its alpha channel where that
    holds a shape (a cut-out), else how bright the brightest of its colours is."""
    return _loaded(source, max_pixels, mask_from_picture)


def _loaded(
    source: str | Path | bytes, max_pixels: int, convert: Callable[[Image.Image], _Result]
) -> _Result:
    if isinstance(source, (bytes, bytearray, memoryview)):
        with opened(io.BytesIO(source), "image bytes", max_pixels) as picture:
            return convert(picture)
    if not isinstance(source, (str, Path)):
        kind = type(source).__name__
        raise PrnetError(f"expected an image as a path, bytes or NumPy array, got {kind}")
    with open_file(source) as stream, opened(stream, str(source), max_pixels) as picture:
        return convert(picture)


def save_image(path: str | Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write an image, whole or not at all, in the format that the suffix names.

    ``image``: uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA (PNG, WebP, TIFF), or uint16
    (H, W) grey (PNG, TIFF). Suffixes: .png .jpg .jpeg .webp .bmp .tif .tiff.
    Raises PrnetError for other arrays or suffixes, and when the file cannot be written.
    """
    path = Path(path)
    file_format = _WRITE_FORMATS.get(path.suffix.lower())
    if file_format is None:
        known = " ".join(_WRITE_FORMATS)
        raise PrnetError(f"{path}: expected a suffix out of {known}, got '{path.suffix}'")
    _check_writable(path, file_format, image)
    # Encoders that write to the disk do not notice that it is full.
    write_bytes(path, image_bytes(image, file_format))


def image_bytes(image: NDArray[np.uint8] | NDArray[np.uint16], file_format: str) -> bytes:
    """The file of an image as `save_image` takes it, in a format by Pillow's name ("PNG")."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(
        stream, format=file_format, **_WRITE_OPTIONS.get(file_format, {})
    )
    return stream.getvalue()


def _check_writable(path: Path, file_format: str, image: NDArray[Any]) -> None:
    colour = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
    kind_fits = image.dtype == np.uint8 or (image.dtype == np.uint16 and image.ndim == 2)
    if not (colour and kind_fits and image.size):
        raise PrnetError(
            f"{path}: expected an image of uint8 (H, W), (H, W, 3), (H, W, 4) or uint16 (H, W), "
            f"got {image.dtype} {image.shape}"
        )
    if image.dtype == np.uint16 and file_format not in ("PNG", "TIFF"):
        raise PrnetError(f"{path}: expected .png or .tif for a 16-bit image, got '{path.suffix}'")
    if image.ndim == 3 and image.shape[2] == 4 and file_format not in ("PNG", "WEBP", "TIFF"):
        raise PrnetError(f"{path}: expected .png, .webp or .tif for RGBA, got '{path.suffix}'")
