"""The drop-in for ``api.PRN``: programs of its callers, and where the resampled map lies."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.spatial import cKDTree

import prnet
from prnet.errors import PrnetError
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.layout2018 import read_uv_folder
from prnet.release2018 import (
    PRN,
    PosPrediction,
    estimate_pose,
    frontalize,
    get_depth_image,
    render_texture,
)
from prnet.release2018.crops import crop_2018, cropped_2018
from prnet.release2018.resample import to_2018

PROGRAMS = Path(__file__).parent / "programs"
VERTICES = 43_867


@pytest.fixture(scope="module")
def face(sample_path):
    return prnet.Reconstructor()(sample_path)[0]


@pytest.fixture(scope="module")
def prn():
    return PRN(is_dlib=True)


@pytest.fixture(scope="module")
def pos(prn, sample_image):
    return prn.process(sample_image)


def ported(name):
    """The program with its imports changed and nothing else."""
    text = (PROGRAMS / name).read_text()
    text = re.sub(
        r"^from (api|utils\.\w+) import", "from prnet.release2018 import", text, flags=re.M
    )
    return re.sub(r"^import utils\.\w+ as", "import prnet.release2018 as", text, flags=re.M)


def run(name, photo, out):
    command = [sys.executable, "-c", ported(name), str(photo), str(out)]
    subprocess.run(command, check=True, capture_output=True, text=True)


def test_depth_label_program(sample_path, tmp_path, face):
    run("depth_label.txt", sample_path, tmp_path)
    depth = np.asarray(Image.open(tmp_path / "astronaut_depth1D.jpg"))
    assert depth.shape == (512, 512)
    ours = face.depth_map()
    covered = ~np.isnan(ours)
    cells = (64, 8, 64, 8)  # of JPEG
    away = ~covered.reshape(cells).any(axis=(1, 3))
    assert depth.reshape(cells).max(axis=(1, 3))[away].max() == 0
    nose = tuple(np.rint(face.landmarks[30, :2]).astype(int))[::-1]
    assert depth[nose] > 240
    seen = covered & (depth > 16)
    assert np.corrcoef(depth[seen], ours[seen])[0, 1] > 0.99
    assert np.load(tmp_path / "astronaut_map.npy").shape == (32, 32)


def test_face_mask_program(sample_path, tmp_path, face, sample_image):
    run("face_mask.txt", sample_path, tmp_path)
    masked = np.asarray(Image.open(tmp_path / "masked.png")).astype(int)
    mouth, brow = face.landmarks[62, :2], face.landmarks[21, :2]
    (mouth_x, mouth_y), (brow_x, brow_y) = np.rint([mouth, brow]).astype(int)
    assert np.abs(masked[mouth_y, mouth_x] - [153, 204, 229]).max() < 3
    assert np.abs(masked[brow_y, brow_x] - sample_image[brow_y, brow_x]).max() <= 1
    changed = (np.abs(masked - sample_image) > 8).any(axis=2)
    assert 0.2 < changed.sum() / (~np.isnan(face.depth_map())).sum() < 0.6


def test_texture_swap_program(sample_path, tmp_path, face, sample_image):
    run("texture_swap.txt", sample_path, tmp_path)
    swapped = np.asarray(Image.open(tmp_path / "swapped.png")).astype(float)
    covered = ~np.isnan(face.depth_map())
    assert np.abs(swapped - sample_image)[~covered].mean() < 2
    assert 2 < np.abs(swapped - sample_image)[covered].mean() < 40  # its own mirror image
    for name in ("colors.obj", "textured.obj"):
        mesh = trimesh.load(tmp_path / name, process=False)
        assert len(mesh.vertices) == VERTICES
        assert mesh.face_normals[:, 2].mean() > 0.3  # toward the viewer
    yaw, _, roll = np.degrees(np.loadtxt(tmp_path / "pose.txt"))
    assert abs(yaw + face.pose.yaw) < 6
    assert abs(roll - face.pose.roll) < 6


def test_shapes_types_and_order(prn, pos):
    assert (pos.shape, pos.dtype) == ((256, 256, 3), np.float64)
    assert (prn.resolution_inp, prn.resolution_op) == (256, 256)
    assert (prn.uv_kpt_ind.shape, prn.uv_kpt_ind.dtype) == ((2, 68), np.int32)
    assert (prn.face_ind.shape, prn.face_ind.dtype) == ((VERTICES,), np.int32)
    assert (prn.triangles.shape[1], prn.triangles.dtype) == (3, np.int32)
    np.testing.assert_array_equal(prn.uv_coords[:, 1] * 256 + prn.uv_coords[:, 0], prn.face_ind)
    np.testing.assert_array_equal(prn.get_vertices(pos), pos.reshape(-1, 3)[prn.face_ind])
    np.testing.assert_array_equal(prn.get_landmarks(pos), pos[prn.uv_kpt_ind[1], prn.uv_kpt_ind[0]])
    assert prn.get_vertices(pos)[:, 2].min() == 0


def test_pictures_and_crop_maps_have_the_types_of_2018(prn, pos):
    """OpenCV joins pictures of one type alone, and remaps by single precision alone."""
    vertices = prn.get_vertices(pos)
    drawn = render_texture(vertices.T, vertices.T, prn.triangles.T, 64, 64)
    assert drawn.shape == (64, 64, 3)
    assert drawn.dtype == np.float64
    assert get_depth_image(vertices, prn.triangles, 64, 64).dtype == np.float64
    crop = np.zeros((256, 256, 3))
    assert prn.net_forward(crop).dtype == np.float32
    assert prn.pos_predictor.predict_batch(crop[None]).dtype == np.float32


@pytest.mark.shared
def test_indices_are_those_of_2018(shared, prn):
    theirs = read_uv_folder(shared / "prnet-2018")
    np.testing.assert_array_equal(prn.face_ind, np.flatnonzero(theirs.region))
    np.testing.assert_array_equal(prn.uv_kpt_ind, theirs.landmarks.T)
    np.testing.assert_array_equal(prn.triangles[:, ::-1], theirs.triangles)
    off = np.linalg.norm(to_2018().target.canonical_vertices - theirs.canonical_vertices, axis=1)
    assert np.median(off) < 0.03 * np.ptp(theirs.canonical_vertices[:, 1])


def test_the_resampled_map_lies_on_our_surface(prn, pos, face):
    """Within 0.2 % of the face's size: vertices from the surface, landmarks from landmarks."""
    size = np.ptp(face.vertices[:, :2], axis=0).max()
    zeros = np.median(prn.get_landmarks(pos)[:, 2] - face.landmarks[:, 2])  # of z
    shift = np.array([0, 0, zeros])
    normals = np.zeros((256, 256, 3), np.float32)
    normals[face.layout.region] = face.normals
    grid = np.stack(np.meshgrid(*[np.arange(0, 255.1, 0.25)] * 2), axis=-1).reshape(-1, 2)
    grid = grid[face.layout.region[tuple(np.rint(grid).astype(int).T[::-1])]]
    fine = sample_bilinear(face.position_map, grid)
    here = prn.get_vertices(pos) - shift
    _, nearest = cKDTree(fine).query(here)
    away = ((here - fine[nearest]) * sample_bilinear(normals, grid[nearest])).sum(axis=1)
    assert np.abs(away).max() < 0.002 * size
    off = np.linalg.norm(prn.get_landmarks(pos) - shift - face.landmarks, axis=1)
    assert off.max() < 0.002 * size


def test_ways_to_say_where_the_face_is(prn, pos, face, sample_image, tmp_path):
    x0, y0, x1, y1 = prnet.Box.around(face.landmarks).xyxy
    rect = prn.dlib_detect(sample_image)[0].rect
    edges = [rect.left(), rect.right(), rect.top(), rect.bottom()]
    np.testing.assert_allclose(edges, [x0, x1, y0, y1], atol=1)
    size = np.hypot(x1 - x0, y1 - y0)
    box_file = tmp_path / "box.txt"
    side = (x1 - x0 + y1 - y0) / 2 * 0.95
    corner = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2 - 0.12 * side
    box_file.write_text("{}\n{}\n{}\n{}\n".format(*corner, side, side))
    for found in (
        prn.process(sample_image, np.array(edges)),
        prn.process(sample_image, face.landmarks),
        prn.process(sample_image, face.landmarks[:, :2].T),
        prn.process(sample_image, None, str(box_file), sample_image.shape),
        prn.process(sample_image.astype(float)),
    ):
        away = np.linalg.norm((prn.get_landmarks(found) - prn.get_landmarks(pos))[:, :2], axis=1)
        assert away.mean() < 0.02 * size


@pytest.mark.parametrize("info", [[1, 2, 3], [], [1, 2, 3, 4, 5], np.zeros((2, 3))])
def test_what_is_no_place_of_a_face_is_said(prn, sample_image, info):
    with pytest.raises(prnet.PrnetError, match=r"expected a box \[left, right, top, bottom\]"):
        prn.process(sample_image, info)


def test_crops_alone(prn, pos, face, sample_image):
    crop = crop_2018(prnet.Box.around(face.landmarks), prnet.CropRule(1.6))
    picture = cropped_2018(sample_image, crop)
    alone = prn.net_forward(picture)
    away = np.linalg.norm((crop.to_image(alone) - pos)[..., :2], axis=2)[prn.layout.region]
    assert away.mean() < 0.02 * crop.side
    batch = PosPrediction(256, 256).predict_batch(np.stack([picture, picture[:, ::-1]]))
    np.testing.assert_allclose(batch[0], alone, atol=1e-3)
    assert batch.shape == (2, 256, 256, 3)


def test_no_face_and_no_file_are_said(prn, capsys):
    assert prn.process(np.zeros((64, 64, 3), np.uint8)) is None
    assert prn.process("nothing.jpg") is None
    out = capsys.readouterr().out
    assert "warning: no detected face" in out
    assert "error opening file:" in out


def test_colours_leave_the_vertices_alone(prn, sample_image):
    vertices = np.array([[-3.0, 2.4, 0], [600, 5.6, 1]])
    before = vertices.copy()
    colours = prn.get_colors(sample_image, vertices)
    np.testing.assert_array_equal(colours, sample_image[[2, 6], [0, 511]])
    np.testing.assert_array_equal(vertices, before)


def test_the_2018_crop_is_that_of_three_corners():
    """Corners' pixel centres at 0 and 255, the side cut to whole pixels."""
    crop = crop_2018(prnet.Box(10, 20, 110, 121), prnet.CropRule(1.58, shift_y=0.14))
    side = int(100.5 * 1.58)
    corner = np.array([60 - side / 2, 70.5 + 0.14 * 100.5 - side / 2])
    np.testing.assert_allclose(crop.to_crop(corner), [0, 0], atol=1e-9)
    np.testing.assert_allclose(crop.to_crop(corner + side), [255, 255], atol=1e-9)


def test_pose_and_front(prn, pos):
    vertices = prn.get_vertices(pos)
    matrix, _ = estimate_pose(vertices)
    seen = frontalize(vertices) @ matrix[:, :3].T + matrix[:, 3]
    assert np.linalg.norm(seen - vertices, axis=1).mean() < 0.05 * np.ptp(vertices[:, 1])
    with pytest.raises(prnet.PrnetError, match=r"expected vertices \(43867, 3\)"):
        frontalize(vertices[:9])


def test_a_checkpoint_that_is_not_imported_is_pointed_at(tmp_path):
    weights = tmp_path / "Data" / "net-data" / "256_256_resfcn256_weight.index"
    weights.parent.mkdir(parents=True)
    weights.touch()
    with pytest.warns(UserWarning, match="prnet import-checkpoint"):
        PRN(prefix=str(tmp_path))
    with pytest.warns(UserWarning, match="prnet import-checkpoint"):
        PRN(True, False, str(tmp_path))  # a fork's order


def test_the_other_range_of_grey_values_is_named(prn, sample_image, capsys) -> None:
    assert prn.process(sample_image / 255) is None
    assert "expected a photo in 0..255, got none above 1" in capsys.readouterr().out
    crop = np.ascontiguousarray(sample_image[:256, :256])
    with pytest.raises(PrnetError, match=r"expected crops in 0..1 \(/ 255\), got values up to 255"):
        prn.net_forward(crop)
    with pytest.raises(PrnetError, match=r"expected a crop \(256, 256, 3\), got shape \(128"):
        prn.net_forward(crop[::2, ::2] / 255)
