"""TIFF files of the kinds that Pillow itself does not write."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Order: TypeAlias = Literal["<", ">"]

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5


def tiff(
    pixels: NDArray[Any],
    photometric: int,
    *,
    order: Order = "<",
    planes: bool = False,
    deflate: bool = False,
    bits: int | None = None,
) -> bytes:
    """``pixels`` (H, W) or (H, W, C), of any dtype, as one strip, or with ``planes`` one a channel.
    ``bits`` 12 packs two samples into three bytes."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    layers = np.moveaxis(pixels.reshape(height, width, channels), 2, 0) if planes else [pixels]
    strips = [_packed(layer, order, bits) for layer in layers]
    if deflate:
        strips = [zlib.compress(strip) for strip in strips]
    offsets = [8 + sum(map(len, strips[:i])) for i in range(len(strips))]
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags: dict[int, list[int]] = {
        256: [width],
        257: [height],
        258: [bits or 8 * pixels.dtype.itemsize] * channels,
        259: [8 if deflate else 1],
        262: [photometric],
        273: offsets,
        277: [channels],
        278: [height],
        279: [len(strip) for strip in strips],
        284: [2 if planes else 1],
        339: [kind] * channels,
    }
    if channels == 4 and photometric == RGB:
        tags[338] = [2]  # the fourth is alpha
    data = b"".join(strips)
    directory, more = _directory(dict(sorted(tags.items())), order, 8 + len(data))
    header = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    return header + data + directory + more


def _packed(pixels: NDArray[Any], order: Order, bits: int | None) -> bytes:
    if bits != 12:
        return pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    rows = ["".join(f"{value:012b}" for value in row.ravel()) for row in pixels]
    padded = "".join(row + "0" * (-len(row) % 8) for row in rows)
    return int(padded, 2).to_bytes(len(padded) // 8, "big")


def _directory(tags: dict[int, list[int]], order: Order, start: int) -> tuple[bytes, bytes]:
    """Entries, all of 4-byte numbers, and the values that do not fit into them."""
    more, entries = b"", struct.pack(order + "H", len(tags))
    after = start + 2 + 12 * len(tags) + 4
    for tag, values in tags.items():
        place = values[0]
        if len(values) > 1:
            place = after + len(more)
            more += struct.pack(f"{order}{len(values)}I", *values)
        entries += struct.pack(order + "HHII", tag, 4, len(values), place)
    return entries + struct.pack(order + "I", 0), more
