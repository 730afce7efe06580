"""Textured heads: what is rendered lies where the camera says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prnet.errors import PrnetError
from prnet.facemodel.heads import UNIT, HeadSet
from prnet.geometry.camera import Pose, WeakPerspectiveCamera, rotation_from_pose


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven heads that are a square in front, half red (the image's left), half blue."""
    corners = np.array([(-1, -1, 0), (0, -1, 0), (1, -1, 0), (-1, 1, 0), (0, 1, 0), (1, 1, 0)])
    triangles = np.array([(0, 1, 4), (0, 4, 3), (1, 2, 5), (1, 5, 4)])
    uv = (corners[:, :2] + 1) / 2
    np.savez(
        tmp_path / "heads.npz",
        ids=np.array([f"id{i}" for i in range(7)]),
        vertices=np.repeat((corners * UNIT)[None], 7, axis=0).astype(np.int16),
        triangles=triangles,
        uv=uv.astype(np.float32),
        uv_triangles=triangles,
        landmark68_vertices=np.tile([0, 2, 5], (68, 1)),
        landmark68_weights=np.tile([0.5, 0.25, 0.25], (68, 1)),
    )
    texture = np.zeros((20, 40, 3), np.uint8)
    texture[:, :20], texture[:, 20:] = (200, 0, 0), (0, 0, 200)
    (tmp_path / "textures").mkdir()
    for i in range(7):
        Image.fromarray(texture).save(
            tmp_path / "textures" / f"id{i}.jpg", quality=95, subsampling=0
        )
    return tmp_path


def test_colours_are_where_the_surface_is(folder: Path) -> None:
    head = HeadSet(folder)[2]
    camera = WeakPerspectiveCamera(20, rotation_from_pose(Pose(0, 0, 0)), np.array([40.0, 30, 0]))
    background = np.full((60, 80, 3), 50, np.uint8)
    image = head.render(camera, 60, 80, background=background)
    x, y, _ = camera.project(np.array([-0.5, 0.5, 0])).astype(int)
    np.testing.assert_allclose(image[y, x], (200, 0, 0), atol=12)
    x, y, _ = camera.project(np.array([0.5, -0.5, 0])).astype(int)
    np.testing.assert_allclose(image[y, x], (0, 0, 200), atol=12)
    assert (image[:, :18] == 50).all()
    assert (image[25, 20] != 50).any(), "the edge is at x = 20"
    np.testing.assert_allclose(head.landmarks[0], (0, -0.5, 0), atol=1e-3)


def test_the_back_is_not_drawn(folder: Path) -> None:
    head = HeadSet(folder)[0]
    behind = WeakPerspectiveCamera(20, rotation_from_pose(Pose(180, 0, 0)), np.array([40.0, 30, 0]))
    assert not head.render(behind, 60, 80).any()


def test_every_fifth_head_is_held_out(folder: Path) -> None:
    assert np.flatnonzero(HeadSet(folder).held_out).tolist() == [0, 5]


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="textured heads"):
        HeadSet(tmp_path)
