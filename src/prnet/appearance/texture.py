"""UV textures: the photo laid out as the position map is, hidden parts marked or filled.

A texture is square, RGB uint8 (N, N, 3) for any N; its pixel (i, j) belongs to the map's pixel
((i + 0.5) 256 / N - 0.5, ...), so that both cover the same square. Outside the region it repeats
the region's edge, as viewers that filter textures need it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.appearance.visibility import facing_map, visibility_map
from prnet.errors import PrnetError
from prnet.geometry.filters import smooth_step
from prnet.geometry.sampling import sample_area
from prnet.layout.uv_layout import Part, UVLayout
from prnet.mapped import MappedFace

TEXTURE_SIZE: Final = 512
"""Side of textures by default; it takes a face of about 300 pixels to fill one."""

LARGEST_SIDE: Final = 8192
"""Of textures and of face crops that are drawn: such a texture takes 6 GB while it is made."""

BORDER = 0.02
"""Width of the soft edge where the picture ends, over the face's longer side."""

FEATURES = (Part.EYES, Part.NOSE, Part.MOUTH)
"""Parts whose creases are hidden in every view."""

FACES_BETTER = 0.2, 0.45
"""A seen place is filled too, in part or wholly, when its mirror image faces the camera so much
better (difference of cosines): seen from the side, a small error shows what is behind the face.
Not around the eyes: two irises at one place are seen at once."""

LOW_BAND = 64
"""Side of the textures in which colours are matched and continued; finer detail is copied."""


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
    positions = extended(face.layout, face.position_map[..., :2])
    points = resized(positions, size).reshape(-1, 2)
    footprint = resized(map_footprint(face), size).ravel() * (face.layout.size / size)
    sampled = sample_area(image, points, footprint).reshape(size, size, 3)
    if fill:
        facing = resized(facing_map(face), size)
        mask = texture_mask(face, size=size, image=image)
        sampled = filled(sampled, mask, facing, face.layout)
    return np.rint(np.clip(sampled, 0, 255)).astype(np.uint8)


def texture_mask(
    face: MappedFace, *, size: int = TEXTURE_SIZE, image: NDArray[np.uint8] | None = None
) -> NDArray[np.float32]:
    """(size, size) float32: 1 where a texture shows the face, 0 where it is hidden or outside the
    picture, soft between. Without any image the picture has no end."""
    check_side("texture", size)
    mask = visibility_map(face)
    image = face.image if image is None else image
    if image is not None:
        x, y = face.position_map[..., 0], face.position_map[..., 1]
        height, width = image.shape[:2]
        inside = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y]) + 0.5
        soft = BORDER * float(np.ptp(face.vertices[:, :2], axis=0).max())
        mask = mask * np.clip(inside / max(soft, 1e-6), 0, 1)
    return resized(mask, size)


def check_side(what: str, size: int) -> None:
    """Raises PrnetError for a picture of ``size`` x ``size`` pixels that is none or too large."""
    if not 1 <= size <= LARGEST_SIDE:
        raise PrnetError(f"expected a {what} size of 1 to {LARGEST_SIDE}, got {size}")


def map_footprint(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256) float32: side, in photo pixels, of the square that a map pixel covers there."""
    x, y = np.moveaxis(extended(face.layout, face.position_map[..., :2]), -1, 0)
    (down_x, right_x), (down_y, right_y) = np.gradient(x), np.gradient(y)
    return np.asarray(np.sqrt(np.abs(right_x * down_y - right_y * down_x)), np.float32)


def extended(layout: UVLayout, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (256, 256, C) with those of the region's edge repeated outside it."""
    return values.reshape(-1, values.shape[-1])[layout.nearest_in_region]


def resized(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Square float maps (N, N) or (N, N, C) at another size; averaged when it is smaller."""
    if values.shape[0] == size:
        return np.asarray(values, np.float32)
    if values.ndim == 3:
        return np.stack([resized(v, size) for v in np.moveaxis(values, -1, 0)], axis=-1)
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))


def filled(
    sampled: NDArray[np.float32],
    mask: NDArray[np.float32],
    facing: NDArray[np.float32],
    layout: UVLayout,
) -> NDArray[np.float32]:
    """Hidden parts from the mirrored half, its colours shifted to go on smoothly from the seen
    part; where both halves are hidden, colours from around. Fine features (the insides of mouth
    and nostrils) are never replaced by smooth colours."""
    size, mirror, mirror_mask = len(sampled), sampled[:, ::-1], mask[:, ::-1]
    eyes = (layout.parts == Part.EYES).astype(np.float32)
    better = mirror_mask * smooth_step(facing[:, ::-1] - facing, *FACES_BETTER)
    mask = mask * (1 - better * (1 - resized(resized(eyes, 32), size)))
    low, low_mask = (resized(part, min(size, 2 * LOW_BAND)) for part in (sampled, mask))
    shift = _continued(low - low[:, ::-1], low_mask * low_mask[:, ::-1])
    mirror = mirror + resized(shift, size)
    seen, seen_mirror = (resized(resized(m, 8), size) for m in (mask, mirror_mask))  # the half's
    own = smooth_step(seen / np.maximum(seen + seen_mirror, 1e-3), 0.25, 0.45)[..., None]
    features = np.isin(layout.parts, FEATURES).astype(np.float32)
    featured = resized(features, size)[..., None]
    around = resized(_continued(low, low_mask), size)
    unseen = featured * (own * sampled + (1 - own) * mirror) + (1 - featured) * around
    hidden = mirror + (1 - mirror_mask[..., None]) * (unseen - mirror)
    return np.asarray(hidden + mask[..., None] * (sampled - hidden), np.float32)


def _continued(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth (LOW_BAND, LOW_BAND, C) that follows ``values`` (N, N, C) where ``weight`` (N, N) is
    1 and goes on from there where it is 0.

    Source: the pull-push algorithm of Gortler et al., "The lumigraph", SIGGRAPH 1996.
    """
    weights = [resized(weight, LOW_BAND)]
    sums = [resized(values * weight[..., None], LOW_BAND)]
    while len(weights[-1]) > 1:
        weights.append(_halved(weights[-1]))
        sums.append(_halved(sums[-1]))
    result = np.asarray(sums[-1] / np.maximum(weights[-1], 1e-6)[..., None], np.float32)
    for share, total in zip(weights[-2::-1], sums[-2::-1], strict=True):
        coarse = resized(result, len(share))
        certain = np.minimum(4 * share, 1)[..., None]
        mean = total / np.maximum(share, 1e-6)[..., None]
        result = np.asarray(coarse + certain * (mean - coarse), np.float32)
    return result


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of squares of 2x2."""
    rows = values[::2] + values[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) / 4, np.float32)
