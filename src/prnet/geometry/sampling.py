"""Reading arrays between their pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def sample_bilinear(
    array: NDArray[np.generic], points: NDArray[np.floating]
) -> NDArray[np.float32]:
    """``array`` (H, W, C) at ``points`` (N, 2 or more: x = column, y = row) -> (N, C) float32.

    Pixel centres are on integers; points outside take the value of the nearest edge.
    """
    x, y = np.ascontiguousarray(points[:, :2].T)
    return np.ascontiguousarray(sample_bilinear_planes(array, x, y).T)


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
    return np.ascontiguousarray(sample_area_planes(image, points[:, 0], points[:, 1], footprint).T)


def sample_area_planes(
    image: NDArray[np.uint8],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    footprint: NDArray[np.floating],
) -> NDArray[np.float32]:
    """:func:`sample_area` at x, y (N,): (3, N) float32."""
    margin = 2 * int(np.ceil(max(footprint.max(), 1)))
    x0, x1 = _range(x, margin, image.shape[1])
    y0, y1 = _range(y, margin, image.shape[0])
    part = Image.fromarray(image[y0:y1, x0:x1])
    x, y = x - x0, y - y0
    coarse = np.flatnonzero(footprint > 1)
    result = np.zeros((3, len(x)), np.float32)
    if len(coarse) < len(x):
        result = sample_bilinear_planes(np.asarray(part), x, y)
        result[:, coarse] = 0
    level, x, y = np.log2(footprint[coarse]), x[coarse] + 0.5, y[coarse] + 0.5
    for k in range(int(np.ceil(level.max(initial=0))) + 1):
        used = np.flatnonzero(np.abs(level - k) < 1)
        if len(used):
            halved = np.asarray(part.reduce(2**k) if k else part)
            sampled = sample_bilinear_planes(halved, x[used] / 2**k - 0.5, y[used] / 2**k - 0.5)
            result[:, coarse[used]] += (1 - np.abs(level[used] - k)) * sampled
    return result


def resized(
    values: NDArray[np.float32], size: int, rows: slice = slice(None)
) -> NDArray[np.float32]:
    """Square float maps (N, N) or (N, N, C) at another size, or some ``rows`` of that; averaged
    when it is smaller."""
    if values.ndim == 2:
        return np.asarray(resized_planes(values[None], size, rows)[0], np.float32)
    planes = resized_planes(np.moveaxis(values, -1, 0), size, rows)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def resized_planes(
    planes: NDArray[np.float32], size: int, rows: slice = slice(None)
) -> NDArray[np.float32]:
    """:func:`resized` of each plane of (C, N, N)."""
    planes, count = np.ascontiguousarray(planes, np.float32), planes.shape[1]
    if size == count:
        return np.asarray(planes[:, rows], np.float32)
    if size > count:
        return _enlarged(planes, size, rows)
    pictures = (Image.fromarray(plane) for plane in planes)
    small = [picture.resize((size, size), Image.Resampling.BILINEAR) for picture in pictures]
    return np.stack([np.asarray(picture)[rows] for picture in small])


def _enlarged(planes: NDArray[np.float32], size: int, rows: slice) -> NDArray[np.float32]:
    """Linear between the pixels' centres."""
    count = planes.shape[1]
    low, share = _between(count, size)
    band = planes[:, low[rows]]
    band += share[rows, None] * (planes[:, low[rows] + 1] - band)
    if size % count:
        return np.asarray(band[..., low] * (1 - share) + band[..., low + 1] * share, np.float32)
    # The same shares come again and again: no column has to be looked up.
    band = np.concatenate([band[..., :1], band, band[..., -1:]], axis=-1)
    step = np.diff(band, axis=-1)
    result = np.empty((*band.shape[:2], size), np.float32)
    times = size // count
    for place in range(times):
        right = (place + 0.5) / times - 0.5
        columns = slice(int(right > 0), int(right > 0) + count)
        result[..., place::times] = band[..., columns] + step[..., columns] * np.float32(right % 1)
    return result


def _between(count: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each of ``size`` pixels that lie over ``count``: the one before it, and its share of the
    next."""
    places = ((np.arange(size) + 0.5) * (count / size) - 0.5).clip(0, count - 1)
    low = np.minimum(places.astype(np.intp), count - 2)
    return low, (places - low).astype(np.float32)


def _range(values: NDArray[np.floating], margin: int, size: int) -> tuple[int, int]:
    """First pixel and end, inside 0..size, of what reaches ``margin`` beyond the values."""
    first = min(max(int(values.min()) - margin, 0), size - 1)
    return first, max(min(int(values.max()) + margin + 1, size), first + 1)


def sample_bilinear_planes(
    array: NDArray[np.generic], x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.float32]:
    """:func:`sample_bilinear` at x, y (N,): (C, N) float32."""
    height, width, channels = array.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0 = np.minimum(x.astype(np.intp), max(width - 2, 0))
    y0 = np.minimum(y.astype(np.intp), max(height - 2, 0))
    right, below = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    corner = y0 * width + x0
    next_x, next_y = min(1, width - 1), width * min(1, height - 1)
    around = [corner, corner + next_x, corner + next_y, corner + (next_x + next_y)]
    result = np.empty((channels, len(x)), np.float32)
    for value, (first, second, third, fourth) in zip(
        result, _looked_up(array, around), strict=True
    ):
        value[:] = _mix(first, second, right)
        _mix(value, _mix(third, fourth, right), below)
    return result


def _looked_up(
    array: NDArray[np.generic], pixels: list[NDArray[np.intp]]
) -> Iterator[list[NDArray[np.float32]]]:
    """For each channel of (H, W, C) the values at flat pixels (N,), one array for each of these;
    the bytes of a colour are looked up at once."""
    if array.dtype == np.uint8 and array.shape[2] == 3:
        flat = np.zeros(array.size + 1, np.uint8)
        flat[:-1].reshape(array.shape)[:] = array
        # Four bytes from where each colour begins: the last is not looked at.
        colours = np.ascontiguousarray(np.ndarray(array.size // 3, np.uint32, flat, 0, (3,)))
        found = [colours.take(pixel) for pixel in pixels]
        for channel in range(3):
            yield [each.view(np.uint8)[channel::4].astype(np.float32) for each in found]
        return
    for channel in range(array.shape[2]):  # three times as fast as all channels at once
        plane = np.ascontiguousarray(array[..., channel], np.float32).ravel()
        yield [plane.take(pixel) for pixel in pixels]


def _mix(
    a: NDArray[np.float32], b: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """a + share (b - a), written over both."""
    b -= a
    b *= share
    a += b
    return a
