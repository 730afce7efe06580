"""Properties of triangle meshes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
