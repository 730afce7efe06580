"""Pixels of any kind -> RGB uint8: orders of channels, depths, transparency, colour profiles.

Pictures are converted a band of rows at a time, so that the result is the only copy of their size
beside Pillow's own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from prnet.errors import PrnetError

_BACKGROUND: Final = 255
"""Transparent pixels become white, as on a page."""

_FLOAT_SLACK: Final = 1e-3
"""How far rounding may carry a float image outside 0..1."""

_WHITES: Final = (1.0, 255.0, 65535.0)
"""What may be white in greys of unknown range."""

_OVERSHOOT: Final = 2.0
"""Greys may exceed their white by this factor, as sharpening and highlights do. By the next white
such a picture would be next to black."""

_BAND: Final = 256
"""Rows that are converted at a time."""

_WHITE_IS_ZERO: Final = 0
"""In TIFF's tag PhotometricInterpretation."""

_ToRGB = Callable[[Image.Image], NDArray[np.uint8]]

_STORED: Final[dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""EXIF orientation: view of the upright picture whose rows are the file's."""


def rgb_from_picture(picture: Image.Image) -> NDArray[np.uint8]:
    """A loaded Pillow picture -> upright RGB uint8 (H, W, 3) in sRGB."""
    return _upright(picture, _converter(picture))


def layer_from_picture(picture: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A loaded Pillow picture -> what `rgb_from_picture` gives (H, W, 3), and how much of it is
    seen through (H, W, 1): 255 less its alpha channel."""
    rgb = rgb_from_picture(picture)
    if not picture.has_transparency_data:
        return rgb, np.zeros((*rgb.shape[:2], 1), np.uint8)
    return rgb, 255 - _upright(picture, _alpha)[..., :1]


def mask_from_picture(picture: Image.Image) -> NDArray[np.float32]:
    """A loaded Pillow picture -> upright float32 (H, W) in 0..1: its alpha channel where that
    holds a shape, else the brightest of its three colours."""
    convert = _converter(picture)
    if picture.has_transparency_data:
        low, high = _with_alpha(picture).getchannel("A").getextrema()
        if low != high:
            convert = _alpha
    brightest: NDArray[np.uint8] = _upright(picture, convert).max(axis=2)
    return np.asarray(brightest / np.float32(255), np.float32)


def _upright(picture: Image.Image, convert: _ToRGB) -> NDArray[np.uint8]:
    orientation = _orientation(picture)
    width, height = picture.size
    shape = (width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3)
    upright = np.empty(shape, np.uint8)
    stored = _STORED[orientation](upright) if orientation in _STORED else upright
    for top, band in _bands(picture):
        stored[top : top + band.height] = convert(band)
    return upright


def _bands(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    width, height = picture.size
    for top in range(0, height, _BAND):
        yield top, picture.crop((0, top, width, min(top + _BAND, height)))


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a photo with broken EXIF data is still a photo
        return 1


def _converter(picture: Image.Image) -> _ToRGB:
    """What turns bands of this picture into RGB."""
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and picture.format in ("PPM", "PNG")):
        bits = _tiff_tag(picture, TiffImagePlugin.BITSPERSAMPLE, (16,))
        white = 4095.0 if bits == (12,) else 65535.0
        return _grey_converter(0.0, white, inverted=_is_white_zero(picture))
    if mode in ("I", "F"):
        return _grey_converter(*_black_and_white(picture), inverted=_is_white_zero(picture))
    to_srgb = _profile_converter(picture)
    if picture.has_transparency_data:
        return lambda band: _over_background(to_srgb(band), _alpha(band))
    return to_srgb


def _tiff_tag(picture: Image.Image, tag: int, default: Any) -> Any:
    return picture.tag_v2.get(tag, default) if hasattr(picture, "tag_v2") else default


def _is_white_zero(picture: Image.Image) -> bool:
    """Pillow turns such greys around up to 8 bits, not beyond."""
    photometric = _tiff_tag(picture, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, None)
    return bool(photometric == _WHITE_IS_ZERO)


def _grey_converter(black: float, white: float, *, inverted: bool) -> _ToRGB:
    if inverted:
        black, white = white, black

    def convert(band: Image.Image) -> NDArray[np.uint8]:
        grey = _finite(band, instead=black)
        scale = 255 / (white - black) if white != black else 0.0
        return rgb_from_array(np.rint(np.clip((grey - black) * scale, 0, 255)).astype(np.uint8))

    return convert


def _finite(band: Image.Image, *, instead: float = 0.0) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # NaN of the signalling kind
        grey = np.asarray(band, np.float64)
    return np.where(np.isfinite(grey), grey, instead)


def _black_and_white(picture: Image.Image) -> tuple[float, float]:
    """Greys of unknown range: 0 and the first white that fits, else their minimum and maximum."""
    greys = (_finite(band) for _, band in _bands(picture))
    lows, highs = zip(*((float(grey.min()), float(grey.max())) for grey in greys), strict=True)
    low, high = min(lows), max(highs)
    if low >= 0:
        for white in _WHITES:
            if high <= _OVERSHOOT * white:
                return 0.0, white
    return low, high


def _profile_converter(picture: Image.Image) -> _ToRGB:
    """To sRGB by the picture's colour profile where it has one that says something else."""
    profile = picture.info.get("icc_profile")
    mode = {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB", "LA": "L", "La": "L"}.get(
        picture.mode, picture.mode
    )
    transform = None
    if profile or mode == "LAB":
        transform = _transform_to_srgb(profile, mode)

    def convert(band: Image.Image) -> NDArray[np.uint8]:
        if band.mode in ("RGBa", "La"):
            band = _with_alpha(band)
        plain = band if band.mode == mode else band.convert(mode)
        if transform is not None:
            plain = transform.apply(plain)
        if plain.mode == "L":
            return rgb_from_array(np.asarray(plain))
        return np.asarray(plain if plain.mode == "RGB" else plain.convert("RGB"))

    return convert


def _transform_to_srgb(profile: bytes | None, mode: str) -> Any:
    """None where there is nothing to do: sRGB, and profiles that are broken or of other colours."""
    try:
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
                return None
        else:
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, srgb, mode, "RGB")
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


def _with_alpha(band: Image.Image) -> Image.Image:
    if band.mode == "La":  # the small a: colours multiplied by alpha
        band = band.convert("LA")
    return band.convert("RGBA")


def _alpha(band: Image.Image) -> NDArray[np.uint8]:
    return rgb_from_array(np.asarray(_with_alpha(band).getchannel("A")))


def _over_background(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weights = alpha.astype(np.uint32)
    return np.asarray((rgb * weights + _BACKGROUND * (255 - weights) + 127) // 255, np.uint8)


def rgb_from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8, uint16 or float (0..1) of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) -> RGB uint8
    (H, W, 3), the same memory where it is that already."""
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
        image = _over_background(image[:, :, :3], image[:, :, 3:])
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
