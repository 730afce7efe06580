"""One face's appearance on another face, in the other's photo."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from prnet.appearance.blend import blend_bands
from prnet.appearance.render import picture_part, texture_points
from prnet.appearance.texture import map_footprint, texture_mask
from prnet.appearance.texture import texture as photo_texture
from prnet.appearance.visibility import visibility_map
from prnet.errors import PrnetError
from prnet.geometry.filters import smooth_step
from prnet.geometry.rasterize import interpolate, rasterize
from prnet.geometry.sampling import resized, sample_area
from prnet.layout.uv_layout import Part, UVLayout
from prnet.mapped import MappedFace

RegionName = Literal["face", "eyes", "nose", "mouth"]

PARTS: dict[RegionName, Part] = {"eyes": Part.EYES, "nose": Part.NOSE, "mouth": Part.MOUTH}

FOREHEAD = 0.3
"""How far the swapped face reaches above the brows, over the distance from brows to nose tip;
higher up there is often hair."""

SOFTNESS = {"face": 5.0, "eyes": 3.0, "nose": 3.0, "mouth": 3.0}
"""Standard deviation, in map pixels, of the regions' edges, which lie inside them."""

TEXELS_PER_PIXEL, MAX_TEXTURE = 1.2, 1024
"""Side of the texture that carries the reference over, over the target face's longer side."""

LIGHT_CELLS, COLOUR_CELLS = 8, 3
"""Brightness and colour are matched as means over so many cells along each side of the map. An
eighth is an eye's width: light and skin tone follow the target, features stay the reference's."""

DARK_SHARE = 0.5
"""Texels below this share of the face's median brightness are no measure of the skin."""

DARKEST = 12.0
"""Grey levels added before colours are divided by each other; shadows have no hue to match."""

STRONGEST_GAIN = 2.0

BANDS = 4
"""Levels of the blending pyramid; the coarsest has a transition of some 16 pixels."""


def swap_face(
    target: MappedFace, reference: MappedFace, *, region: RegionName | NDArray[np.floating] = "face"
) -> NDArray[np.uint8]:
    """The target's photo (H, W, 3) uint8 with the reference's appearance on the target's face.

    Shape, expression, pose and light stay the target's. What the reference's photo hides is taken
    from its mirrored half. ``region``: a name, or opacities (256, 256) in 0..1 in UV. Only what
    the camera sees of the target is painted; it cannot know of hair, hands or glasses in front.
    Raises PrnetError for faces without photos or of different layouts, and other masks.
    """
    if target.image is None or reference.image is None:
        raise PrnetError("expected faces with their images, got one without")
    layout = target.layout
    if layout.name != reference.layout.name or layout.region.shape != reference.layout.region.shape:
        raise PrnetError(
            f"expected two faces in one UV layout, got {layout.name} and {reference.layout.name}"
        )
    chosen = region_weights(layout, region)
    texture = _matched_texture(target, reference)
    known = texture_mask(reference, size=layout.size)
    opacity = chosen * np.maximum(known, known[:, ::-1])
    return _painted(target, target.image, texture, opacity)


def region_weights(
    layout: UVLayout, region: RegionName | NDArray[np.floating]
) -> NDArray[np.float32]:
    """Opacities (256, 256) float32 in UV: 1 inside the region, falling softly to 0 at its edge."""
    if not isinstance(region, str):
        return _checked_mask(layout, region)
    if region not in get_args(RegionName):
        known = ", ".join(get_args(RegionName))
        raise PrnetError(f"expected a region out of {known} or a mask, got '{region}'")
    inside = layout.parts == PARTS[region] if region in PARTS else _face_outline(layout)
    picture = Image.fromarray((inside & layout.region).astype(np.uint8) * 255)
    blurred = picture.filter(ImageFilter.GaussianBlur(SOFTNESS[region]))
    return smooth_step(np.asarray(blurred, np.float32) / 255, 0.5, 0.95)


def _checked_mask(layout: UVLayout, mask: NDArray[np.floating]) -> NDArray[np.float32]:
    if mask.shape != layout.region.shape:
        size, shape = f"{layout.size}x{layout.size}", "x".join(map(str, mask.shape))
        raise PrnetError(
            f"expected a mask of the UV layout {layout.name}, {size}, got one of {shape}"
        )
    weights = np.asarray(np.clip(mask, 0, 1) * layout.region, np.float32)
    if not weights.any():
        raise PrnetError(
            f"expected a mask in UV layout {layout.name}, got one that covers no surface there"
        )
    return weights


def _face_outline(layout: UVLayout) -> NDArray[np.bool_]:
    """(256, 256): between the jaw's landmarks and a line above the brows."""
    jaw, brows, nose_tip = layout.landmarks[:17], layout.landmarks[17:27], layout.landmarks[30]
    raised = brows - [0, FOREHEAD * (nose_tip[1] - brows[:, 1].mean())]
    picture = Image.new("1", layout.region.shape[::-1])
    corners = [(float(x), float(y)) for x, y in np.concatenate([jaw, raised[::-1]])]
    ImageDraw.Draw(picture).polygon(corners, fill=1)
    return np.asarray(picture)


def _matched_texture(target: MappedFace, reference: MappedFace) -> NDArray[np.uint8]:
    """The reference's texture, hidden parts filled, in the target's light and skin tone."""
    side = TEXELS_PER_PIXEL * float(np.ptp(target.vertices[:, :2], axis=0).max())
    size = int(np.clip(64 * np.ceil(side / 64), target.layout.size // 2, MAX_TEXTURE))
    texture = photo_texture(reference, size=size, fill=True)
    pictures = [
        resized(texture.astype(np.float32), target.layout.size),
        photo_texture(target, size=target.layout.size).astype(np.float32),
    ]
    weight = _skin(target.layout, pictures)
    for face in (target, reference):
        weight = weight * texture_mask(face, size=target.layout.size)
    if not weight.any():
        return texture
    colour = _gain(pictures, weight, COLOUR_CELLS)
    light = _gain(
        [picture.mean(axis=-1, keepdims=True) for picture in pictures], weight, LIGHT_CELLS
    )
    gain = colour / colour.mean(axis=-1, keepdims=True) * light
    gain = resized(np.clip(gain, 1 / STRONGEST_GAIN, STRONGEST_GAIN), size)
    return np.asarray(np.rint(np.clip(texture * gain, 0, 255)), np.uint8)


def _skin(layout: UVLayout, textures: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(256, 256): where all textures show skin: weights of the face without eyes and mouth, 0
    where one is far darker than its median (hair, glasses, beards)."""
    weight = np.isin(layout.parts, [Part.FACE, Part.NOSE]) * region_weights(layout, "face")
    for picture in textures:
        grey = picture.mean(axis=-1)
        weight = weight * (grey >= DARK_SHARE * np.median(grey[weight > 0]))
    return np.asarray(weight, np.float32)


def _gain(
    pictures: list[NDArray[np.float32]], weight: NDArray[np.float32], cells: int
) -> NDArray[np.float32]:
    """(256, 256, C): smooth factors that take the weighted means of the first picture (256, 256, C)
    over ``cells`` x ``cells`` squares to the second's; where there is little weight, of all."""
    share = resized(weight, cells)[..., None]
    doubt = 0.1 * share.max()
    means = []
    for picture in pictures:
        total = resized(picture * weight[..., None], cells)
        overall = total.sum(axis=(0, 1)) / share.sum()
        means.append((total + doubt * overall) / (share + doubt))
    return resized((means[1] + DARKEST) / (means[0] + DARKEST), len(weight))


def _painted(
    face: MappedFace,
    photo: NDArray[np.uint8],
    texture: NDArray[np.uint8],
    weights: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """``texture`` (N, N, 3) on the face in its photo, blended by ``weights`` (256, 256) where the
    camera sees it; outside them every pixel keeps its value."""
    painted = photo.copy()
    part, seen = picture_part(face.vertices, *photo.shape[:2])
    height, width = seen[0].stop - seen[0].start, seen[1].stop - seen[1].start
    raster = rasterize(part, face.triangles, height, width, cull="back")
    rows, columns = np.nonzero(raster.mask)
    if len(rows) == 0:
        return painted
    layout, size = face.layout, len(texture)
    texels = size / layout.size / np.maximum(map_footprint(face)[layout.region], 1e-3)
    opacity = (weights * visibility_map(face))[layout.region]
    attributes = np.c_[texture_points(face, size), texels, opacity]
    pixels = interpolate(raster, face.triangles, attributes)[rows, columns]
    below = photo[seen]
    above, mask = below.astype(np.float32), np.zeros((height, width), np.float32)
    above[rows, columns] = sample_area(texture, pixels[:, :2], pixels[:, 2])
    mask[rows, columns] = pixels[:, 3]
    painted[seen] = blend_bands(below, above, mask, levels=BANDS)
    return painted
