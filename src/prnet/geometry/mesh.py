"""Properties of triangle meshes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", bound=np.floating)


def vertex_normals(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Unit normals (V, 3) float32 in the frame of ``vertices`` (V, 3), each the mean of the
    triangles' (T, 3) around it, weighted by area; 0 where there is none.

    Vertices are in the image frame (y down), triangles counter-clockwise seen from outside once y
    is up, as a face's are; the normals point outward.
    """
    corners = np.ascontiguousarray(triangles.T)
    x, y, z = np.ascontiguousarray(vertices.T, np.float32)
    (ax, ay, az), (bx, by, bz) = (
        [axis[corners[k]] - axis[corners[0]] for axis in (x, y, z)] for k in (1, 2)
    )
    areas = by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax  # outward, twice the areas
    normals = np.stack(
        [sum(np.bincount(corner, area, len(vertices)) for corner in corners) for area in areas],
        axis=1,
    )
    length = np.sqrt(np.einsum("ij,ij->i", normals, normals))
    return np.asarray(normals / np.maximum(length, 1e-12)[:, None], np.float32)


def triangle_normals(corners: NDArray[_Real]) -> NDArray[_Real]:
    """Unit normals (T, 3) of triangles (T, 3 corners, 3) by the right-hand rule, 0 of those without
    area."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return normals


def boundary_loops(polygons: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """Vertices of each loop of edges that belong to one polygon alone, along its polygons' edges.

    polygons (F, K); one of fewer corners repeats its last index.
    """
    edges = np.concatenate(
        [polygons[:, [i, (i + 1) % polygons.shape[1]]] for i in range(polygons.shape[1])]
    )
    pairs = dict.fromkeys(map(tuple, edges[edges[:, 0] != edges[:, 1]].tolist()))
    following: dict[int, list[int]] = {}
    for a, b in pairs:
        if (b, a) not in pairs:
            following.setdefault(a, []).append(b)
    loops = []
    for start, ends in following.items():
        while ends:
            loop = [start]
            while (vertex := following[loop[-1]].pop()) != start:
                loop.append(vertex)
            loops.append(np.array(loop))
    return loops
