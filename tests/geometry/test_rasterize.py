"""The z-buffer against an obvious twin, and what must hold for any picture of triangles."""

from __future__ import annotations

import warnings
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prnet.geometry.rasterize import Raster, interpolate, rasterize, rasterize_depth

HEIGHT, WIDTH = 11, 13
STEP = 1024  # the subpixel grid of rasterize
coordinates = st.one_of(
    st.integers(-3, 16).map(float),  # on pixel centres: the fill rule decides
    st.integers(-6, 32).map(lambda v: v / 2),
    st.floats(-4, 18, width=32),
)
points = st.tuples(coordinates, coordinates, st.floats(-50, 50, width=32))


def covers(corners: list[list[int]], x: int, y: int) -> bool:
    """Exact arithmetic: inside, or on a top or left edge of the clockwise triangle."""
    (x0, y0), (x1, y1), (x2, y2) = corners
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if area == 0:
        return False
    if area < 0:
        corners = corners[::-1]
    for (ax, ay), (bx, by) in pairwise([*corners, corners[0]]):
        value = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        top_left = by < ay or (by == ay and bx > ax)
        if value < 0 or (value == 0 and not top_left):
            return False
    return True


def twin(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> list[list[list[int]]]:
    """Which triangles cover each pixel, one at a time, in integers of the subpixel grid."""
    grid = np.rint(vertices[:, :2] * STEP).astype(int).tolist()
    return [
        [
            [
                index
                for index, triangle in enumerate(triangles)
                if covers([grid[v] for v in triangle], x * STEP, y * STEP)
            ]
            for x in range(WIDTH)
        ]
        for y in range(HEIGHT)
    ]


def plane_z(corners: NDArray[np.float64], x: int, y: int) -> float:
    """Height of the triangle's plane over a pixel."""
    xy = np.rint(corners[:, :2] * STEP) / STEP
    return float(np.linalg.solve(np.column_stack([xy, np.ones(3)]), corners[:, 2]) @ [x, y, 1])


def grid_mesh(size: int, height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A (size x size) grid of vertices over the whole picture, random inside."""
    rng = np.random.default_rng(size)
    y, x = np.mgrid[0:size, 0:size] / (size - 1)
    jitter = rng.uniform(-0.4, 0.4, (2, size, size)) / (size - 1)
    jitter[0][:, [0, -1]] = jitter[1][[0, -1]] = 0
    x, y = (x + jitter[0]) * width - 0.5, (y + jitter[1]) * height - 0.5
    first = (np.arange(size - 1)[:, None] * size + np.arange(size - 1)).ravel()
    triangles = np.concatenate(
        [
            np.stack([first, first + 1, first + size], 1),
            np.stack([first + 1, first + size + 1, first + size], 1),
        ]
    )
    return np.stack([x.ravel(), y.ravel(), np.zeros(size * size)], 1), triangles


def counted(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each pixel is covered when every triangle is drawn alone."""
    total = np.zeros((HEIGHT, WIDTH), np.int64)
    for triangle in triangles:
        total += rasterize(vertices, triangle[None], HEIGHT, WIDTH).mask
    return total


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(points, min_size=3, max_size=7), st.randoms(use_true_random=False))
def test_agrees_with_the_obvious_twin(vertex_list, random) -> None:
    vertices = np.array(vertex_list, np.float64)
    triangles = np.array([random.sample(range(len(vertices)), 3) for _ in range(4)])
    raster = rasterize(vertices, triangles, HEIGHT, WIDTH)
    for y, row in enumerate(twin(vertices, triangles)):
        for x, covering in enumerate(row):
            winner = int(raster.triangle_id[y, x])
            if not covering:
                assert winner == -1
                assert np.isneginf(raster.depth[y, x])
                assert not raster.barycentric[y, x].any()
                continue
            assert winner in covering
            # Slivers amplify rounding, so compare z with a bound that knows their slope.
            heights = {index: plane_z(vertices[triangles[index]], x, y) for index in covering}
            corners = vertices[triangles[winner]]
            assert corners[:, 2].min() - 1e-3 <= raster.depth[y, x] <= corners[:, 2].max() + 1e-3
            assert heights[winner] >= max(heights.values()) - 1e-3
            weights = raster.barycentric[y, x]
            assert weights.min() >= 0
            assert weights.sum() == pytest.approx(1, abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6, unique=True))
def test_shared_edges_are_covered_exactly_once(inner: list[tuple[float, float]]) -> None:
    """A polygon around the picture, split again and again at points inside its triangles."""
    vertices = [(-40.0, -40.0), (60.0, -45.0), (55.0, 70.0), (-50.0, 65.0)]
    triangles = [(0, 1, 2), (0, 2, 3)]
    for x, y in inner:
        point = (Fraction(round(x * STEP), STEP), Fraction(round(y * STEP), STEP))
        grid = [(Fraction(a), Fraction(b)) for a, b in vertices]
        for triangle in triangles:
            a, b, c = (grid[v] for v in triangle)
            sides = [
                (q[0] - p[0]) * (point[1] - p[1]) - (q[1] - p[1]) * (point[0] - p[0])
                for p, q in ((a, b), (b, c), (c, a))
            ]
            if min(sides) > 0:
                new, (i, j, k) = len(vertices), triangle
                vertices.append((float(point[0]), float(point[1])))
                triangles.remove(triangle)
                triangles += [(i, j, new), (j, k, new), (k, i, new)]
                break
    flat = np.column_stack([np.array(vertices), np.zeros(len(vertices))])
    assert (counted(flat, np.array(triangles)) == 1).all()


@pytest.mark.parametrize("shift", [(0, 0), (0.5, 0.5), (0.25, -1 / 3), (1 / 1024, 1e-4)])
def test_a_random_grid_covers_every_pixel_once(shift: tuple[float, float]) -> None:
    vertices, triangles = grid_mesh(9, HEIGHT + 4, WIDTH + 4)
    vertices[:, :2] += np.array(shift) - 2
    assert (counted(vertices, triangles) == 1).all()


def test_whole_pixel_shifts_shift_the_picture() -> None:
    rng = np.random.default_rng(3)
    vertices = rng.uniform(2, 12, (30, 3)).astype(np.float32)
    triangles = rng.integers(0, 30, (40, 3))
    here = rasterize(vertices, triangles, 20, 20)
    there = rasterize(vertices + np.array([4, 3, 0], np.float32), triangles, 20, 20)
    np.testing.assert_array_equal(there.triangle_id[3:, 4:], here.triangle_id[:-3, :-4])
    np.testing.assert_allclose(there.depth[3:, 4:], here.depth[:-3, :-4], atol=0.02)


def test_the_picture_is_a_window_on_the_plane() -> None:
    rng = np.random.default_rng(4)
    vertices = rng.normal(size=(60, 3)) * [12, 12, 5] + [15, 15, 0]
    triangles = rng.integers(0, 60, (80, 3))
    large = rasterize(vertices + np.array([40, 40, 0]), triangles, 110, 110)
    small = rasterize(vertices, triangles, 30, 30)
    np.testing.assert_array_equal(small.triangle_id, large.triangle_id[40:70, 40:70])
    np.testing.assert_allclose(small.barycentric, large.barycentric[40:70, 40:70], atol=1e-6)


def test_depth_of_a_slanted_plane_is_the_planes() -> None:
    vertices, triangles = grid_mesh(9, HEIGHT, WIDTH)
    vertices[:, :2] = np.rint(vertices[:, :2] * STEP) / STEP
    vertices[:, 2] = 3 * vertices[:, 0] - 2 * vertices[:, 1] + 7
    raster = rasterize(vertices, triangles, HEIGHT, WIDTH)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    np.testing.assert_allclose(raster.depth, 3 * x - 2 * y + 7, rtol=1e-6)


def test_interpolation_gives_back_positions() -> None:
    rng = np.random.default_rng(5)
    vertices = np.rint(rng.uniform(-5, 18, (25, 3)) * STEP) / STEP
    triangles = rng.integers(0, 25, (30, 3))
    raster = rasterize(vertices, triangles, HEIGHT, WIDTH)
    position = interpolate(raster, triangles, vertices)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    assert raster.mask.any()
    assert not raster.mask.all()
    np.testing.assert_allclose(position[raster.mask, 0], x[raster.mask], atol=1e-4)
    np.testing.assert_allclose(position[raster.mask, 1], y[raster.mask], atol=1e-4)
    np.testing.assert_allclose(position[raster.mask, 2], raster.depth[raster.mask], atol=1e-4)
    assert not position[~raster.mask].any()


def square(z: float) -> NDArray[np.float64]:
    return np.array([[1, 1, z], [8, 1, z], [1, 8, z]], np.float64)


def test_the_nearest_wins_and_ties_go_to_the_lower_index() -> None:
    vertices = np.concatenate([square(-2), square(-1), square(-1)])
    triangles = np.arange(9).reshape(3, 3)
    seen = rasterize(vertices, triangles, HEIGHT, WIDTH).triangle_id
    assert set(np.unique(seen)) == {-1, 1}


def test_culling_keeps_what_runs_counterclockwise_on_screen() -> None:
    clockwise, counterclockwise = np.array([[0, 1, 2]]), np.array([[0, 2, 1]])
    assert not rasterize(square(0), clockwise, HEIGHT, WIDTH, cull="back").mask.any()
    culled = rasterize(square(0), counterclockwise, HEIGHT, WIDTH, cull="back")
    both = rasterize(square(0), clockwise, HEIGHT, WIDTH)
    np.testing.assert_array_equal(culled.mask, both.mask)


def test_a_huge_triangle_fills_the_picture_with_its_plane() -> None:
    vertices = np.array([[-9e4, -9e4, 0], [18e4, -9e4, 0], [-9e4, 18e4, 27e4]])
    raster = rasterize(vertices, np.array([[0, 1, 2]]), 300, 400)
    assert raster.mask.all()
    y = np.arange(300)[:, None]
    np.testing.assert_allclose(raster.depth, np.broadcast_to(y + 9e4, (300, 400)), rtol=1e-6)


@pytest.mark.parametrize(
    "corners",
    [
        [[2, 2, 0], [2, 2, 0], [2, 2, 0]],  # a point
        [[1, 1, 0], [4, 4, 0], [9, 9, 0]],  # a line through pixel centres
        [[1, 3, 0], [9, 3, 0], [5, 3, 0]],
        [[np.nan, 3, 0], [9, 3, 0], [5, 9, 0]],
        [[0, 0, np.inf], [9, 3, 0], [5, 9, 0]],
        [[-np.inf, 0, 0], [9, 3, 0], [5, 9, 0]],
        [[-9, -9, 0], [-3, -9, 0], [-3, -2, 0]],  # outside
        [[1.2, 1.2, 0], [1.8, 1.2, 0], [1.2, 1.8, 0]],  # between pixel centres
    ],
)
def test_nothing_to_draw_is_drawn_silently(corners: list[list[float]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raster = rasterize(np.array(corners), np.array([[0, 1, 2]]), HEIGHT, WIDTH)
        interpolate(raster, np.array([[0, 1, 2]]), np.ones((3, 2)))
    assert_empty(raster)


def test_no_triangles_give_an_empty_picture() -> None:
    vertices, triangles = np.zeros((0, 3)), np.zeros((0, 3), int)
    raster = rasterize(vertices, triangles, HEIGHT, WIDTH)
    assert_empty(raster)
    assert not interpolate(raster, triangles, vertices).any()


def assert_empty(raster: Raster) -> None:
    assert (raster.triangle_id == -1).all()
    assert np.isneginf(raster.depth).all()
    assert not raster.barycentric.any()


def test_large_work_is_split_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    vertices, triangles = rng.uniform(-5, 60, (50, 3)), rng.integers(0, 50, (200, 3))
    whole = rasterize(vertices, triangles, 50, 55)
    monkeypatch.setattr("prnet.geometry.coverage._CHUNK", 500)
    monkeypatch.setattr("prnet.geometry.rasterize._BLOCK", 70)
    parts = rasterize(vertices, triangles, 50, 55)
    np.testing.assert_array_equal(parts.triangle_id, whole.triangle_id)
    np.testing.assert_array_equal(parts.depth, whole.depth)
    np.testing.assert_array_equal(parts.barycentric, whole.barycentric)


def test_depth_alone_is_the_same_depth() -> None:
    rng = np.random.default_rng(1)
    vertices = rng.uniform(-5, 45, (90, 3)).astype(np.float32)
    triangles = rng.integers(0, 90, (200, 3))
    for cull in ("none", "back"):
        whole = rasterize(vertices, triangles, 40, 30, cull=cull)
        alone = rasterize_depth(vertices, triangles, 40, 30, cull=cull)
        np.testing.assert_array_equal(alone, whole.depth)
