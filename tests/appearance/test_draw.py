from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import make_face

from prnet.appearance.draw import LANDMARK_COLOUR, draw_landmarks, draw_mesh, draw_pose_box, overlay
from prnet.errors import PrnetError
from prnet.geometry.camera import Pose

GREY: NDArray[np.uint8] = np.full((220, 260, 3), 90, np.uint8)


def _changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (before != after).any(axis=-1)


def test_every_landmark_is_a_dot_where_it_belongs() -> None:
    landmarks = make_face().landmarks
    drawn = draw_landmarks(GREY, landmarks)
    rows, columns = np.rint(landmarks[:, [1, 0]]).astype(int).T
    np.testing.assert_allclose(drawn[rows, columns], np.tile(LANDMARK_COLOUR[:3], (68, 1)), atol=90)
    assert (GREY == 90).all()  # drawn on a copy


def test_drawing_moves_with_the_face() -> None:
    """One pixel to the right in the image is one pixel to the right in the drawing."""
    here = draw_landmarks(GREY, make_face(centre=(120.0, 100.0)).landmarks)
    there = draw_landmarks(GREY, make_face(centre=(127.0, 105.0)).landmarks)
    np.testing.assert_allclose(here[20:200, 20:240], there[25:205, 27:247], atol=3)


def test_dots_are_centred() -> None:
    point = np.tile([[100.0, 80.0]], (68, 1))
    weight = (draw_landmarks(GREY, point).astype(float) - 90)[..., 1]
    rows, columns = np.mgrid[:220, :260]
    assert (weight * columns).sum() / weight.sum() == pytest.approx(100, abs=0.05)
    assert (weight * rows).sum() / weight.sum() == pytest.approx(80, abs=0.05)


def test_mesh_is_drawn_where_the_surface_faces_the_viewer() -> None:
    profile = make_face(Pose(80, 0, 0))
    drawn = np.flatnonzero(_changed(GREY, draw_mesh(GREY, profile)).any(axis=0))
    axis_x = profile.camera.translation[0]  # the far half of the egg is left of its middle
    assert drawn.max() > axis_x + 60
    behind = _changed(GREY, draw_mesh(GREY, make_face(Pose(180, 0, 0))))
    assert not behind.any()


def test_mesh_lines_run_from_border_to_border() -> None:
    face = make_face()
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    flat = replace(face, position_map=np.stack([columns, rows, 0 * rows], axis=-1))
    drawn = _changed(GREY, draw_mesh(GREY, flat, step=86))  # lines at 43, 129 and 215
    for line in (drawn[129], drawn[:, 129]):
        ends = np.flatnonzero(line)[[0, -1]]
        np.testing.assert_array_equal(ends, [18, min(237, len(line) - 1)])


def test_pose_box_holds_the_landmarks() -> None:
    face = make_face(Pose(20, 10, 5))
    rows, columns = np.nonzero(_changed(GREY, draw_pose_box(GREY, face)))
    low, high = face.landmarks[:, :2].min(axis=0), face.landmarks[:, :2].max(axis=0)
    assert columns.min() <= low[0] + 1
    assert columns.max() >= high[0] - 1
    assert rows.min() <= low[1] + 1
    assert rows.max() >= high[1] - 1


@pytest.mark.parametrize("centre", [(-40.0, 100.0), (260.0, 220.0), (5000.0, 100.0)])
def test_faces_that_leave_the_picture_are_clipped(centre: tuple[float, float]) -> None:
    drawn = overlay(GREY, [make_face(centre=centre)])
    assert drawn.shape == GREY.shape
    assert _changed(GREY, drawn)[:, 130 if centre[0] < 0 else 0].sum() == 0  # no wrapping round


def test_no_faces_gives_a_copy() -> None:
    drawn = overlay(GREY, [])
    np.testing.assert_array_equal(drawn, GREY)
    assert drawn is not GREY


def test_lines_grow_with_the_face() -> None:
    small, large = (
        _changed(
            image, draw_landmarks(image, make_face(scale=s, centre=(130 * s, 110 * s)).landmarks)
        ).sum()
        for s, image in ((1.0, GREY), (4.0, np.repeat(np.repeat(GREY, 4, axis=0), 4, axis=1)))
    )
    assert large > 8 * small


def test_any_picture_is_drawn_onto_as_any_is_looked_at() -> None:
    face = make_face()
    expected = overlay(GREY, face)
    assert expected.shape == GREY.shape
    np.testing.assert_array_equal(overlay(GREY, [face]), expected)
    opaque = np.dstack([GREY, np.full(GREY.shape[:2], 255, np.uint8)])
    for picture in (GREY[..., 0], GREY / 255, opaque):
        np.testing.assert_array_equal(overlay(picture, face), expected)
        np.testing.assert_array_equal(
            draw_landmarks(picture, face.landmarks), draw_landmarks(GREY, face.landmarks)
        )


@pytest.mark.parametrize(
    "landmarks", [make_face(), np.zeros((5, 2)), np.full((68, 2), np.nan), np.zeros((68, 4))]
)
def test_what_are_no_landmarks_is_said(landmarks: NDArray[np.float64]) -> None:
    with pytest.raises(PrnetError, match=r"expected 68 (finite )?landmarks"):
        draw_landmarks(GREY, landmarks)
