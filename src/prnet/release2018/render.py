"""The pictures of the 2018 release's ``utils.render`` and ``utils.render_app``, and the depth
labels of its fork for face anti-spoofing (``utils.depth_image``): their arguments, our z-buffer.

Where the release gives a triangle one value (its corners' mean), values are interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.rasterize import interpolate, rasterize, rasterize_depth
from prnet.release2018.given import given_array, given_size, given_triangles

SEEN_WITHIN = 2.0
"""Pixels behind the nearest surface at which a vertex counts as seen, as in the release."""

Floats = NDArray[np.floating]


def render_texture(
    vertices: Floats,
    colors: Floats,
    triangles: NDArray[np.integer],
    h: int,
    w: int,
    c: int = 3,
) -> NDArray[np.float64]:
    """Vertices (3, V), colours (c, V), triangles (3, T) -> (h, w, c) of the release's type, which
    OpenCV wants equal when pictures are joined; 0 where nothing is. x right, y down, the larger z
    wins; triangles are seen from both sides."""
    points = given_array(vertices, "vertices", 3, "V").T
    shades = given_array(colors, "colours", c, points.shape[0]).T
    corners = np.ascontiguousarray(given_triangles(np.transpose(triangles), len(points)))
    h, w = given_size(h, w)
    raster = rasterize(np.asarray(points, np.float64), corners, h, w)
    drawn = interpolate(raster, corners, np.asarray(shades, np.float32))
    return drawn.astype(np.float64)


def get_depth_image(
    vertices: Floats, triangles: NDArray[np.integer], h: int, w: int, isShow: bool = False
) -> NDArray[np.float64]:
    """Vertices (V, 3), triangles (T, 3) -> z (h, w), 0 where nothing is; ``isShow``: over its
    largest, so that white is nearest."""
    vertices = given_array(vertices, "vertices", "V", 3)
    z = vertices[:, 2] / (np.max(vertices[:, 2]) if isShow else 1)
    return render_texture(vertices.T, z[None], triangles.T, h, w, 1)[..., 0]


def get_visibility(
    vertices: Floats, triangles: NDArray[np.integer], h: int, w: int
) -> NDArray[np.float32]:
    """(V,): 1 for vertices at most 2 pixels behind the surface that the picture (h, w) shows there,
    and for two rings of triangles around them; 0 for the others and those outside."""
    vertices = given_array(vertices, "vertices", "V", 3)
    triangles = given_triangles(triangles, len(vertices))
    h, w = given_size(h, w)
    depth = rasterize_depth(vertices, triangles, h, w)
    column, row = np.rint(vertices[:, :2]).T.astype(int)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    seen = np.zeros(len(vertices), bool)
    surface = depth[row[inside], column[inside]]
    seen[inside] = vertices[inside, 2] >= surface - SEEN_WITHIN
    for _ in range(2):
        seen[triangles[seen[triangles].any(axis=1)]] = True
    return seen.astype(np.float32)


def get_uv_mask(
    vertices_vis: Floats,
    triangles: NDArray[np.integer],
    uv_coords: Floats,
    h: int,
    w: int,
    resolution: int,
) -> NDArray[np.float32]:
    """(resolution, resolution) in UV: 1 where visible vertices (V,) are, small holes closed, shrunk
    by eight pixels. ``uv_coords`` (V, 3): column, row, 0."""
    uv_coords = given_array(uv_coords, "uv_coords", "V", 3)
    values = given_array(vertices_vis, "vertices_vis", len(uv_coords))[None]
    drawn = render_texture(uv_coords.T, values, triangles.T, resolution, resolution, 1)
    mask = drawn[..., 0] > 0
    for erosions in (1, 3):
        mask = _extreme(_extreme(mask, 3, np.logical_or), 3, np.logical_and)
        for _ in range(erosions):
            mask = _extreme(mask, 4, np.logical_and)
    return mask.astype(np.float32)


def generate_depth_image(
    vertices: Floats, kpt: object, shape: Sequence[int], isMedFilter: bool = False
) -> NDArray[np.uint8]:
    """Depth label (shape[0], shape[1]) uint8: z of the vertices (V, 3) from 0, the farthest, to
    255, the nearest; 0 where no face is. ``kpt`` and ``isMedFilter`` are taken and not needed.

    ``vertices`` are those of :meth:`prnet.release2018.PRN.get_vertices`, whose triangles hide what
    is behind them; the fork interpolated between all vertices, hidden ones too, and filled holes.
    """
    from prnet.release2018.resample import to_2018

    target = to_2018().target
    vertices = given_array(vertices, "vertices", len(target.canonical_vertices), 3)
    height, width = given_size(*given_array(shape, "a shape", "N")[:2])
    depth = rasterize_depth(vertices, target.triangles, height, width, cull="back")
    low, high = float(vertices[:, 2].min()), float(vertices[:, 2].max())
    grey = 255 * (depth - low) / (high - low + 1e-3)
    return np.where(np.isneginf(depth), 0, grey).astype(np.uint8)


def _extreme(mask: NDArray[np.bool_], side: int, join: np.ufunc) -> NDArray[np.bool_]:
    """``join`` over squares of ``side`` pixels; outside is no face."""
    before = side // 2
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (before, side - 1 - before)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, padding), side, axis)
        mask = np.asarray(join.reduce(windows, axis=-1), bool)
    return mask
