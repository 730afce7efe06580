"""Images in and out: anything a user has -> RGB uint8 (H, W, 3)."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from prnet.errors import PrnetError
from prnet.files.atomic import write_atomically

MAX_PIXELS: Final = 120_000_000
"""Larger pictures are refused unless asked for: a 12000x9000 phone photo passes (360 MB)."""

_READ_FORMATS: Final[tuple[str, ...]] = (
    *("JPEG", "MPO", "PNG", "WEBP", "BMP", "DIB", "TIFF"),
    *("GIF", "PPM", "JPEG2000", "AVIF", "HEIF"),
)
"""Pillow decodes these by itself; EPS and the like would start other programs. HEIF is there
only when the caller has registered a plugin for it."""

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
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_lzw"},
}
_BACKGROUND: Final = 255
"""Transparent pixels become white, as on a page."""

_FLOAT_SLACK: Final = 1e-3
"""How far rounding may carry a float image outside 0..1."""

_pixel_limit_lock = threading.Lock()


def load_image(
    source: str | Path | bytes | NDArray[Any], *, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """A file, the bytes of one, or an array -> RGB uint8 (H, W, 3).

    Files: JPEG, PNG, WebP, BMP, TIFF, GIF, PPM, JPEG 2000 and AVIF. The EXIF orientation is
    applied; of several frames the first is taken; transparency is laid over white; 16-bit greys
    map 0..65535 to 0..255; float greys are scaled by the first of 1, 255 and 65535 that holds
    their maximum, or stretched from minimum to maximum where none does. Colour profiles are
    not applied.

    Arrays: uint8, uint16 (0..65535) or float (0..1) of shape (H, W), (H, W, 1), (H, W, 3) or
    (H, W, 4), colours in the order red, green, blue, alpha. A uint8 (H, W, 3) array comes back
    without a copy.

    Raises PrnetError, in one line with the file's name, for anything else and for files of more
    than ``max_pixels`` pixels.
    """
    if isinstance(source, np.ndarray):
        return _rgb_from_array(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _read(io.BytesIO(source), "image bytes", len(source), max_pixels)
    if not isinstance(source, (str, Path)):
        kind = type(source).__name__
        raise PrnetError(f"expected an image as a path, bytes or NumPy array, got {kind}")
    path = Path(source)
    try:
        if path.is_dir():
            raise PrnetError(f"{path}: expected an image file, got a folder")
        with path.open("rb") as stream:
            return _read(stream, str(path), path.stat().st_size, max_pixels)
    except FileNotFoundError as error:
        raise PrnetError(f"{path}: expected an image file, got no such file") from error
    except (OSError, ValueError) as error:
        if isinstance(error, PrnetError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise PrnetError(f"{path}: expected a readable image file, got: {reason}") from error


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
    with write_atomically(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(
            temporary, format=file_format, **_WRITE_OPTIONS.get(file_format, {})
        )


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


def _read(stream: IO[bytes], name: str, length: int, max_pixels: int) -> NDArray[np.uint8]:
    if length == 0:
        raise PrnetError(f"{name}: expected an image file, got an empty file")
    picture = _open(stream, name)
    width, height = picture.size
    if width * height > max_pixels:
        raise PrnetError(
            f"{name}: expected at most {max_pixels} pixels, got {width}x{height} = "
            f"{width * height} (--max-pixels raises the limit)"
        )
    try:
        picture.load()
        _apply_orientation(picture)
        return _rgb_from_picture(picture)
    except Exception as error:  # decoders raise anything on damaged data
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PrnetError(
            f"{name}: expected a whole {picture.format} image, got a truncated or damaged one "
            f"({reason})"
        ) from error


def _open(stream: IO[bytes], name: str) -> Image.Image:
    """Read the header only. Our limit on pixels replaces Pillow's, which is a global."""
    Image.init()
    formats = [known for known in _READ_FORMATS if known in Image.OPEN]
    with _pixel_limit_lock:
        pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=formats)
        except UnidentifiedImageError as error:
            raise PrnetError(
                f"{name}: expected an image (JPEG, PNG, WebP, BMP, TIFF, ...), got a file that "
                f"is none or whose beginning is damaged{_hint(stream)}"
            ) from error
        except Exception as error:  # decoders raise anything on damaged data
            raise PrnetError(f"{name}: expected an image, got a damaged file ({error})") from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit


def _hint(stream: IO[bytes]) -> str:
    stream.seek(4)
    if stream.read(8) in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return " (it looks like HEIC: save it as JPEG first)"
    return ""


def _apply_orientation(picture: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except Exception:  # a photo with broken EXIF data is still a photo
        return


def _rgb_from_picture(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        return _rgb_from_array(np.asarray(picture, np.uint16))
    if picture.mode in ("I", "F"):
        return _rgb_from_array(_unit_range(np.asarray(picture, np.float64)))
    if picture.has_transparency_data:
        return _rgb_from_array(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"))


def _unit_range(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Greys of unknown range -> 0..1. NaN and infinities become 0."""
    grey = np.where(np.isfinite(grey), grey, 0.0)
    low, high = float(grey.min()), float(grey.max())
    if low >= 0:
        for white in (1.0, 255.0, 65535.0):
            if high <= white:
                return grey / white
    return (grey - low) / max(high - low, np.finfo(np.float64).tiny)


def _rgb_from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise PrnetError(
            f"expected an image of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"got {array.shape}"
        )
    image = _uint8(array).reshape(*array.shape[:2], channels)
    if channels == 1:
        image = np.repeat(image, 3, axis=2)
    if channels == 4:
        image = _over_background(image)
    return np.ascontiguousarray(image)


def _uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if kind == "u" and bits == 8:
        return array
    if kind == "u" and bits == 16:
        return np.asarray((array.astype(np.uint32) + 128) // 257, np.uint8)
    if kind != "f":
        raise PrnetError(f"expected an image of uint8, uint16 or float, got {array.dtype}")
    low, high = float(array.min()), float(array.max())
    if not (low >= -_FLOAT_SLACK and high <= 1 + _FLOAT_SLACK):
        raise PrnetError(f"expected a float image in 0..1, got {low:.6g}..{high:.6g}")
    return np.asarray(np.rint(np.clip(array, 0, 1) * 255), np.uint8)


def _over_background(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = rgba[:, :, 3:].astype(np.uint32)
    mixed = rgba[:, :, :3] * alpha + _BACKGROUND * (255 - alpha)
    return np.asarray((mixed + 127) // 255, np.uint8)
