"""One texture of many photos of a face: each place from those that show it best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.fill import filled
from prnet.appearance.texture import (
    TEXTURE_SIZE,
    check_side,
    map_footprint,
    texture,
    texture_mask,
)
from prnet.appearance.visibility import facing_map
from prnet.errors import PrnetError
from prnet.geometry.sampling import resized
from prnet.layout.uv_layout import Part
from prnet.mapped import MappedFace, size_of

MOVING = (Part.EYES, Part.MOUTH)
SHARP = 4
"""Power of the weights: the mean of all is blurred, the best alone has seams."""
SURE = 0.007
"""Deviation of a point up to which it is trusted wholly, of the size of the face (68 landmarks'
box)."""
HIDDEN = 0.01
"""What even hidden places weigh: where nothing better is seen, as inside the nostrils."""
KNOWN = 0.02
"""Weight from which a place counts as seen; 1 is that of a place that faces the camera."""


class FusedTexture:
    """Takes faces of one person, each with its image; all of one layout.

    A place weighs by how much the camera sees of it, how squarely and how finely, and how sure the
    network is of it (`MappedFace.deviation`). Eyes and mouth, which move, are those of one face.
    """

    def __init__(self, size: int = TEXTURE_SIZE) -> None:
        check_side("texture", size)
        self._size = size
        self._sum = np.zeros((size, size, 3), np.float64)
        self._weight = np.zeros((size, size), np.float64)
        self._seen = np.zeros((size, size), np.float32)
        self._best = 0.0
        self._features = np.zeros((size, size, 3), np.float32)
        self._face: MappedFace | None = None

    def add(self, face: MappedFace) -> None:
        """Raises PrnetError for a face without an image, and for one of another layout."""
        if self._face is not None and face.layout.name != self._face.layout.name:
            wanted, got = self._face.layout.name, face.layout.name
            raise PrnetError(f"expected faces of the layout '{wanted}', got one of '{got}'")
        colours = texture(face, size=self._size).astype(np.float32)
        trust = _trust(face)
        weight = resized(trust, self._size) * texture_mask(face, size=self._size)
        fine = max(float(np.median(map_footprint(face)[face.layout.region])), 1e-3)
        power = ((weight + HIDDEN) * fine).astype(np.float64) ** SHARP
        self._sum += power[..., None] * colours
        self._weight += power
        self._seen = np.maximum(self._seen, weight)
        moving = np.isin(face.layout.parts, MOVING)
        good = fine * float(trust[moving].mean())
        if self._face is None or good > self._best:
            self._best, self._features, self._face = good, colours, face

    def mask(self) -> NDArray[np.float32]:
        """(size, size) float32, 0..1: where any of the faces shows the surface."""
        return np.asarray(np.clip(self._seen / KNOWN, 0, 1), np.float32)

    def picture(self, *, fill: bool = True) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB; with ``fill``, what none shows is taken from the mirrored half
        and the colours around, as :func:`prnet.appearance.texture.texture` does."""
        if self._face is None:
            raise PrnetError("expected at least one face, got none")
        layout = self._face.layout
        mean = self._sum / np.maximum(self._weight, 1e-300)[..., None]
        moving = np.isin(layout.parts, MOVING).astype(np.float32)
        soft = resized(resized(moving, 64), self._size)[..., None]
        fused = np.asarray(mean + soft * (self._features - mean), np.float32)
        if fill:
            fused = filled(fused, self.mask(), resized(self._seen, self._size), layout)
        return np.rint(np.clip(fused, 0, 255)).astype(np.uint8)


def _trust(face: MappedFace) -> NDArray[np.float32]:
    """(256, 256), 0..1: by the surface's turn to the camera and the network's deviation."""
    squarely = np.clip(facing_map(face), 0, 1)
    if face.deviation is None:
        return np.asarray(squarely, np.float32)
    sure = np.minimum(SURE * size_of(face) / np.maximum(face.deviation, 1e-6), 1)
    return np.asarray(squarely * sure, np.float32)
