from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from standins import make_face

from prnet.geometry.camera import Pose
from prnet.geometry.rasterize import rasterize
from prnet.layout.facing import facing_triangles
from prnet.layout.uv_layout import default_layout

HEIGHT, WIDTH = 60, 70


@pytest.mark.parametrize("scale", [1.5, 4.0, 30.0])
@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(70, 20, 40), Pose(-30, -40, 170)])
def test_nothing_that_is_seen_is_left_out(pose: Pose, scale: float) -> None:
    """A face reaches beyond the picture where it is large; rounded places have pixels on edges."""
    layout = default_layout()
    face = make_face(pose, layout=layout, scale=scale)
    vertices = face.vertices - np.array([90, 70, 0], np.float32)
    for places in (vertices, np.rint(vertices * 4) / 4):
        some = facing_triangles(layout, places)
        assert len(some) < 0.9 * len(layout.triangles)
        expected, got = (
            rasterize(places, triangles, HEIGHT, WIDTH, cull="back")
            for triangles in (layout.triangles, some)
        )
        assert expected.mask.sum() > 50
        np.testing.assert_array_equal(got.mask, expected.mask)
        np.testing.assert_array_equal(got.depth, expected.depth)


def test_of_other_meshes_all_are_kept() -> None:
    layout = default_layout()
    mesh = replace(layout, explicit_triangles=layout.triangles[:100])
    vertices = make_face(Pose(0, 0, 0), layout=layout).vertices
    np.testing.assert_array_equal(facing_triangles(mesh, vertices), mesh.triangles)
