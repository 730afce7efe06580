"""Depth pictures: 16-bit grey PNG files of z, and the values in them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from prnet.errors import PrnetError, reason_of
from prnet.files.atomic import write_bytes

DEPTH_ORIGIN: Final = 32768
"""The value of z = 0; 0 means no face, so 1..65535 are left for z on both sides."""


def depth_scale(z: NDArray[np.floating], longer_side: int) -> float:
    """Pixels of z for one step of the values that hold all of ``z`` (any shape, NaN left out).

    All values together span the picture's longer side, as they always did, or twice, four times
    ... that where the face is deeper, as in pictures cut tight around it.
    """
    seen = z[~np.isnan(z)]
    largest = float(np.abs(seen).max(initial=0))
    scale = longer_side / 65536
    while largest > scale * (65535 - DEPTH_ORIGIN):
        scale *= 2
    return scale


def encode_depth(depth: NDArray[np.float32], *, scale: float | None = None) -> NDArray[np.uint16]:
    """Depth (H, W) in pixels, NaN where no face is -> uint16: 0 where no face is, else 1..65535
    with z = (value - 32768) scale.

    ``scale``: by default max(H, W) / 65536. Raises PrnetError where it is too small for the
    depth, as never in a picture wider than the face is deep; :func:`save_depth` takes one that
    fits and tells it in the file.
    """
    scale = max(depth.shape) / 65536 if scale is None else scale
    value = np.rint(depth / scale) + DEPTH_ORIGIN
    seen = value[~np.isnan(depth)]
    if seen.size and not (seen.min() >= 1 and seen.max() <= 65535):
        raise PrnetError(
            f"expected z within {scale * DEPTH_ORIGIN:.6g} pixels of 0 for the scale {scale:.6g}, "
            f"got {np.nanmin(depth):.6g}..{np.nanmax(depth):.6g} (save_depth finds the scale)"
        )
    return np.asarray(np.nan_to_num(value), np.uint16)


def save_depth(path: str | Path, depth: NDArray[np.float32], *, scale: float | None = None) -> None:
    """Depth (H, W) as a 16-bit grey PNG, :func:`encode_depth`, whose text chunks ``depth_scale``
    and ``depth_origin`` tell how to read it: z = (value - depth_origin) depth_scale pixels.
    ``scale``: by default :func:`depth_scale` of the depth, so that nothing is clipped."""
    write_bytes(path, depth_bytes(depth, scale=scale))


def depth_bytes(depth: NDArray[np.float32], *, scale: float | None = None) -> bytes:
    """The file of :func:`save_depth`."""
    scale = depth_scale(depth, max(depth.shape)) if scale is None else scale
    text = PngImagePlugin.PngInfo()
    text.add_text("depth_scale", repr(scale))
    text.add_text("depth_origin", str(DEPTH_ORIGIN))
    stream = io.BytesIO()
    Image.fromarray(encode_depth(depth, scale=scale)).save(stream, "PNG", pnginfo=text)
    return stream.getvalue()


def decode_depth(
    source: str | Path | bytes | BinaryIO | NDArray[np.uint16], *, scale: float | None = None
) -> NDArray[np.float32]:
    """A file of :func:`save_depth`, its bytes or an open one, or the values (H, W) of
    :func:`encode_depth`, -> depth in pixels, NaN where no face is, to half a step.

    ``scale``: by default the file's, else max(H, W) / 65536, as :func:`encode_depth` has and files
    of version 0.1 without telling it; the bare pixels of another file do not tell theirs. Raises
    PrnetError for what is no depth picture.
    """
    origin = float(DEPTH_ORIGIN)
    if isinstance(source, np.ndarray):
        values = source
    else:
        values, told, origin = _read_depth_picture(source)
        scale = told if scale is None else scale
    scale = max(values.shape) / 65536 if scale is None else scale
    depth = ((values.astype(np.float64) - origin) * scale).astype(np.float32)
    return np.where(values == 0, np.float32(np.nan), depth)


def _read_depth_picture(
    source: str | Path | bytes | BinaryIO,
) -> tuple[NDArray[np.uint16], float | None, float]:
    """Values, and scale and origin as the file tells them."""
    name = source if isinstance(source, str | Path) else type(source).__name__
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            values = np.asarray(picture)
            text = picture.info
        scale = float(text["depth_scale"]) if "depth_scale" in text else None
        origin = float(text.get("depth_origin", DEPTH_ORIGIN))
        if values.ndim != 2 or values.dtype.kind not in "iu" or values.dtype.itemsize < 2:
            raise ValueError(f"a picture of mode {picture.mode}")
        if not np.isfinite([scale or 1, origin]).all():
            raise ValueError(f"scale {scale}, origin {origin}")
    except Exception as error:  # decoders raise anything on damaged data
        raise PrnetError(f"{name}: expected a 16-bit depth PNG, got: {reason_of(error)}") from error
    return values.astype(np.uint16), scale, origin
