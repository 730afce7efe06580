"""One face's appearance on another face, in the other's photo."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from prnet.appearance.blend import blend_bands
from prnet.appearance.fill import without_shadows
from prnet.appearance.render import picture_raster, texture_points
from prnet.appearance.texture import map_footprint, texture_mask
from prnet.appearance.texture import texture as photo_texture
from prnet.appearance.visibility import visibility_map
from prnet.errors import PrnetError
from prnet.geometry.filters import box_sum, extreme, smooth_step
from prnet.geometry.rasterize import interpolate
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

DARK_SHARE = 0.45, 0.65
"""Shares of the skin's median brightness between which hair, glasses and beards turn into skin."""

OTHER_HUE = 0.25, 0.45
"""Differences of log(red / green) or log(blue / green) to the skin's median between which skin
turns into something else."""

HAIR_DARK, HAIR_LIGHT, HAIR_HUE = (0.68, 0.88), (1.3, 1.6), (0.1, 0.2)
"""The same for what hangs down from the top of the map, in light over that of the column's face:
sooner, as a shadow further down is no hair."""

NEAR_COLUMNS, FEW = 24, 500
"""A column's light is that of so many to each side; the whole face's counts as so many pixels."""

ABOVE_LIDS = 6.0
"""Map pixels above the upper lids' landmarks down to which hair may hang."""

ABOVE_BROWS = 7.0
"""Map pixels from the brows' landmarks to where hair begins to be looked for."""

STREAK = 6
"""Half the width, in texels of 256, of what is skin above a fringe: lit hair has streaks of its
light."""

STRAND = 2
"""Map pixels around hair that are left alone with it, and over which that softens."""

DARKEST = 12.0
"""Grey levels added before colours are divided by each other; shadows have no hue to match."""

GREY = 0.04
"""Saturation, of the brightness, below which skin is a black and white photo's."""

STRONGEST_GAIN = 2.0

BANDS = 4
"""Levels of the blending pyramid; the coarsest has a transition of some 16 pixels."""


def swap_face(
    target: MappedFace, reference: MappedFace, *, region: RegionName | NDArray[Any] = "face"
) -> NDArray[np.uint8]:
    """The target's photo (H, W, 3) uint8 with the reference's appearance on the target's face.

    Shape, expression, pose and light stay the target's. What the reference's photo hides is taken
    from its mirrored half. ``region``: a name, or opacities (256, 256) in UV, 0..1 or, uint8,
    0..255. What the camera sees is painted; it cannot know of hair, hands or glasses in front.
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
    own = photo_texture(target, size=layout.size).astype(np.float32)
    known, shown = (texture_mask(face, size=layout.size) for face in (reference, target))
    texture = photo_texture(reference, size=_texture_size(target), fill=True)
    texture = without_shadows(texture, own, _even_skin(layout), shown)
    pictures = [resized(texture.astype(np.float32), layout.size), own]
    inner = _features_outline(layout) * np.isin(layout.parts, [Part.FACE, Part.NOSE])
    skin = skin_likeness(pictures[0], inner) * skin_likeness(pictures[1], inner * shown)
    free = below_hair(pictures[0], inner) * below_hair(pictures[1], inner * shown)
    texture = _matched(texture, pictures, _even_skin(layout) * skin * known * shown)
    opacity = chosen * np.maximum(known, known[:, ::-1])
    if isinstance(region, str):
        opacity = opacity * np.maximum(_features_outline(layout), _without_strands(skin))
        opacity = opacity * np.maximum(_below_lids(layout), _without_strands(free))
    return _painted(target, target.image, texture, opacity)


def region_weights(layout: UVLayout, region: RegionName | NDArray[Any]) -> NDArray[np.float32]:
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


def _checked_mask(layout: UVLayout, mask: NDArray[Any]) -> NDArray[np.float32]:
    if mask.shape != layout.region.shape:
        size, shape = f"{layout.size}x{layout.size}", "x".join(map(str, mask.shape))
        raise PrnetError(
            f"expected a mask of the UV layout {layout.name}, {size}, got one of {shape}"
        )
    grey = mask.dtype == np.uint8 and mask.max(initial=0) > 1  # not 0 and 1 for no and yes
    opacities = mask.astype(np.float32) / (255 if grey else 1)
    if not ((opacities >= 0) & (opacities <= 1)).all():
        raise PrnetError(
            f"expected a mask in 0..1, or uint8, got {np.min(mask):.6g}..{np.max(mask):.6g}"
        )
    weights = np.asarray(opacities * layout.region, np.float32)
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


def _features_outline(layout: UVLayout) -> NDArray[np.float32]:
    """(256, 256): 1 from the brows down and between their outer ends, softly 0 above and beside
    them, where hair may hang over the face."""
    brows = [(float(x), float(y) - ABOVE_BROWS) for x, y in layout.landmarks[17:27]]
    below = [(x, float(layout.size)) for x, _ in (brows[-1], brows[0])]
    picture = Image.new("L", layout.region.shape[::-1])
    ImageDraw.Draw(picture).polygon(brows + below, fill=255)
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(STRAND)), np.float32)
    return np.asarray(soft / 255, np.float32)


def _texture_size(target: MappedFace) -> int:
    side = TEXELS_PER_PIXEL * float(np.ptp(target.vertices[:, :2], axis=0).max())
    return int(np.clip(64 * np.ceil(side / 64), target.layout.size // 2, MAX_TEXTURE))


def _matched(
    texture: NDArray[np.uint8], pictures: list[NDArray[np.float32]], weight: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """``texture`` (N, N, 3), which is the first picture (256, 256, 3), in the light and skin tone
    of the second, where ``weight`` (256, 256) says that both show skin."""
    if not weight.any():
        return texture
    if _is_grey(pictures[1], weight):
        texture, pictures = _grey(texture), [_grey(picture) for picture in pictures]
    colour = _gain(pictures, weight, COLOUR_CELLS)
    light = _gain(
        [picture.mean(axis=-1, keepdims=True) for picture in pictures], weight, LIGHT_CELLS
    )
    gain = colour / colour.mean(axis=-1, keepdims=True) * light
    gain = resized(np.clip(gain, 1 / STRONGEST_GAIN, STRONGEST_GAIN), len(texture))
    return np.asarray(np.rint(np.clip(texture * gain, 0, 255)), np.uint8)


def _is_grey(picture: NDArray[np.float32], weight: NDArray[np.float32]) -> bool:
    return bool(
        (np.ptp(picture, axis=-1) * weight).sum() < GREY * (picture.mean(-1) * weight).sum()
    )


def _grey(picture: NDArray[Any]) -> NDArray[Any]:
    return np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1)


def _even_skin(layout: UVLayout) -> NDArray[np.float32]:
    """(256, 256): weights of the face without eyes and mouth."""
    skin = np.isin(layout.parts, [Part.FACE, Part.NOSE])
    return np.asarray(skin * region_weights(layout, "face"), np.float32)


def skin_likeness(
    texture: NDArray[np.float32], weight: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Texture (256, 256, 3) -> (256, 256): 1 where it has the light and hue of the median where
    ``weight`` (256, 256) is above a half, 0 where it is far darker or of another hue."""
    known = weight > 0.5
    grey = texture.mean(axis=-1)
    if not known.any():
        return np.ones_like(grey)
    light = smooth_step(grey / max(float(np.median(grey[known])), 1.0), *DARK_SHARE)
    return light * (1 - smooth_step(_hue_away(texture, known), *OTHER_HUE))


def _hue_away(texture: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(256, 256): distance of log(red / green) and log(blue / green) to the median of ``known``."""
    hues = np.log(texture[..., [0, 2]] + DARKEST) - np.log(texture[..., 1:2] + DARKEST)
    return np.asarray(np.abs(hues - np.median(hues[known], axis=0)).max(axis=-1), np.float32)


def below_hair(texture: NDArray[np.float32], weight: NDArray[np.floating]) -> NDArray[np.float32]:
    """Texture (256, 256, 3) -> (256, 256): 0 down each column for as long as no skin was met, 1
    from there on: above brows there is skin, above a fringe none. Skin has the light that its
    column's face has where ``weight`` (256, 256) is above a half, and the hue of all of that; what
    is no larger than a streak of light hair does not count."""
    known = weight > 0.5
    if not known.any():
        return np.ones(known.shape, np.float32)
    grey = texture.mean(axis=-1)
    near = np.ones(2 * NEAR_COLUMNS + 1)
    light, count = (np.convolve(each.sum(axis=0), near, "same") for each in (known * grey, known))
    ratio = grey * (count + FEW) / np.maximum(light + FEW * grey[known].mean(), 1)
    skin = smooth_step(ratio, *HAIR_DARK) * (1 - smooth_step(ratio, *HAIR_LIGHT))
    skin *= 1 - smooth_step(_hue_away(texture, known), *HAIR_HUE)
    solid = extreme(np.minimum, skin.astype(np.float32), STREAK)
    below = np.maximum.accumulate(solid, axis=0)
    return np.asarray(extreme(np.maximum, below, STREAK), np.float32)


def _below_lids(layout: UVLayout) -> NDArray[np.float32]:
    """(256, 256): 1 from a little above the upper lids down, softly 0 above."""
    lids = float(layout.landmarks[[37, 38, 43, 44], 1].mean()) - ABOVE_LIDS
    rows = np.repeat(np.arange(layout.size, dtype=np.float32)[:, None], layout.size, axis=1)
    return smooth_step(rows, lids - 2 * STRAND, lids + 2 * STRAND)


def _without_strands(skin: NDArray[np.float32]) -> NDArray[np.float32]:
    """(256, 256), smooth, 0 around what is no skin, too."""
    inner = extreme(np.minimum, skin, STRAND)
    return np.asarray(np.clip(box_sum(inner, STRAND) / (2 * STRAND + 1) ** 2, 0, 1), np.float32)


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
    raster, seen = picture_raster(face, *photo.shape[:2])
    rows, columns = np.nonzero(raster.mask)
    if len(rows) == 0:
        return painted
    layout, size = face.layout, len(texture)
    texels = size / layout.size / np.maximum(map_footprint(face)[layout.region], 1e-3)
    opacity = (weights * visibility_map(face))[layout.region]
    attributes = np.c_[texture_points(face, size), texels, opacity]
    pixels = interpolate(raster, face.triangles, attributes)[rows, columns]
    below = photo[seen]
    above, mask = below.astype(np.float32), np.zeros(raster.mask.shape, np.float32)
    above[rows, columns] = sample_area(texture, pixels[:, :2], pixels[:, 2])
    mask[rows, columns] = pixels[:, 3]
    painted[seen] = blend_bands(below, above, mask, levels=BANDS)
    return painted
