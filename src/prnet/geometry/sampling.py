"""Reading arrays between their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def sample_bilinear(
    array: NDArray[np.generic], points: NDArray[np.floating]
) -> NDArray[np.float32]:
    """``array`` (H, W, C) at ``points`` (N, 2 or more: x = column, y = row) -> (N, C) float32.

    Pixel centres are on integers; points outside take the value of the nearest edge.
    """
    return _bilinear(array, *np.ascontiguousarray(points[:, :2].T))


def bilinear_weights(
    points: NDArray[np.floating], height: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Points (N, 2: x = column, y = row) -> the four pixels (N, 4) around each, as flat row-major
    indices of a (height, width) array, and their shares (N, 4). Edges as in
    :func:`sample_bilinear`; needs two rows and two columns."""
    x, y = np.clip(points.T, 0, [[width - 1], [height - 1]])
    x0 = np.minimum(x.astype(np.intp), width - 2)
    y0 = np.minimum(y.astype(np.intp), height - 2)
    right, below = x - x0, y - y0
    shares = (1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right
    corners = (y0 * width + x0)[:, None] + np.array([0, 1, width, width + 1])
    return corners, np.stack(shares, axis=1).astype(np.float64)


def sample_area(
    image: NDArray[np.uint8], points: NDArray[np.floating], footprint: NDArray[np.floating]
) -> NDArray[np.float32]:
    """``image`` (H, W, 3) averaged around ``points`` (N, 2 or more) -> (N, 3) float32.

    ``footprint`` (N,) is the side, in pixels, of the square to average; up to 1 the sample is
    bilinear, beyond it lies between two levels of a pyramid of halved images. Only the part of
    the image around the points is handled. Edges as in :func:`sample_bilinear`.

    Source: Williams, "Pyramidal parametrics", SIGGRAPH 1983.
    """
    x, y = np.ascontiguousarray(points[:, :2].T)
    margin = 2 * int(np.ceil(max(footprint.max(), 1)))
    x0, x1 = _range(x, margin, image.shape[1])
    y0, y1 = _range(y, margin, image.shape[0])
    part = Image.fromarray(image[y0:y1, x0:x1])
    x -= x0
    y -= y0
    coarse = np.flatnonzero(footprint > 1)
    result = np.zeros((len(x), 3), np.float32)
    if len(coarse) < len(x):
        result = _bilinear(np.asarray(part), x, y)
        result[coarse] = 0
    level, x, y = np.log2(footprint[coarse]), x[coarse] + 0.5, y[coarse] + 0.5
    for k in range(int(np.ceil(level.max(initial=0))) + 1):
        used = np.flatnonzero(np.abs(level - k) < 1)
        if len(used):
            halved = np.asarray(part.reduce(2**k) if k else part)
            sampled = _bilinear(halved, x[used] / 2**k - 0.5, y[used] / 2**k - 0.5)
            result[coarse[used]] += (1 - np.abs(level[used] - k))[:, None] * sampled
    return result


def resized(
    values: NDArray[np.float32], size: int, rows: slice = slice(None)
) -> NDArray[np.float32]:
    """Square float maps (N, N) or (N, N, C) at another size, or some ``rows`` of that; averaged
    when it is smaller."""
    if len(values) == size:
        return np.asarray(values[rows], np.float32)
    if size > len(values):
        return _enlarged(np.asarray(values, np.float32), size, rows)
    if values.ndim == 3:
        return np.stack([resized(v, size, rows) for v in np.moveaxis(values, -1, 0)], axis=-1)
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))[rows]


def _enlarged(values: NDArray[np.float32], size: int, rows: slice) -> NDArray[np.float32]:
    """Bilinear between the centres of pixels, all channels of a pixel at once."""
    places = ((np.arange(size) + 0.5) * (len(values) / size) - 0.5).clip(0, len(values) - 1)
    low = np.minimum(places.astype(np.intp), len(values) - 2)
    share = (places - low).astype(np.float32)
    wide = share[rows].reshape(-1, *[1] * (values.ndim - 1))
    band = values[low[rows]]
    band += wide * (values[low[rows] + 1] - band)
    high = band[:, low + 1]
    band = band[:, low]
    high -= band
    high *= share.reshape(-1, *[1] * (values.ndim - 2))
    band += high
    return band


def _range(values: NDArray[np.floating], margin: int, size: int) -> tuple[int, int]:
    """First pixel and end, inside 0..size, of what reaches ``margin`` beyond the values."""
    first = min(max(int(values.min()) - margin, 0), size - 1)
    return first, max(min(int(values.max()) + margin + 1, size), first + 1)


def _bilinear(
    array: NDArray[np.generic], x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(N, C) float32 at columns x (N,) and rows y (N,)."""
    height, width, channels = array.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0 = np.minimum(x.astype(np.intp), max(width - 2, 0))
    y0 = np.minimum(y.astype(np.intp), max(height - 2, 0))
    right, below = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    corner = y0 * width + x0
    next_x, next_y = min(1, width - 1), width * min(1, height - 1)
    result = np.empty((channels, len(x)), np.float32)
    for channel, value in enumerate(result):  # three times as fast as all channels at once
        plane = np.ascontiguousarray(array[..., channel], np.float32).ravel()
        value[:] = _mix(plane[corner], plane[corner + next_x], right)
        under = _mix(plane[corner + next_y], plane[corner + (next_x + next_y)], right)
        _mix(value, under, below)
    return np.ascontiguousarray(result.T)


def _mix(
    a: NDArray[np.float32], b: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """a + share (b - a), written over both."""
    b -= a
    b *= share
    a += b
    return a
