"""A texture of many faces shows what each of them hides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_heads import SIZE, Heads
from numpy.typing import NDArray
from standins import make_face

from prnet.appearance.fused import FusedTexture
from prnet.appearance.texture import texture_mask
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.geometry.rasterize import interpolate, rasterize
from prnet.geometry.sampling import resized

TEXTURE = 128


def painted(face: Face, colours: NDArray[np.floating], *, wrong: float = 0.0) -> Face:
    """The face with a photo in which each vertex has its colour."""
    raster = rasterize(face.vertices, face.triangles, SIZE, SIZE, cull="back")
    photo = interpolate(raster, face.triangles, colours + wrong).clip(0, 255)
    return replace(face, image=np.rint(photo).astype(np.uint8))


@pytest.fixture(scope="module")
def turned() -> tuple[Face, Face, NDArray[np.floating]]:
    """One head from its left and from its right, and the colours (V, 3) of its vertices."""
    heads = Heads()
    rows, columns = heads.face({}).layout.vertex_pixels.T
    colours = np.stack([columns * 0.8, rows * 0.8, 100 + 0 * rows], axis=1).astype(np.float32)
    left, right = (painted(heads.face({}, yaw=yaw), colours) for yaw in (-45.0, 45.0))
    return left, right, colours


def test_both_sides_are_seen(turned: tuple[Face, Face, NDArray[np.floating]]) -> None:
    left, right, colours = turned
    fused = FusedTexture(TEXTURE)
    for face in (left, right, left):
        fused.add(face)
    masks = [texture_mask(face, size=TEXTURE) for face in (left, right)]
    region = resized(left.layout.region.astype(np.float32), TEXTURE) > 0.99
    alone, both = (masks[0] > 0.5)[region].mean(), (fused.mask() > 0.5)[region].mean()
    assert both > alone + 0.15
    true = np.zeros((256, 256, 3), np.float32)
    true[left.layout.region] = colours
    seen = region & (np.maximum(*masks) > 0.9)
    off = np.abs(fused.picture(fill=False) - resized(true, TEXTURE))[seen]
    assert off.mean() < 3
    # One photo alone, filled from its mirrored half, cannot know the other side.
    single = np.abs(left.texture(size=TEXTURE, fill=True) - resized(true, TEXTURE))[seen]
    assert single.mean() > 5 * off.mean()


def test_who_is_not_sure_counts_less(turned: tuple[Face, Face, NDArray[np.floating]]) -> None:
    face, _, colours = turned
    size = float(np.ptp(face.landmarks[:, 0]))
    deviation = np.full((256, 256), 0.004 * size, np.float32)
    sure = replace(face, deviation=deviation)
    wrong = replace(painted(face, colours, wrong=60.0), deviation=5 * deviation)
    for order in ([sure, wrong], [wrong, sure]):
        fused = FusedTexture(TEXTURE)
        for each in order:
            fused.add(each)
        alone = FusedTexture(TEXTURE)
        alone.add(sure)
        off = np.abs(fused.picture(fill=False).astype(int) - alone.picture(fill=False))
        assert off[fused.mask() > 0.9].mean() < 2


def test_hidden_places_have_the_colour_of_what_hides_them(
    turned: tuple[Face, Face, NDArray[np.floating]],
) -> None:
    """As one photo's texture, not black."""
    fused = FusedTexture(TEXTURE)
    fused.add(turned[0])
    dark = (fused.picture(fill=False)[..., 2] < 20)[fused.mask() == 0]
    assert len(dark) > 1000
    assert dark.mean() < 0.1


def test_what_it_refuses(turned: tuple[Face, Face, NDArray[np.floating]]) -> None:
    fused = FusedTexture(TEXTURE)
    with pytest.raises(PrnetError, match="expected at least one face, got none"):
        fused.picture()
    fused.add(turned[0])
    with pytest.raises(PrnetError, match="got one of 'egg'"):
        fused.add(make_face())
    with pytest.raises(PrnetError, match="expected a texture size of 1 to"):
        FusedTexture(0)
