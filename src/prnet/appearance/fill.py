"""What takes the place of the parts of a texture that the photo hides.

The mirrored half, its colours shifted to go on smoothly from the seen part; where both halves are
hidden, colours from around; the middle of a profile goes on from its side as far as the photo shows
anything (``visibility.shown_map``). Fine features (the insides of mouth and nostrils) are never
replaced by smooth colours. All of it is a sum, worked out once at the map's size for a texture of
any size:

    texture = own x the photo + mirror x the photo mirrored + colour
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.filters import box_sum, smooth_step
from prnet.geometry.sampling import resized, resized_planes
from prnet.layout.uv_layout import Part, UVLayout

FEATURES = (Part.EYES, Part.NOSE, Part.MOUTH)
"""Parts whose creases are hidden in every view."""

FACES_BETTER = 0.2, 0.45
"""A seen place is filled too, in part or wholly, when its mirror image faces the camera so much
better (difference of cosines): seen from the side, a small error shows what is behind the face.
Not around the eyes: two irises at one place are seen at once."""

WHOLE_EYE = 0.75
"""An eye that is seen less than this is taken from the other side wholly, if that is seen more."""

CAST, DARKEST = (0.5, 1.0), 8.0
"""A shadow: logarithm of the other side's light over its own; grey values added to both."""
BESIDE, ENOUGH_HIDDEN = 10, (0.02, 0.15)
"""Reach around it, in pixels of `LOW_SIZE`, and the share that is hidden there."""

CELLS, SHADED = 32, (0.25, 0.5)
"""Side of the maps, a cell as wide as an iris, in which `without_shadows` looks at light, and such
logarithms between which a place turns into shadow."""

CAVITY, IN_CAVITY = (-0.4, 0.2), 0.45
"""Cosines between which the mean face's nose turns into the insides of its nostrils, and their
share of the light around: what a photo shows in their place is mostly the nose's tip."""

NOSTRIL_RADIUS = 2
"""Map pixels to each side over which its normals are averaged there."""

LOW_BAND: Final = 64
"""Side of the textures in which colours are matched and continued; finer detail is copied."""

LOW_SIZE: Final = 2 * LOW_BAND
"""Of the photo's texture that colours are taken from."""


def fill_plan(
    layout: UVLayout,
    mask: NDArray[np.float32],
    facing: NDArray[np.float32],
    low: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(5, 256, 256): own, mirror, and red, green, blue of the sum above.

    ``mask`` (256, 256): 1 where the photo shows the face; ``facing`` (256, 256): cosine between
    normal and view; ``low`` (3, LOW_SIZE, LOW_SIZE): the photo's texture.
    """
    size, mirror_mask = layout.size, mask[:, ::-1]
    eyes = resized(resized((layout.parts == Part.EYES).astype(np.float32), 32), size)
    better = smooth_step(facing[:, ::-1] - facing, *FACES_BETTER)
    better = mirror_mask * np.maximum(better, _shadow(low, mask, layout))
    mask = mask * (1 - better * (1 - eyes)) * _whole_eyes(layout, mask, eyes)
    mirror_mask = np.minimum(mirror_mask, mask[:, ::-1] + better[:, ::-1])
    low_mask, low_mirror = (resized(m, LOW_SIZE) for m in (mask, mirror_mask))
    shift = continued(low - low[..., ::-1], low_mask * low_mask[:, ::-1])
    mirrored = low[..., ::-1] + resized_planes(shift, LOW_SIZE)
    either = low_mask + (1 - low_mask) * low_mirror
    own_share = np.asarray(low_mask / np.maximum(either, 1e-6), np.float32)
    around = continued(mirrored + own_share * (low - mirrored), either)
    shift, around = resized_planes(shift, size), resized_planes(around, size)
    seen, seen_mirror = (resized(resized(m, 8), size) for m in (mask, mirror_mask))  # the half's
    own = smooth_step(seen / np.maximum(seen + seen_mirror, 1e-3), 0.25, 0.45)
    cavity = nostrils(layout)
    featured = np.isin(layout.parts, FEATURES) * (1 - cavity)
    guessed = (1 - mask) * (1 - mirror_mask)  # neither half is seen
    from_mirror = (1 - mask) * mirror_mask + guessed * featured * (1 - own)
    light = guessed * (1 - featured) * (1 - cavity * (1 - IN_CAVITY))
    colour = from_mirror * shift + light * around
    from_own = mask + guessed * featured * own
    return np.asarray(np.stack([from_own, from_mirror, *colour]), np.float32)


def filled(
    sampled: NDArray[np.float32],
    mask: NDArray[np.float32],
    facing: NDArray[np.float32],
    layout: UVLayout,
) -> NDArray[np.float32]:
    """A texture (N, N, 3) of any photos, with their mask and facing (N, N), filled."""
    mask, facing = (resized(values, layout.size) for values in (mask, facing))
    planes = np.ascontiguousarray(np.moveaxis(sampled, -1, 0))
    plan = fill_plan(layout, mask, facing, resized_planes(planes, LOW_SIZE))
    whole = filled_rows(planes, resized_planes(plan, len(sampled)))
    return np.ascontiguousarray(np.moveaxis(whole, 0, -1))


def filled_rows(rows: NDArray[np.float32], plan: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of a texture (3, R, N) and of its plan (5, R, N) -> the sum."""
    own, mirror = plan[:2]
    return np.asarray(rows * own + rows[..., ::-1] * mirror + plan[2:], np.float32)


def _shadow(
    low: NDArray[np.float32], mask: NDArray[np.float32], layout: UVLayout
) -> NDArray[np.float32]:
    """(256, 256): 1 where the photo is far darker than on the other side, beside what it hides: a
    shadow that ends with what is seen would be a stain."""
    light = low.mean(axis=0) + DARKEST
    darker = smooth_step(np.log(light[:, ::-1] / light), *CAST)
    hidden = box_sum(resized(layout.region * (1 - mask), LOW_SIZE), BESIDE)
    beside = smooth_step(hidden / (2 * BESIDE + 1) ** 2, *ENOUGH_HIDDEN)
    return np.asarray(resized(darker * beside, layout.size))


@lru_cache(maxsize=4)
def nostrils(layout: UVLayout) -> NDArray[np.float32]:
    """(256, 256): 1 inside the nostrils, where the mean face's nose turns away from a camera in
    front of it."""
    down, right = np.gradient(layout.canonical, axis=(0, 1))
    normals = box_sum(np.cross(right, down).astype(np.float32), NOSTRIL_RADIUS)
    facing = normals[..., 2] / np.maximum(np.linalg.norm(normals, axis=-1), 1e-6)
    inside = (layout.parts == Part.NOSE) * (1 - smooth_step(facing, *CAVITY))
    return np.asarray(inside, np.float32)


def _whole_eyes(
    layout: UVLayout, mask: NDArray[np.float32], eyes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """0 around an eye that the photo shows in part, and the other one better: half of an iris
    beside the mirror image of the other would be one and a half."""
    kept = np.ones_like(mask)
    middle = layout.size // 2
    halves = (np.s_[:, 0:middle], np.s_[:, middle : layout.size])
    seen = []
    for half in halves:
        inside = layout.parts[half] == Part.EYES
        seen.append(float(mask[half][inside].mean()) if inside.any() else 0.0)
    for side, half in enumerate(halves):
        if seen[side] < WHOLE_EYE and seen[1 - side] > seen[side]:
            kept[half] -= eyes[half]
    return kept


def continued(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth (C, LOW_BAND, LOW_BAND) that follows ``values`` (C, N, N) where ``weight`` (N, N) is
    1 and goes on from there where it is 0.

    Source: the pull-push algorithm of Gortler et al., "The lumigraph", SIGGRAPH 1996.
    """
    weights = [resized(weight, LOW_BAND)]
    sums = [resized_planes(values * weight, LOW_BAND)]
    while len(weights[-1]) > 1:
        weights.append(_halved(weights[-1]))
        sums.append(_halved(sums[-1]))
    result = np.asarray(sums[-1] / np.maximum(weights[-1], 1e-6), np.float32)
    for share, total in zip(weights[-2::-1], sums[-2::-1], strict=True):
        coarse = resized_planes(result, len(share))
        mean = total / np.maximum(share, 1e-6)
        result = np.asarray(coarse + np.minimum(4 * share, 1) * (mean - coarse), np.float32)
    return result


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of squares of 2x2."""
    rows = values[..., ::2, :] + values[..., 1::2, :]
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) / 4, np.float32)


def without_shadows(
    texture: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    skin: NDArray[np.float32],
    shown: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """``texture`` (N, N, 3) without the shadows that one side of the face has and that are not in
    ``wanted`` (256, 256, 3), the face that it goes onto, seen where ``shown`` (256, 256) is 1.
    ``skin`` (256, 256) is taken from the other side; eyes and mouth, which look to a side, get its
    light alone."""
    pixels = texture.astype(np.float32)
    away = _other_side(pixels)
    both = resized(np.minimum(shown, shown[:, ::-1]), CELLS)
    kept = np.maximum(_other_side(wanted).mean(axis=-1), 0) * both
    shaded = smooth_step(away.mean(axis=-1) - kept, *SHADED)
    if not shaded.any():
        return texture
    size = len(texture)
    soft = resized(box_sum(shaded, 1), size)[..., None] / np.float32(9)
    lit = (pixels + DARKEST) * np.exp(resized(away, size) * soft) - DARKEST
    lit += soft * resized(skin, size)[..., None] * (pixels[:, ::-1] - lit)
    return np.asarray(np.rint(np.clip(lit, 0, 255)), np.uint8)


def _other_side(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, N, 3) -> (CELLS, CELLS, 3): logarithms of the other side's light over a place's own."""
    light = np.log(resized(picture, CELLS) + DARKEST)
    return np.asarray(light[:, ::-1] - light, np.float32)
