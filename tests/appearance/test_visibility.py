from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from standins import make_face, make_layout, mirrored

from prnet.appearance.visibility import GRAZING, STEEP, inside_outline
from prnet.geometry.camera import Pose
from prnet.geometry.filters import closed
from prnet.layout.uv_layout import default_layout


def test_egg_is_seen_where_it_faces_the_camera() -> None:
    face = make_face()
    facing, seen = face.normals[:, 2], face.visibility
    assert (seen[facing > STEEP + 0.15] > 0.999).all()
    assert (seen[facing < GRAZING] < 0.2).all()
    assert ((seen > 0.2) & (seen < 0.8)).any(), "soft edge"
    assert (face.visibility_map[~face.layout.region] == 0).all()


@pytest.mark.parametrize("yaw", [-70.0, 70.0])
def test_profile_hides_the_far_half(yaw: float) -> None:
    seen = make_face(Pose(yaw, 0, 0)).visibility_map
    near, far = (seen[:, 128:], seen[:, :128]) if yaw < 0 else (seen[:, :128], seen[:, 128:])
    assert near.sum() > 5 * far.sum()
    assert (far[:, :60] if yaw < 0 else far[:, -60:]).max() < 0.01


def test_layer_behind_another_is_hidden() -> None:
    """A sheet of two layers that both face the camera, the right half behind the left one."""
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    behind = columns > 127
    sheet = np.stack([np.where(behind, columns - 100, columns), rows, behind * -60.0], axis=-1)
    layout = make_layout()
    face = replace(make_face(layout=layout), position_map=sheet.astype(np.float32))
    inner = layout.region & (np.abs(rows - 127.5) < 60)
    assert face.visibility_map[inner & (columns > 140) & (columns < 210)].max() == 0
    assert face.visibility_map[inner & (columns > 40) & (columns < 110)].min() == 1


def test_size_in_the_photo_does_not_matter() -> None:
    pose = Pose(40, 10, 5)
    small, large = (make_face(pose, scale=scale).visibility_map for scale in (0.3, 6.0))
    np.testing.assert_allclose(small, large, atol=0.02)


def test_mirrored_face_has_the_mirrored_visibility() -> None:
    face = make_face(Pose(35, -10, 15))
    difference = np.abs(mirrored(face, 240).visibility_map - face.visibility_map[:, ::-1])
    assert difference.mean() < 1e-3


def test_small_waves_hide_nothing() -> None:
    """Steep waves as networks make them, a tenth of a millimetre high on a face."""
    face = make_face()
    waves = 0.5 * np.sin(np.arange(256) * (2 * np.pi / 8), dtype=np.float32)
    rough = replace(
        face, position_map=face.position_map + waves[:, None] * np.array([0, 0, 1], np.float32)
    )
    assert np.abs(rough.visibility - face.visibility).mean() < 0.02


def test_closing_fills_narrow_spots_alone() -> None:
    seen = np.ones((60, 60), np.float32)
    seen[10:16, 10:16] = 0
    seen[30:, 30:] = 0
    filled = closed(seen, 4)
    assert filled[10:16, 10:16].min() == 1
    np.testing.assert_array_equal(filled[30:, 30:], 0)


def test_ways_from_the_outline_inward_do_not_tear_the_picture() -> None:
    """In profile, where nose and brows meet: points beside each other go ways beside each other."""
    layout = default_layout()
    face = make_face(Pose(75, 0, 0), layout=layout)
    way = np.stack([layout.spread(axis) for axis in inside_outline(face)[0]])
    inner = np.s_[:, 30:226, 30:226]
    steps = [np.abs(np.diff(way[inner], axis=axis)).max() for axis in (1, 2)]
    assert np.abs(way[inner]).max() > 0.5
    assert max(steps) < 0.1 * np.abs(way[inner]).max()
