"""Several results on one picture, and a face that turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from prnet.appearance.draw import overlay
from prnet.appearance.encode import depth_preview, encode_normals
from prnet.appearance.render import crop_depth_map, crop_normal_map, crop_to_size, render_view
from prnet.appearance.texture import texture
from prnet.errors import PrnetError
from prnet.mapped import MappedFace

TILE = 320
"""Pixels of a sheet's tile."""

CAPTION = 18
"""Height of the line above each tile."""

FRAMES, SWING = 24, 50.0
"""Of a turntable: pictures, and the largest yaw in degrees; a face seen from farther round is
mostly what the photo did not show."""


def sheet(face: MappedFace, *, tile: int = TILE) -> NDArray[np.uint8]:
    """Photo, overlay, depth, normals, texture (hidden parts filled) and frontal view side by side,
    all of the face's crop: RGB uint8, each tile under its name."""
    if face.image is None:
        raise PrnetError("expected a face with its image, got one without")
    crop = crop_to_size(face, tile)
    filled = texture(face, size=tile, fill=True)
    depth = depth_preview(crop_depth_map(face, tile))
    tiles = {
        "photo": crop.crop_image(face.image),
        "overlay": crop.crop_image(overlay(face.image, [face])),
        "depth": np.repeat(depth[..., None], 3, axis=2),
        "normals": encode_normals(crop_normal_map(face, tile)),
        "texture": filled,
        "frontal": render_view(face, size=tile, texture=filled),
    }
    return np.hstack([_captioned(picture, name) for name, picture in tiles.items()])


def turntable(face: MappedFace, *, size: int = TILE) -> list[NDArray[np.uint8]]:
    """Textured views (size, size, 3) of the face that looks from side to side and back."""
    filled = texture(face, size=size, fill=True)
    swing = np.sin(np.linspace(-np.pi / 2, np.pi / 2, FRAMES // 2 + 1))
    there = [render_view(face, yaw=SWING * share, size=size, texture=filled) for share in swing]
    return there + there[-2:0:-1]


def _captioned(picture: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    page = Image.new("RGB", (picture.shape[1], picture.shape[0] + CAPTION), "white")
    page.paste(Image.fromarray(picture), (0, CAPTION))
    ImageDraw.Draw(page).text((4, 3), name, fill="black")
    return np.asarray(page)
