"""Normals by the grid are those of any mesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prnet.geometry.mesh import vertex_normals
from prnet.layout.normals import layout_normals
from prnet.layout.uv_layout import UVLayout, default_layout


def ragged() -> UVLayout:
    """A region with squares of three pixels on all sides, holes and single pixels."""
    random = np.random.default_rng(0)
    return replace(default_layout(), region=random.random((256, 256)) < 0.9)


@pytest.mark.parametrize("layout", [default_layout(), ragged()], ids=["whole", "ragged"])
def test_normals_by_the_grid_are_those_of_any_mesh(layout: UVLayout) -> None:
    random = np.random.default_rng(1)
    bumpy = layout.canonical + random.normal(0, 0.05, (256, 256, 3)).astype(np.float32)
    vertices = layout.vertices(bumpy)
    expected = vertex_normals(vertices, layout.triangles)
    np.testing.assert_allclose(layout_normals(layout, vertices), expected, atol=1e-4)


def test_a_layout_with_triangles_of_its_own_keeps_to_them() -> None:
    layout = default_layout()
    other = replace(layout, explicit_triangles=layout.coarse_triangles)
    expected = vertex_normals(layout.canonical_vertices, layout.coarse_triangles)
    np.testing.assert_array_equal(layout_normals(other, layout.canonical_vertices), expected)
