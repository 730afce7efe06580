"""Open edges of meshes."""

from __future__ import annotations

import numpy as np

from prnet.geometry.mesh import boundary_loops


def test_closed_meshes_have_no_loop() -> None:
    assert not boundary_loops(np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]]))


def test_loops_run_along_the_polygons_edges() -> None:
    """A quad and a triangle that repeats its last index, side by side."""
    (loop,) = boundary_loops(np.array([[0, 1, 2, 3], [1, 4, 2, 2]]))
    edges = set(zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True))
    assert edges == {(0, 1), (1, 4), (4, 2), (2, 3), (3, 0)}


def test_loops_that_touch_in_a_vertex_are_both_found() -> None:
    loops = boundary_loops(np.array([[0, 1, 2], [0, 3, 4]]))
    assert sum(map(len, loops)) == 6
