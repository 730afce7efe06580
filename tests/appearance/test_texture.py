from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import make_face, make_layout, mirrored

from prnet.appearance.fill import LOW_SIZE, fill_plan, nostrils
from prnet.appearance.render import texture_points
from prnet.appearance.texture_edit import apply_texture
from prnet.appearance.visibility import ENDING, facing_map, inside_outline
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.geometry.camera import Pose
from prnet.geometry.rasterize import interpolate, rasterize
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.uv_layout import Part, default_layout

HEIGHT, WIDTH = 200, 240
POSE = Pose(25, -10, 15)
LAYOUT = make_layout()


def _smooth_photo(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    waves = [np.sin(4 * rows + 3 * k * columns + k) for k in range(3)]
    return np.rint(127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def _face(pose: Pose = POSE, *, image: NDArray[np.uint8] | None = None, scale: float = 1.0) -> Face:
    image = _smooth_photo() if image is None else image
    return make_face(pose, image=image, scale=scale, layout=LAYOUT)


def _region(size: int) -> NDArray[np.bool_]:
    """Texels well inside the region."""
    rows, columns = (np.mgrid[:size, :size] + 0.5) * (256 / size) - 128
    return np.hypot(rows, columns) < 105


@pytest.mark.parametrize("size", [64, 100, 256, 512])
def test_texture_is_the_photo_at_the_map_s_positions(size: int) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    photo = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.uint8)
    face = _face(image=photo)
    texture = face.texture(size=size)
    texel = (np.arange(size) + 0.5) * (256 / size) - 0.5
    nearest = np.rint(texel).astype(int).clip(0, 255)
    expected = face.position_map[nearest][:, nearest, :2]
    inside = _region(size) & (np.abs(expected[..., 1] - 100) < 98)
    assert np.abs(texture[inside][:, :2] - expected[inside]).max() < 2.5
    assert np.abs(texture[inside][:, :2] - expected[inside]).mean() < 0.6


def test_texture_to_photo_round_trip() -> None:
    face = _face()
    assert face.image is not None
    texture = face.texture(size=512)
    black = replace(face, image=np.zeros_like(face.image))
    everywhere = np.ones((512, 512), np.float32)
    painted = apply_texture(black, texture, mask=everywhere)
    opacity = apply_texture(black, np.full_like(texture, 255), mask=everywhere)
    whole = (opacity == 255).all(axis=-1)
    assert whole.sum() > 8000
    assert np.abs(painted[whole].astype(int) - face.image[whole]).max() <= 2
    partly = (opacity > 0).any(axis=-1) & ~whole
    assert partly.any(), "soft edges"


@pytest.mark.parametrize("fill", [False, True])
def test_texture_that_was_not_edited_leaves_every_bit(fill: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    face = _face(image=image)
    np.testing.assert_array_equal(apply_texture(face, face.texture(size=200, fill=fill)), image)


def test_edit_changes_its_own_place_alone() -> None:
    face = _face()
    texture = face.texture(size=256).copy()
    texture[100:120, 120:140] = [255, 0, 0]
    painted = apply_texture(face, texture)
    changed = np.argwhere((painted != face.image).any(axis=-1))
    x, y = face.position_map[110, 130, :2]
    assert np.abs(changed - [y, x]).max() < 18
    np.testing.assert_array_equal(painted[round(float(y)), round(float(x))], [255, 0, 0])


def test_hidden_side_is_not_painted() -> None:
    face = _face(Pose(70, 0, 0))
    texture = face.texture(size=256).copy()
    texture[:, 190:] = [255, 0, 0]
    np.testing.assert_array_equal(apply_texture(face, texture), face.image)


def test_big_photos_do_not_alias() -> None:
    rows, columns = np.mgrid[:1200, :1440]
    stripes = np.where((rows + columns) % 2, 255, 0).astype(np.uint8)
    photo = np.repeat(stripes[..., None], 3, axis=2)
    face = make_face(image=photo, scale=6, centre=(720.0, 600.0), layout=LAYOUT)
    texture = face.texture(size=128)[40:88, 40:88]
    assert np.abs(texture.astype(int) - 127.5).max() < 8


def test_bigger_photos_give_sharper_textures() -> None:
    """An edge in the photo: its width in texels falls with the photo's size."""
    widths = []
    for scale in (0.2, 3.0):
        photo = np.zeros((int(200 * scale), int(240 * scale), 3), np.uint8)
        photo[:, int(120 * scale) :] = 255
        face = make_face(image=photo, scale=scale, centre=(120 * scale, 100 * scale), layout=LAYOUT)
        row = face.texture(size=512)[256, :, 0]
        widths.append(int(((row > 10) & (row < 245)).sum()))
    assert 2 * widths[1] <= widths[0], widths


def test_mask_marks_hidden_and_outside() -> None:
    face = _face(Pose(60, 0, 0))
    mask = face.texture_mask(size=256)
    assert mask[100:156, 60:100].min() > 0.95
    assert mask[:, 200:].max() < 0.05
    assert (mask[~LAYOUT.region] == 0).all()
    cut = make_face(centre=(0.0, 100.0), image=_smooth_photo(), layout=LAYOUT)
    mask = cut.texture_mask(size=256)
    assert mask[:, :127].max() == 0
    assert mask[100:156, 140:160].min() > 0.95


@pytest.mark.parametrize("corner", [(0.0, 0.0), (WIDTH - 1.0, HEIGHT - 1.0)])
def test_mask_rises_from_the_edge_of_the_outermost_pixels(corner: tuple[float, float]) -> None:
    """0 half a pixel outside the centres of the last ones, 1 two per cent of the face further in,
    the same at all four sides."""
    cut = make_face(centre=corner, image=_smooth_photo(), layout=LAYOUT)
    x, y = np.abs(np.moveaxis(cut.position_map[..., :2] - corner, -1, 0))  # inward from a corner
    inward = np.where(corner[0] == 0, 1, -1) * np.sign(cut.position_map[..., :2] - corner)
    soft = 0.02 * np.ptp(cut.vertices[:, :2], axis=0).max()
    distance = np.minimum(x * inward[..., 0], y * inward[..., 1]) + 0.5
    seen = np.hypot(*(np.mgrid[:256, :256] - 127.5)) < 70  # where nothing but the edge counts
    expected = np.clip(distance / soft, 0, 1)
    assert ((expected[seen] > 0.2) & (expected[seen] < 0.8)).sum() > 100
    np.testing.assert_allclose(cut.texture_mask(size=256)[seen], expected[seen], atol=1e-3)


@pytest.mark.parametrize("step", [2, 4, 8])
def test_small_textures_average_over_what_a_texel_covers(step: int) -> None:
    """A map that is the picture itself, of noise: means of n x n pixels have an n-th of its
    deviation, less where the pyramid's pixels lie across the texels."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    flat = np.stack([columns, rows, 0 * rows], axis=-1)
    texture = replace(_face(image=noise), position_map=flat).texture(size=256 // step)
    share = texture[_region(256 // step)].std() * step / noise.std()
    assert 0.45 < share < 1.05


def test_outside_the_picture_repeats_its_edge_and_nothing_wraps() -> None:
    photo = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    photo[:, :4] = 10
    photo[:, -60:] = 250  # would come in on the left if anything wrapped
    cut = make_face(centre=(0.0, 100.0), image=photo, layout=LAYOUT)
    assert (cut.texture(size=256)[:, :120][_region(256)[:, :120]] == 10).all()
    texture = np.zeros((256, 256, 3), np.uint8)
    painted = apply_texture(cut, texture)
    np.testing.assert_array_equal(painted[:, 80:], photo[:, 80:])


def _photo_with(face: Face, texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A magenta wall behind a face with a texture (256, 256, 3)."""
    raster = rasterize(face.vertices, face.triangles, HEIGHT, WIDTH, cull="back")
    points = interpolate(raster, face.triangles, texture_points(face, 256))
    photo = np.full((HEIGHT, WIDTH, 3), [255, 0, 255], np.uint8)
    photo[raster.mask] = np.rint(sample_bilinear(texture, points[raster.mask]))
    return photo


def _sure(face: Face) -> NDArray[np.bool_]:
    """(256, 256): far enough inside the face's outline."""
    return inside_outline(face)[1] == 1


@pytest.mark.parametrize("yaw", [-50.0, 50.0])
def test_fill_completes_a_symmetric_face(yaw: float) -> None:
    face = _face(Pose(yaw, 0, 0))
    half = _smooth_photo(256, 128)
    symmetric = np.concatenate([half, half[:, ::-1]], axis=1)
    face = replace(face, image=_photo_with(face, symmetric))
    raw, filled = (face.texture(size=256, fill=fill).astype(int) for fill in (False, True))
    middle = np.s_[70:186, 45:211]
    asymmetry = [np.abs(t - t[:, ::-1])[middle].mean() for t in (raw, filled)]
    assert asymmetry[0] > 10
    assert asymmetry[1] < 1.3
    facing = np.where(face.texture_mask(size=256) == 1, facing_map(face), 0)
    better = (facing > facing[:, ::-1] + 0.01) & (facing > ENDING[1]) & _sure(face)
    np.testing.assert_allclose(filled[better], raw[better], atol=1)


def test_fill_prefers_the_half_that_is_seen_much_better() -> None:
    """A face turned by 35 degrees, plain on the far half, striped on the near one: its stripes go
    where the far half grazes the view, though it is seen there; around the eyes nothing moves."""
    stripes = np.where(np.arange(256) // 8 % 2, 200, 80)[:, None]
    striped = np.where(np.arange(256) < 128, stripes, 140)
    texture = np.repeat(striped[..., None], 3, axis=2).astype(np.uint8)
    face = _face(Pose(35, 0, 0))
    face = replace(face, image=_photo_with(face, texture))
    facing = facing_map(face)
    mask, better = face.texture_mask(size=256), facing[:, ::-1] - facing
    grazing = (mask > 0.95) & (better > 0.45)
    equal = (mask == 1) & (better < 0.2) & (facing > ENDING[1]) & _sure(face)
    assert grazing.sum() > 500
    raw, filled = (face.texture(size=256, fill=fill).astype(float) for fill in (False, True))
    np.testing.assert_allclose(filled[equal], raw[equal], atol=1)
    near = raw[:, ::-1][grazing][:, 0]
    assert np.corrcoef(near, filled[grazing][:, 0])[0, 1] > 0.95
    assert np.ptp(raw[grazing]) < 5
    parts = np.where(LAYOUT.region & (np.arange(256) > 128), Part.EYES, LAYOUT.parts)
    eyed = replace(LAYOUT, parts=parts.astype(np.uint8))
    low, seen = np.zeros((3, LOW_SIZE, LOW_SIZE), np.float32), np.ones((256, 256), np.float32)
    own = [fill_plan(layout, seen, facing, low)[0][grazing] for layout in (LAYOUT, eyed)]
    assert own[0].mean() < 0.05
    assert own[1].min() > 0.99


def test_a_shadow_beside_what_is_hidden_is_no_stain() -> None:
    """A turned face, grey, with a dark spot where the far cheek ends, and one on the near cheek."""
    face = _face(Pose(35, 0, 0))
    seen = face.texture_mask(size=256) > 0.95
    end = int(np.flatnonzero(seen[150])[-1])
    far, near = np.s_[140:160, end - 20 : end - 8], np.s_[140:160, 60:80]
    texture = np.full((256, 256, 3), 160, np.uint8)
    texture[far] = texture[near] = 15
    filled = replace(face, image=_photo_with(face, texture)).texture(size=256, fill=True)
    assert filled[far].mean() > 100
    assert filled[near].mean() < 60


@pytest.mark.parametrize("yaw", [-75.0, 75.0])
def test_fill_takes_nothing_from_behind_the_face(yaw: float) -> None:
    """A map that is three pixels off beside its outline; the wall is magenta, the face grey,
    and no mirror image knows what the middle of a profile looks like."""
    there = _face(Pose(yaw, 0, 0))
    photo = _photo_with(there, np.full((256, 256, 3), 140, np.uint8))
    off = there.position_map + np.array([3 * np.sign(yaw), 0, 0], np.float32)
    face = replace(there, image=photo, position_map=off)
    middle = np.s_[70:186, 60:196]
    raw, filled = (face.texture(size=256, fill=fill).astype(int)[middle] for fill in (False, True))
    wall = [(picture[..., 0] - picture[..., 1] > 60).sum() for picture in (raw, filled)]
    assert wall[0] > 2000
    assert wall[1] < 0.05 * wall[0]


@pytest.mark.parametrize("yaw", [-88.0, 88.0])
def test_the_middle_of_a_profile_goes_on_from_its_side(yaw: float) -> None:
    """Rows of a face in profile, dark and light in turn, reach the middle, which no half shows."""
    rows = np.where(np.arange(256) // 16 % 2, 200, 80)
    texture = np.repeat(np.repeat(rows[:, None, None], 256, axis=1), 3, axis=2).astype(np.uint8)
    face = _face(Pose(yaw, 0, 0))
    face = replace(face, image=_photo_with(face, texture))
    filled = face.texture(size=256, fill=True).astype(float)[80:176, 112:144, 0]
    assert abs(filled - rows[80:176, None]).mean() < 25


def test_nostrils_are_dark_inside() -> None:
    """A plain face seen from the front: a photo shows the nose's tip where they are."""
    layout = default_layout()
    inside = nostrils(layout)
    assert np.abs(inside - inside[:, ::-1]).mean() < 0.001
    face = make_face(Pose(0, 0, 0), layout=layout)
    face = replace(face, image=np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    filled = face.texture(size=256, fill=True)[..., 0]
    assert 300 < (inside > 0.9).sum() < 900
    assert filled[inside > 0.9].max() < 120
    assert filled[(inside == 0) & layout.region].min() > 190


def test_fill_follows_the_light() -> None:
    """A face lit from one side: the mirrored half is darkened to fit, no seam where it begins."""
    face = _face(Pose(35, 0, 0))
    light = np.linspace(250, 60, WIDTH)[None, :, None]
    lit = replace(face, image=np.broadcast_to(light, (HEIGHT, WIDTH, 3)).astype(np.uint8))
    filled = lit.texture(size=256, fill=True).astype(int)[128, 60:196, 0]
    assert np.abs(np.diff(filled)).max() <= 8


def test_mirrored_photo_gives_the_mirrored_texture() -> None:
    face = _face()
    for fill in (False, True):
        texture = face.texture(size=128, fill=fill).astype(int)
        other = mirrored(face, WIDTH).texture(size=128, fill=fill)[:, ::-1]
        assert np.abs(texture - other)[_region(128)].mean() < 0.5


def test_bad_input_is_named() -> None:
    face = _face()
    with pytest.raises(PrnetError, match="texture size of 1 to 8192, got 0"):
        face.texture(size=0)
    with pytest.raises(PrnetError, match="expected an image to take the texture from"):
        make_face(layout=LAYOUT).texture()
    with pytest.raises(PrnetError, match="expected a face with its image"):
        apply_texture(make_face(layout=LAYOUT), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(PrnetError, match=r"square RGB texture \(N x N x 3\), got 64x32x3"):
        apply_texture(face, np.zeros((64, 32, 3), np.uint8))
    square = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(PrnetError, match="mask of the texture's size, 64x64, got 32x32"):
        apply_texture(face, square, mask=np.ones((32, 32)))
    corner = np.zeros((64, 64), np.float32)
    corner[:4, :4] = 1
    with pytest.raises(PrnetError, match="expected a mask in UV layout egg"):
        apply_texture(face, square, mask=corner)
