"""An edited texture back into the photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.fill import FEATURES
from prnet.appearance.render import picture_raster, texture_points
from prnet.appearance.texture import check_square, map_footprint
from prnet.appearance.texture import texture as photo_texture
from prnet.appearance.visibility import visibility_map
from prnet.errors import PrnetError
from prnet.geometry.filters import box_sum, closed, smooth_step
from prnet.geometry.rasterize import interpolate
from prnet.geometry.sampling import resized, sample_area
from prnet.mapped import MappedFace

UNCHANGED, CHANGED = 1.0, 6.0
"""Grey levels up to which a texel counts as untouched, and from which as edited."""

CREASE = 18
"""Hidden spots of eyes, nose and mouth narrower than twice as many map pixels (lids, nostrils, the
insides of the lips) are painted where a pixel shows them: left out, they would stand out."""

LEAST_SPACING = 0.25
"""Photo pixels between map pixels below which pixels stop averaging over more of the map: where the
surface turns away they would reach its hidden side."""

RIM = 4
"""Map pixels over which a texture fades in from the region's edge."""


def apply_texture(
    face: MappedFace, texture: NDArray[np.uint8], *, mask: NDArray[np.floating] | None = None
) -> NDArray[np.uint8]:
    """The face's photo (H, W, 3) uint8 with ``texture`` (N, N, 3) uint8 on the face.

    Only what the camera sees is painted, with soft edges, and only the texels that differ from
    the face's own texture of that size, filled or not: everything else keeps its value to the bit.
    ``mask`` (N, N) in 0..1 says instead which texels to paint, and how much.
    Raises PrnetError for textures that are not square and masks of another size.
    """
    photo, weight = _checked(face, texture, mask)
    painted = photo.copy()
    raster, seen = picture_raster(face, *photo.shape[:2])
    rows, columns = np.nonzero(raster.mask)
    if len(rows) == 0:
        return painted
    # One pass for everything that pixels need to know: where, how many texels, how visible.
    size = len(texture)
    spacing = np.maximum(face.layout.vertices(map_footprint(face)), LEAST_SPACING)
    texels = size / face.layout.size / spacing
    opacity = face.layout.vertices(_without_creases(face)) * _rim(face)
    attributes = np.c_[texture_points(face, size), texels, opacity]
    pixels = interpolate(raster, face.triangles, attributes)[rows, columns]
    colour = sample_area(texture, pixels[:, :2], pixels[:, 2])
    spread = np.repeat(np.rint(255 * weight).astype(np.uint8)[..., None], 3, axis=2)
    share = sample_area(spread, pixels[:, :2], pixels[:, 2])[:, :1] / 255 * pixels[:, 3:]
    below = photo[seen][rows, columns].astype(np.float32)
    painted[seen][rows, columns] = np.rint(below + share * (colour - below))
    return painted


def over_own(
    face: MappedFace, texture: NDArray[np.uint8], holes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """A texture (N, N, 3) that lies over white, over the face's own instead; ``holes`` (N, N, 1):
    how much of white is seen, 0..255."""
    below = photo_texture(face, size=len(texture)).astype(np.float32)
    return np.rint(np.clip(texture - (255 - below) * holes / 255, 0, 255)).astype(np.uint8)


def _checked(
    face: MappedFace, texture: NDArray[np.uint8], mask: NDArray[np.floating] | None
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """The photo, and how much of each texel to paint (N, N)."""
    if face.image is None:
        raise PrnetError("expected a face with its image, got one without")
    check_square(texture)
    if texture.dtype != np.uint8:
        raise PrnetError(f"expected a texture of uint8, got {texture.dtype}")
    size = len(texture)
    if mask is None:
        own = [photo_texture(face, size=size, fill=fill) for fill in (False, True)]
        change = np.minimum(*(np.abs(texture.astype(np.int16) - t).max(axis=-1) for t in own))
        return face.image, smooth_step(change, UNCHANGED, CHANGED)
    if mask.shape != (size, size):
        shape = "x".join(map(str, mask.shape))
        raise PrnetError(f"expected a mask of the texture's size, {size}x{size}, got {shape}")
    if not (mask * (resized(face.layout.region.astype(np.float32), size) > 0)).any():
        raise PrnetError(
            f"expected a mask in UV layout {face.layout.name}, got one that covers no surface there"
        )
    return face.image, mask


def _without_creases(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256): the visibility, with hidden spots of the features filled."""
    features = np.isin(face.layout.parts, FEATURES).astype(np.float32)
    filled = features * closed(visibility_map(face), CREASE)
    return np.asarray(np.maximum(visibility_map(face), filled), np.float32)


def _rim(face: MappedFace) -> NDArray[np.float32]:
    """(V,): 0 on the region's edge, 1 inside."""
    region = face.layout.region
    share = box_sum(region.astype(np.float32), RIM)[region] / (2 * RIM + 1) ** 2
    return smooth_step(share, 0.55, 1.0)
