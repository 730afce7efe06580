"""UV textures: the photo laid out as the position map is, hidden parts marked or filled.

A texture is square, RGB uint8 (N, N, 3) for any N; its pixel (i, j) belongs to the map's pixel
((i + 0.5) 256 / N - 0.5, ...), so that both cover the same square. Outside the region it repeats
the region's edge, as viewers that filter textures need it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.fill import LOW_SIZE, fill_plan, filled_rows
from prnet.appearance.visibility import facing_map, inside_outline, shown_map, visibility_map
from prnet.errors import PrnetError
from prnet.geometry.sampling import resized, resized_planes, sample_area_planes
from prnet.mapped import MappedFace

TEXTURE_SIZE: Final = 512
"""Side of textures by default; it takes a face of about 300 pixels to fill one."""

LARGEST_SIDE: Final = 8192
"""Of textures and of face crops that are drawn: such a texture has 0.2 GB."""

BORDER = 0.02
"""Width of the soft edge where the picture ends, over the face's longer side."""

STRIP: Final = 128
"""Rows of a large texture that are made at a time, so that they stay in the cache."""


def texture(
    face: MappedFace,
    *,
    size: int = TEXTURE_SIZE,
    fill: bool = False,
    image: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Texture (size, size, 3) uint8 from the full photo; every pixel averages over the part of
    the photo that it covers. ``image`` replaces the photo that the face carries.

    Hidden parts show what hides them, parts outside the picture its nearest edge
    (:func:`texture_mask` tells both); with ``fill`` they, and what the photo shows much better on
    the other side, are taken from the mirrored half, and from colours around them where that is
    hidden too.
    """
    check_side("texture", size)
    image = face.image if image is None else image
    if image is None:
        raise PrnetError("expected an image to take the texture from, got a face without one")
    result = np.empty((size, size, 3), np.uint8)
    plan = None
    if fill:
        way, sure = inside_outline(face)
        maps = sampling_maps(face, way)
        low = sampled_rows(maps, image, LOW_SIZE, slice(None))
        mask = shown_map(face, sure) * _inside_picture(face, image)
        plan = fill_plan(face.layout, mask, facing_map(face), low)
    else:
        maps = sampling_maps(face)
    for first in range(0, size, STRIP):
        rows = slice(first, min(first + STRIP, size))
        strip = sampled_rows(maps, image, size, rows)
        if plan is not None:
            strip = filled_rows(strip, resized_planes(plan, size, rows))
        for channel, plane in enumerate(np.rint(np.clip(strip, 0, 255, out=strip), out=strip)):
            result[rows, :, channel] = plane
    return result


def sampling_maps(face: MappedFace, way: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """(3, 256, 256): x and y in the photo, the region's edge repeated outside it, and the side of
    the square that a map pixel covers there. ``way`` (2, V) pixels of the photo: how far beside
    each vertex its colour is taken."""
    x, y = np.moveaxis(face.position_map[..., :2], -1, 0)
    if way is not None:
        x, y = x + face.layout.spread(way[0]), y + face.layout.spread(way[1])
    nearest = face.layout.nearest_in_region
    x, y = x.ravel().take(nearest), y.ravel().take(nearest)
    return np.stack([x, y, _footprint(x, y)])


def sampled_rows(
    maps: NDArray[np.float32], image: NDArray[np.uint8], size: int, rows: slice
) -> NDArray[np.float32]:
    """Some rows of the texture, (3, R, size): the photo under :func:`sampling_maps`."""
    part = resized_planes(maps, size, rows)
    x, y, footprint = part.reshape(3, -1)
    footprint *= np.float32(maps.shape[1] / size)
    return sample_area_planes(image, x, y, footprint).reshape(part.shape)


def texture_mask(
    face: MappedFace, *, size: int = TEXTURE_SIZE, image: NDArray[np.uint8] | None = None
) -> NDArray[np.float32]:
    """(size, size) float32: 1 where a texture shows the face, 0 where it is hidden or outside the
    picture, soft between. Without any image the picture has no end."""
    check_side("texture", size)
    mask = visibility_map(face)
    image = face.image if image is None else image
    if image is not None:
        mask = mask * _inside_picture(face, image)
    return resized(mask, size)


def _inside_picture(face: MappedFace, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(256, 256): 0 outside the picture, 1 inside it, soft between."""
    x, y = face.position_map[..., 0], face.position_map[..., 1]
    height, width = image.shape[:2]
    inside = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y]) + 0.5
    # Columns by themselves: rows of three are reduced a tenth as fast.
    soft = BORDER * max(float(np.ptp(face.vertices[:, axis])) for axis in (0, 1))
    return np.asarray(np.clip(inside / max(soft, 1e-6), 0, 1), np.float32)


def check_side(what: str, size: int) -> None:
    """Raises PrnetError for a picture of ``size`` x ``size`` pixels that is none or too large."""
    if not (isinstance(size, int | np.integer) and 1 <= size <= LARGEST_SIDE):
        raise PrnetError(f"expected a {what} size of 1 to {LARGEST_SIDE}, got {size}")


def check_square(texture: NDArray[np.uint8]) -> None:
    """Raises PrnetError for what is no texture (N, N, 3)."""
    if texture.ndim != 3 or texture.shape[0] != texture.shape[1] or texture.shape[2] != 3:
        shape = "x".join(map(str, texture.shape))
        raise PrnetError(f"expected a square RGB texture (N x N x 3), got {shape}")


def map_footprint(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256) float32: side, in photo pixels, of the square that a map pixel covers there."""
    return np.asarray(sampling_maps(face)[2], np.float32)


def _footprint(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    (down_x, right_x), (down_y, right_y) = np.gradient(x), np.gradient(y)
    return np.asarray(np.sqrt(np.abs(right_x * down_y - right_y * down_x)), np.float32)
