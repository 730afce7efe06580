from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray
from PIL import Image
from standins import make_face, mirrored

from prnet import decode_depth, encode_depth
from prnet.appearance.encode import depth_preview, encode_normals
from prnet.appearance.frontal import affine_frontal_vertices
from prnet.appearance.render import depth_map, render_view
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.files.image import load_image
from prnet.formats.arrays import describe_face
from prnet.formats.output import SaveOptions
from prnet.formats.pictures import PHOTO_OUTPUTS, write_turntable
from prnet.formats.table import FACE_OUTPUTS
from prnet.geometry.camera import Pose

HEIGHT, WIDTH = 200, 240
AXES = np.array([70.0, 95.0, 80.0])
"""Of the egg, x y z."""


def _egg_depth(
    face: Face, centre: tuple[float, float] = (120.0, 100.0), scale: float = 1.0
) -> NDArray[np.float64]:
    """Depth of the frontal egg, NaN off it or where it is steep."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (columns - centre[0]) / (scale * AXES[0]), (rows - centre[1]) / (scale * AXES[1])
    inside = x**2 + y**2 < 0.8
    top = face.vertices[:, 2].max()
    height = scale * AXES[2] * (np.sqrt(np.where(inside, 1 - x**2 - y**2, 1)) - 1)
    return np.where(inside, top + height, np.nan)


def _plane(face: Face, slope: tuple[float, float]) -> Face:
    """The region's pixels as a tilted plane of image pixels."""
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    z = slope[0] * columns + slope[1] * rows
    return replace(face, position_map=np.stack([columns, rows, z], axis=-1).astype(np.float32))


def test_depth_of_an_egg_is_the_ellipsoid() -> None:
    face = make_face()
    depth, expected = face.depth_map(shape=(HEIGHT, WIDTH)), _egg_depth(face)
    near = ~np.isnan(expected)
    np.testing.assert_allclose(depth[near], expected[near], atol=0.03)
    assert np.isnan(depth[0, 0])
    assert depth.dtype == np.float32


def test_depth_of_a_plane_is_exact_between_vertices() -> None:
    face = _plane(make_face(), (0.3, -0.2))
    depth = replace(face, position_map=face.position_map * 1.7).depth_map(shape=(440, 440))
    rows, columns = np.nonzero(~np.isnan(depth))
    assert len(rows) > 100_000
    np.testing.assert_allclose(depth[rows, columns], 0.3 * columns - 0.2 * rows, atol=1e-3)


def test_crop_depth_is_the_photo_depth_in_crop_pixels() -> None:
    face = make_face()
    depth = face.depth_map(crop_size=50)  # the crop shows 200 pixels of the photo
    rows, columns = np.mgrid[:50, :50]
    centres = np.stack([columns, rows, np.zeros_like(rows)], axis=-1)
    photo = replace(face.crop, size=50).to_image(centres)
    x, y = (photo[..., 0] - 120) / AXES[0], (photo[..., 1] - 100) / AXES[1]
    inside = x**2 + y**2 < 0.8
    z = face.vertices[:, 2].max() + AXES[2] * (np.sqrt(1 - (x**2 + y**2)[inside]) - 1)
    np.testing.assert_allclose(depth[inside], z / 4, atol=0.01)


def test_nearer_face_wins() -> None:
    left = _plane(make_face(), (0, 0))
    right = replace(left, position_map=left.position_map + np.array([60, 0, 5], np.float32))
    for faces in ([left, right], [right, left]):
        depth = depth_map(faces, 256, 330)
        assert depth[128, 30] == 0
        assert depth[128, 128] == depth[128, 280] == 5


def test_face_over_the_border_is_cut() -> None:
    whole = make_face(centre=(320.0, 300.0)).depth_map(shape=(600, 640))
    for x, y in ((0, 0), (320, 300), (400, 180), (150, 350)):
        face = make_face(centre=(320.0 - x, 300.0 - y))
        part = face.depth_map(shape=(HEIGHT, WIDTH))
        np.testing.assert_allclose(part, whole[y : y + HEIGHT, x : x + WIDTH], atol=0.02)
        normals = face.normal_map(shape=(HEIGHT, WIDTH))
        np.testing.assert_array_equal(normals.any(axis=-1), ~np.isnan(part))


def test_face_outside_the_picture_gives_an_empty_map() -> None:
    for centre in ((-500.0, 100.0), (900.0, 900.0)):
        assert np.isnan(make_face(centre=centre).depth_map(shape=(HEIGHT, WIDTH))).all()


@pytest.mark.parametrize("size", [50, 101])
def test_views_are_centred(size: int) -> None:
    """The middle of the egg is the middle of the picture: (size - 1) / 2 in pixel centres."""
    black = np.zeros((64, 64, 3), np.uint8)
    view = render_view(make_face(Pose(20, 10, 5)), size=size, texture=black)
    weight = 255 - view[..., 0].astype(float)
    rows, columns = np.mgrid[:size, :size]
    middle = [(weight * axis).sum() / weight.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(middle, (size - 1) / 2, atol=0.02)


def test_mirrored_face_gives_the_mirrored_maps() -> None:
    face = make_face(Pose(30, 10, 20))
    depth = face.depth_map(shape=(HEIGHT, WIDTH))
    other = mirrored(face, WIDTH)
    flipped = other.depth_map(shape=(HEIGHT, WIDTH))[:, ::-1]
    both = ~np.isnan(depth) & ~np.isnan(flipped)
    assert both.sum() > 0.995 * (~np.isnan(depth)).sum()
    np.testing.assert_allclose(flipped[both], depth[both], atol=0.1)
    normals = face.normal_map(shape=(HEIGHT, WIDTH))
    turned = other.normal_map(shape=(HEIGHT, WIDTH))[:, ::-1] * [-1, 1, 1]
    assert np.median(np.abs(turned - normals)[both]) < 1e-3


def test_normals_are_the_gradient_of_the_ellipsoid() -> None:
    face = make_face()
    normals, z = face.normal_map(shape=(HEIGHT, WIDTH)), _egg_depth(face)
    rows, columns = np.nonzero(~np.isnan(z))
    height = z[rows, columns] - face.vertices[:, 2].max() + AXES[2]
    expected = np.stack([columns - 120, rows - 100, height], axis=1) / AXES**2
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(normals[rows, columns], expected, atol=0.02)


def test_maps_need_a_shape_or_a_photo() -> None:
    with pytest.raises(PrnetError, match="expected a shape"):
        make_face().depth_map()
    with pytest.raises(PrnetError, match="crop size of 1 to 8192, got 0"):
        make_face().depth_map(crop_size=0)
    photo: NDArray[np.uint8] = np.zeros((30, 40, 3), np.uint8)
    assert make_face(image=photo).depth_map().shape == (30, 40)


def test_frontal_takes_pose_size_and_place_away() -> None:
    face = make_face(Pose(40, -20, 30), scale=2.5)
    np.testing.assert_allclose(face.frontal(), face.layout.canonical_vertices, atol=1e-3)
    stretched = replace(face, position_map=face.position_map * np.array([1.2, 1, 1], np.float32))
    canonical = face.layout.canonical_vertices
    assert np.abs(stretched.frontal() - canonical).max() > 3, "a similarity keeps proportions"
    np.testing.assert_allclose(affine_frontal_vertices(stretched), canonical, atol=1e-2)


def test_view_does_not_depend_on_the_pose_in_the_photo() -> None:
    views = [
        make_face(pose, scale=scale).render(yaw=20, pitch=-10, size=96, style="shaded")
        for pose, scale in ((Pose(0, 0, 0), 1.0), (Pose(35, 15, -50), 0.4))
    ]
    assert np.abs(views[0].astype(int) - views[1]).max() <= 8
    assert (views[0] != 255).any()


def test_views_turn_as_poses_do() -> None:
    texture = np.full((256, 256, 3), 200, np.uint8)
    texture[120:136, 120:136] = [255, 0, 0]  # the nose, near enough

    def nose(**angles: Any) -> NDArray[np.float64]:
        picture = make_face().render(size=128, texture=texture, **angles).astype(int)
        red = picture[..., 0] - picture[..., 1] > 128
        return np.argwhere(red).mean(axis=0)[::-1]

    front, right, up = nose(), nose(yaw=30), nose(pitch=30)
    np.testing.assert_allclose(front, [63.5, 63.5], atol=0.6)
    assert right[0] > front[0] + 8
    assert abs(right[1] - front[1]) < 1
    assert up[1] < front[1] - 8


def test_preview_spans_the_greys() -> None:
    preview = depth_preview(np.array([[np.nan, -3, 1, 5]], np.float32))
    np.testing.assert_array_equal(preview, [[0, 1, 128, 255]])
    assert (depth_preview(np.full((2, 2), np.nan, np.float32)) == 0).all()


def test_normal_colours() -> None:
    normals = np.array([[[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, -1, 0]]], np.float32)
    expected = [[[0, 0, 0], [128, 128, 255], [255, 128, 128], [128, 255, 128]]]
    np.testing.assert_array_equal(encode_normals(normals), expected)


@pytest.fixture(scope="module")
def photographed() -> Face:
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return make_face(Pose(10, 5, 0), image=image)


@pytest.mark.parametrize("crop_size", [None, 64])
def test_depth_files_agree(photographed: Face, tmp_path: Path, crop_size: int | None) -> None:
    for name in ("depth", "depth-npy", "depth-mat"):
        output = FACE_OUTPUTS[name]
        output.write(
            photographed, tmp_path / f"a{output.ending}", SaveOptions(depth_crop=crop_size)
        )
    depth = np.load(tmp_path / "a_depth.npy")
    np.testing.assert_array_equal(depth, photographed.depth_map(crop_size=crop_size))
    png = Image.open(tmp_path / "a_depth.png")
    step = max(depth.shape) / 65536
    assert float(png.info["depth_scale"]) == step  # the face is not deeper than the picture wide
    np.testing.assert_array_equal(np.asarray(png), encode_depth(depth))
    np.testing.assert_allclose(decode_depth(tmp_path / "a_depth.png"), depth, atol=0.51 * step)
    if crop_size is not None:
        described = describe_face(photographed, SaveOptions(depth_crop=crop_size))
        assert described["depth_picture"]["scale"] == step
    old = scipy.io.loadmat(tmp_path / "a_depth.mat")["depth"]
    hidden = np.isnan(depth)
    assert (old[hidden] == 0).all()
    shift = (old - depth)[~hidden]
    assert np.ptp(shift) < 1e-4
    assert old[~hidden].min() > 0


def test_turntable_goes_round_and_back(photographed: Face, tmp_path: Path) -> None:
    for suffix in ("gif", "webp"):
        path = tmp_path / f"a.{suffix}"
        write_turntable(photographed, path, size=32)
        with Image.open(path) as animation:
            frames = getattr(animation, "n_frames", 1)
            assert animation.info["loop"] == 0
        assert frames == 24


def test_sheet_shows_the_crop(photographed: Face, tmp_path: Path) -> None:
    FACE_OUTPUTS["sheet"].write(photographed, tmp_path / "sheet.png", SaveOptions())
    picture = load_image(tmp_path / "sheet.png")
    tile = picture.shape[1] // 6
    assert photographed.image is not None
    crop = replace(photographed.crop, size=tile).crop_image(photographed.image)
    np.testing.assert_array_equal(picture[-tile:, :tile], crop)


def test_depth_of_all_faces_is_one_picture(tmp_path: Path) -> None:
    photo: NDArray[np.uint8] = np.zeros((HEIGHT, 2 * WIDTH, 3), np.uint8)
    faces = [make_face(centre=(x, 100.0), scale=0.8, image=photo) for x in (100.0, 350.0)]
    PHOTO_OUTPUTS["depth-all"].write(faces, tmp_path / "all.png")
    single = [encode_depth(face.depth_map()) for face in faces]
    np.testing.assert_array_equal(Image.open(tmp_path / "all.png"), np.maximum(*single))
