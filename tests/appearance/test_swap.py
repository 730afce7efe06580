from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from standins import make_face, make_layout, write_model

from prnet.appearance.blend import blend_bands
from prnet.appearance.fill import without_shadows
from prnet.appearance.swap import below_hair, region_weights, swap_face
from prnet.cli import main
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.geometry.camera import Pose
from prnet.geometry.rasterize import interpolate, rasterize

LAYOUT = make_layout()


def _photo_of(texture: NDArray[np.floating], pose: Pose, **place: object) -> Face:
    """A face in a grey photo (200, 240, 3) that shows ``texture`` (256, 256, 3) where the face's
    front is, by the nearest texel."""
    face = make_face(pose, layout=LAYOUT, **place)  # type: ignore[arg-type]
    photo = np.full((200, 240, 3), 128, np.uint8)
    raster = rasterize(face.vertices, face.triangles, 200, 240, cull="back")
    pixels = interpolate(raster, face.triangles, LAYOUT.vertex_pixels.astype(np.float32))
    rows, columns = np.rint(pixels[raster.mask]).astype(int).T
    photo[raster.mask] = texture[rows, columns]
    return make_face(pose, layout=LAYOUT, image=photo, **place)  # type: ignore[arg-type]


def _skin(light: float = 1.0, stripes: float = 0.0) -> NDArray[np.float64]:
    """A smooth skin with horizontal stripes for features."""
    rows, columns = np.mgrid[:256, :256]
    tone = np.array([190.0, 150, 120]) * light
    return tone * (1 - stripes * (np.sin(rows / 5) > 0.5))[..., None] + columns[..., None] * 0.1


def test_swap_with_itself_changes_nothing() -> None:
    face = _photo_of(_skin(stripes=0.3), Pose(10, 5, 0))
    assert face.image is not None
    difference = np.abs(swap_face(face, face).astype(int) - face.image)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99) <= 15  # stripes are resampled twice


def test_light_follows_the_target_and_features_the_reference() -> None:
    target, reference = (
        _photo_of(_skin(0.6), Pose(0, 0, 0)),
        _photo_of(_skin(1, 0.3), Pose(0, 0, 0)),
    )
    assert target.image is not None
    assert reference.image is not None
    swapped = swap_face(target, reference)
    inside = np.s_[75:135, 90:150]
    wanted, got = target.image[inside].astype(float), swapped[inside].astype(float)
    np.testing.assert_allclose(got.mean(axis=(0, 1)), wanted.mean(axis=(0, 1)), rtol=0.08)
    detail = got.mean(axis=-1) - got.mean(axis=-1).mean()
    stripes = reference.image[inside].astype(float).mean(axis=-1)
    assert np.corrcoef(detail.ravel(), stripes.ravel())[0, 1] > 0.9


def test_a_black_and_white_photo_stays_black_and_white() -> None:
    grey = np.repeat(_skin(0.8).mean(axis=-1, keepdims=True), 3, axis=-1)
    blush = _skin()
    blush[100:130, 60:90] += [40.0, -20, -10]
    swapped = swap_face(_photo_of(grey, Pose(0, 0, 0)), _photo_of(blush, Pose(0, 0, 0)))
    assert np.ptp(swapped.astype(int), axis=-1).max() <= 2


def _lit_from_the_side(skin: NDArray[np.float64]) -> NDArray[np.float64]:
    """The right cheek in a shadow with a sharp edge."""
    dark = np.ones((256, 256, 1))
    dark[120:170, 140:190] = 0.35
    return skin * dark


def test_a_shadow_on_one_side_of_the_reference_does_not_come_along() -> None:
    target = _photo_of(_skin(0.8), Pose(0, 0, 0))
    even = swap_face(target, _photo_of(_skin(1, 0.3), Pose(0, 0, 0)))
    lit = swap_face(target, _photo_of(_lit_from_the_side(_skin(1, 0.3)), Pose(0, 0, 0)))
    away = np.abs(lit.astype(float) - even).mean(axis=-1)
    assert np.percentile(away, 99) < 45  # an edge of the shadow is left; 99 with all of it
    assert away.mean() < 2


def test_a_shadow_that_the_target_has_stays() -> None:
    face = _photo_of(_lit_from_the_side(_skin()), Pose(0, 0, 0))
    assert face.image is not None
    away = np.abs(swap_face(face, face).astype(int) - face.image).mean(axis=-1)
    assert np.percentile(away, 99) <= 8


def test_eyes_in_the_shadow_look_as_they_did_in_the_other_side_s_light() -> None:
    texture = np.full((256, 256, 3), 160, np.uint8)
    texture[90:150, 150:210] = 40
    texture[118:122, 178:182] = 20  # an iris, which the other side does not have
    skin = np.zeros((256, 256), np.float32)
    wanted = np.full((256, 256, 3), 160, np.float32)
    lit = without_shadows(texture, wanted, skin, np.ones_like(skin)).astype(int)
    assert lit[106:134, 166:176].min() > 120
    assert lit[120, 180, 0] < lit[120, 170, 0] - 40
    np.testing.assert_array_equal(lit[:, :120], 160)


def test_shadows_are_kept_where_the_target_shows_them() -> None:
    texture = np.full((256, 256, 3), 160, np.uint8)
    texture[90:150, 150:210] = 40
    wanted, shown = texture.astype(np.float32), np.ones((256, 256), np.float32)
    assert without_shadows(texture, wanted, shown, shown) is texture
    shown[:, 128:] = 0
    lit = without_shadows(texture, wanted, np.ones_like(shown), shown)
    assert lit[106:134, 166:194].min() > 150


def test_only_the_region_changes() -> None:
    target, reference = _photo_of(_skin(), Pose(0, 0, 0)), _photo_of(_skin(1, 0.5), Pose(0, 0, 0))
    assert target.image is not None
    mask = np.zeros((256, 256))
    mask[110:150, 110:150] = 1
    swapped = swap_face(target, reference, region=mask)
    in_greys = np.rint(255 * mask).astype(np.uint8)
    for same in (in_greys, mask.astype(np.uint8), mask.astype(bool)):
        np.testing.assert_array_equal(swap_face(target, reference, region=same), swapped)
    changed = (swapped != target.image).any(axis=-1)
    rows, columns = np.nonzero(changed)
    points = target.position_map[110:150, 110:150].reshape(-1, 3)
    margin = 24  # the blend's widest band
    assert points[:, 1].min() - margin < rows.min() < rows.max() < points[:, 1].max() + margin
    assert points[:, 0].min() - margin < columns.min() < columns.max() < points[:, 0].max() + margin
    whole = (swap_face(target, reference) != target.image).any(axis=-1)
    assert whole.sum() > changed.sum() > 0


def test_a_face_outside_the_picture_changes_nothing_and_half_a_face_does_not_wrap() -> None:
    reference = _photo_of(_skin(1, 0.5), Pose(0, 0, 0))
    away = _photo_of(_skin(), Pose(0, 0, 0), centre=(900.0, 900.0))
    np.testing.assert_array_equal(swap_face(away, reference), away.image)
    half = _photo_of(_skin(), Pose(0, 0, 0), centre=(0.0, 100.0))
    assert half.image is not None
    changed = (swap_face(half, reference) != half.image).any(axis=-1)
    assert changed[:, :60].any()
    assert not changed[:, 100:].any()


def test_what_neither_half_of_the_reference_shows_stays_the_target_s() -> None:
    """A reference cut at its eyes by the picture's upper edge, or at its middle by the left one:
    the missing half of the face is taken from the other half, the missing forehead from nowhere."""
    target, whole = _photo_of(_skin(), Pose(0, 0, 0)), _photo_of(_skin(1, 0.5), Pose(0, 0, 0))
    assert target.image is not None
    cut = {name: _photo_of(_skin(1, 0.5), Pose(0, 0, 0), centre=c) for name, c in CUT.items()}
    brow, cheeks = np.s_[52:72, 90:150], (np.s_[100:130, 70:90], np.s_[100:130, 150:170])

    def change(reference: Face, place: tuple[slice, slice]) -> float:
        difference = swap_face(target, reference).astype(int) - target.image
        return float(np.abs(difference[place]).mean())

    assert change(whole, brow) > 10
    assert change(cut["above"], brow) < 1
    for cheek in cheeks:
        assert change(cut["above"], cheek) > 10
        assert change(cut["left"], cheek) > 10


def test_a_fringe_hides_the_brows_that_it_covers_and_no_others() -> None:
    texture = np.full((256, 256, 3), [200, 150, 130], np.float32)
    texture[:, 128:] *= 0.5  # lit from the left
    texture[:40] *= 0.3  # hair
    texture[:100, :60] = [40, 30, 20]  # a fringe
    texture[80:90, 70:110] = texture[80:90, 150:190] = [40, 30, 20]  # brows
    weight = np.zeros((256, 256))
    weight[110:200, 30:226] = 1
    streaked = texture.copy()
    streaked[4:7, :60] = texture[120, 80]  # a streak of hair as light as skin
    np.testing.assert_array_equal(below_hair(streaked, weight), below_hair(texture, weight))
    free = below_hair(texture, weight)
    assert free[:40].max() == 0
    assert free[:100, :60].max() == 0
    assert free[100:, :60].min() > 0.9
    assert free[40:, 60:100].min() > 0.9
    assert free[40:, 160:220].min() > 0.9


def test_hair_above_the_brows_is_neither_painted_over_nor_carried_along() -> None:
    fringe = _skin()
    fringe[: round(LAYOUT.landmarks[17:27, 1].min()) - 12] = [40, 30, 20]
    haired, plain = _photo_of(fringe, Pose(0, 0, 0)), _photo_of(_skin(1, 0.3), Pose(0, 0, 0))
    assert haired.image is not None
    assert plain.image is not None
    dark = haired.image.mean(axis=-1) < 40
    kept = swap_face(haired, plain).astype(int)
    assert np.abs(kept - haired.image)[dark].mean() < 6  # a blend's coarse bands
    assert np.abs(swap_face(plain, haired).astype(int) - plain.image)[dark].mean() < 6
    cheeks = np.s_[100:130, 90:150]
    assert np.abs(kept - haired.image)[cheeks].mean() > 10


CUT = {"above": (120.0, 0.0), "left": (0.0, 100.0)}
"""Centres of reference faces, half of which lies outside their pictures."""


def test_regions_are_soft_and_inside_their_parts() -> None:
    weights = region_weights(LAYOUT, "face")
    assert weights.max() == 1
    assert np.abs(np.diff(weights, axis=0)).max() < 0.25
    assert not weights[~LAYOUT.region].any()
    assert np.abs(weights - weights[:, ::-1]).mean() < 0.01


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (np.full((256, 256), np.nan), "expected a mask in 0..1, or uint8, got nan..nan"),
        (np.full((256, 256), 1.5), "expected a mask in 0..1, or uint8, got 1.5..1.5"),
        (np.ones((128, 128)), "expected a mask of the UV layout egg, 256x256, got one of 128x128"),
        (np.eye(256)[::-1] * (np.arange(256) < 9), "got one that covers no surface there"),
        ("ears", "expected a region out of face, eyes, nose, mouth or a mask, got 'ears'"),
    ],
)
def test_wrong_regions_are_named(region: NDArray[np.float64], message: str) -> None:
    with pytest.raises(PrnetError, match=message):
        region_weights(LAYOUT, region)


def test_faces_without_photo_and_of_two_layouts_are_refused() -> None:
    face = _photo_of(_skin(), Pose(0, 0, 0))
    with pytest.raises(PrnetError, match="expected faces with their images, got one without"):
        swap_face(face, make_face(layout=LAYOUT))
    other = make_face(layout=replace(LAYOUT, name="other"), image=face.image)
    with pytest.raises(PrnetError, match="expected two faces in one UV layout, got egg and other"):
        swap_face(face, other)


def test_blend_keeps_what_is_opaque_and_what_is_clear() -> None:
    rng = np.random.default_rng(0)
    below, above = (rng.integers(0, 256, (97, 130, 3), np.uint8) for _ in range(2))
    full, none = np.ones((97, 130), np.float32), np.zeros((97, 130), np.float32)
    over = above.astype(np.float32)
    np.testing.assert_array_equal(blend_bands(below, over, none, levels=5), below)
    np.testing.assert_allclose(blend_bands(below, over, full, levels=5), above, atol=1)


def test_blend_widens_coarse_steps_and_keeps_fine_edges() -> None:
    below, above = np.full((64, 256, 3), 50, np.uint8), np.full((64, 256, 3), 150, np.float32)
    step = np.zeros((64, 256), np.float32)
    step[:, 128:] = 1
    row = blend_bands(below, above, step, levels=4)[32, :, 0].astype(int)
    assert (np.diff(row) >= -1).all()
    assert np.diff(row).max() < 20  # one hard step would be 100
    assert row[60] == 50
    assert row[196] == 150


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_model(folder / "model")
    for name, stripes in (("target", 0.0), ("reference", 0.4)):
        colours = _skin(stripes=stripes) * [0, 1, 1]  # the stand-in network moves faces by red
        picture = Image.fromarray(colours.astype(np.uint8))
        picture.save(folder / f"{name}.png")
    Image.new("L", (64, 64), 255).save(folder / "mask.png")
    return folder


def _swap(pictures: Path, *arguments: object) -> int:
    boxes = ["--target-box", "60,60,200,200", "--reference-box", "60,60,200,200"]
    given = ["target.png", "reference.png"]
    photos = [str(pictures / name) for name in given]
    words = [str(word) for word in arguments]
    return main(["swap", *photos, "--model", str(pictures / "model"), *boxes, *words])


def test_command_writes_the_picture(pictures: Path) -> None:
    assert _swap(pictures, "--out", pictures / "out.png", "--target-face", "largest") == 0
    with Image.open(pictures / "out.png") as out, Image.open(pictures / "target.png") as target:
        assert out.size == target.size
        assert np.abs(np.asarray(out, int) - np.asarray(target, int)).max() > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target-face", "1"], "target.png: expected face 1, got 1 face"),
        (["--reference-face", "7"], "reference.png: expected face 7, got 1 face"),
        (["--region", "hat"], "expected a region out of face, eyes, nose, mouth or a file"),
        (["--region", "MASK"], "expected a mask of the UV layout egg, 256x256, got one of 64x64"),
        (["--out", "TARGET"], "target.png: expected a place for a result, got one of the photos"),
        (["--out", "x.xyz"], "x.xyz: expected a suffix out of"),
    ],
)
def test_bad_input_is_one_clear_line(
    pictures: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {"MASK": str(pictures / "mask.png"), "TARGET": str(pictures / "target.png")}
    words = [paths.get(word, word) for word in arguments]
    assert _swap(pictures, "--out", pictures / "no.png", *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (pictures / "no.png").exists()


def test_photo_without_a_face_is_named(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [str(pictures / "target.png"), str(pictures / "reference.png")]
    model = ["--model", str(pictures / "model"), "--out", str(pictures / "no.png")]
    assert main(["swap", *photos, *model]) == 2
    assert "target.png: no face found" in capsys.readouterr().err
