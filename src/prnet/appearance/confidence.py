"""Where a face is sure and where it is guessed, as colours on the photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.render import picture_raster
from prnet.errors import PrnetError
from prnet.geometry.rasterize import interpolate
from prnet.mapped import MappedFace

COLOURS = np.array([[36, 120, 196], [92, 190, 140], [250, 214, 80], [214, 60, 50]], np.float32)
"""Blue, green, yellow, red, from sure to guessed."""
SURE, GUESSED = 0.008, 0.07
"""Deviations of the first and of the last colour, of the size of the face (68 landmarks' box)."""
OPACITY = 0.65


def confidence_picture(face: MappedFace) -> NDArray[np.uint8]:
    """The face's photo (H, W, 3) uint8 with each point in the colour of its deviation: blue where
    that is 0.8 % of the face's size or less, red from 7 %. Raises PrnetError for a face without
    image and for one of a network that does not judge itself."""
    deviations = face.vertex_deviations
    if face.image is None:
        raise PrnetError("expected a face with its image, got none")
    if deviations is None:
        raise PrnetError(
            "expected a face of a network that judges itself, got one without deviations"
        )
    picture = face.image.copy()
    raster, seen = picture_raster(face, *picture.shape[:2])
    colours = interpolate(raster, face.triangles, _colours(deviations / _size(face)))
    share = OPACITY * raster.mask[..., None]
    picture[seen] = np.rint((1 - share) * picture[seen] + share * colours)
    return picture


def _size(face: MappedFace) -> float:
    """sqrt(w h) of the landmarks' box, pixels."""
    return float(np.sqrt(np.ptp(face.landmarks[:, :2], axis=0).prod()))


def _colours(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Deviations (V,), of the face's size -> (V, 3), by the logarithm."""
    place = np.log(share / SURE) / np.log(GUESSED / SURE) * (len(COLOURS) - 1)
    at = np.arange(len(COLOURS))
    return np.stack([np.interp(place, at, channel) for channel in COLOURS.T], 1).astype(np.float32)
