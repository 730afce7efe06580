from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import make_face, make_layout

from prnet.errors import PrnetError
from prnet.geometry.boxes import Box
from prnet.geometry.camera import FLIP_Y, Pose, fit_weak_perspective
from prnet.mapped import size_of
from prnet.reconstruct import Reconstructor

POSE = Pose(35.0, -12.0, 20.0)


def test_known_pose_and_camera_come_back() -> None:
    face = make_face(POSE, scale=0.7)
    np.testing.assert_allclose(face.pose, POSE, atol=1e-3)
    assert face.camera.scale == pytest.approx(0.7, rel=1e-5)
    np.testing.assert_allclose(
        face.camera.project(face.layout.canonical_vertices * FLIP_Y), face.vertices, atol=1e-3
    )


def test_neck_does_not_move_the_pose() -> None:
    face = make_face(POSE)
    neck = face.layout.parts == 6
    assert neck.any()
    face.position_map[neck] += 30
    np.testing.assert_allclose(face.pose, POSE, atol=1e-3)


def test_the_pose_is_that_of_all_vertices(sample_image: NDArray[np.uint8]) -> None:
    (face,) = Reconstructor()(sample_image)
    rigid = face.layout.region & (face.layout.parts != 6)
    head, image = face.layout.canonical[rigid] * FLIP_Y, face.position_map[rigid]
    np.testing.assert_allclose(face.pose, fit_weak_perspective(head, image).pose, atol=0.005)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_size_is_the_longer_side_of_the_landmarks(axis: int) -> None:
    face = make_face()
    face.position_map[..., axis] *= 2
    box = Box.around(face.landmarks)
    sides = box.width, box.height
    assert sides[axis] > 1.5 * sides[1 - axis]
    assert size_of(face) == pytest.approx(sides[axis])


def test_depth_origin_follows_the_layout() -> None:
    ours, theirs = make_face(POSE), make_face(POSE, layout=make_layout("minimum"))
    assert ours.landmarks[:, 2].mean() == pytest.approx(0, abs=1e-4)
    assert theirs.vertices[:, 2].min() == 0
    np.testing.assert_array_equal(ours.vertices[:, :2], theirs.vertices[:, :2])


def test_shown_in_a_line_without_its_arrays() -> None:
    face = make_face(image=np.zeros((9, 9, 3), np.uint8))
    shown = repr(replace(face, presence=0.5, deviation=np.zeros((256, 256), np.float32)))
    assert "box=Box(" in shown
    assert "presence=0.5" in shown
    assert "array" not in shown


def test_back_to_the_crop() -> None:
    face = make_face(POSE, scale=2.0)
    crop_map = face.to_crop()
    np.testing.assert_allclose(face.crop.to_image(crop_map), face.position_map, atol=1e-3)
    distances = np.ptp(crop_map, axis=(0, 1)) / np.ptp(face.position_map, axis=(0, 1))
    np.testing.assert_allclose(distances, face.crop.scale, rtol=1e-5)


def test_vertex_colors_are_the_photo_under_the_vertices() -> None:
    rows, columns = np.mgrid[:200, :240]
    image = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    face = make_face(scale=0.8, image=image)
    expected = np.rint(face.vertices[:, :2]).astype(int)
    assert np.abs(face.vertex_colors()[:, :2].astype(int) - expected).max() <= 1


def test_vertices_outside_the_picture_take_its_edge() -> None:
    image = np.full((20, 20, 3), 7, np.uint8)
    image[10:, 10:] = 200
    face = make_face(centre=(500.0, 500.0), image=image)
    assert (face.vertex_colors() == 200).all()


def test_one_pixel_picture_has_colours() -> None:
    face = make_face(image=np.full((1, 1, 3), 9, np.uint8))
    assert (face.vertex_colors() == 9).all()


def test_colours_need_an_image() -> None:
    with pytest.raises(PrnetError, match="expected an image to take the colours from"):
        make_face().vertex_colors()
    assert make_face().vertex_colors(np.zeros((2, 2, 3), np.uint8)).max() == 0
