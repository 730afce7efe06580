"""STL, binary: a face as a solid with a flat back, to print or to mill as a relief."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.files.atomic import write_bytes
from prnet.formats.output import SaveOptions
from prnet.formats.surface import face_surface
from prnet.geometry.mesh import boundary_loops, triangle_normals
from prnet.mapped import MappedFace

BASE = 4.0
"""Millimetres of the solid behind the face's farthest point."""


def write_relief(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """Binary STL, millimetres, looking along +z, watertight: the surface, walls from its outline
    straight back, and a flat back on z = 0. Eyes and mouth are closed, whatever ``openings``."""
    surface = face_surface(
        face, "head", triangles=options.triangles, topology=options.topology, scale=options.scale_by
    )
    write_bytes(path, stl_bytes(*solid(surface.vertices, surface.triangles)))


def solid(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A surface (V, 3), (T, 3), y up, and what makes it a solid: vertices and triangles."""
    points = vertices - [0, 0, float(vertices[:, 2].min()) - BASE]
    parts, behind = [np.asarray(triangles, np.int64)], [points]
    count = len(points)
    for loop in boundary_loops(triangles):
        there = np.roll(loop, -1)
        back = count + np.arange(len(loop))
        next_back = np.roll(back, -1)
        centre = count + len(loop)
        parts += [
            np.stack([there, loop, back], axis=1),
            np.stack([there, back, next_back], axis=1),
            np.stack([next_back, back, np.full(len(loop), centre)], axis=1),
        ]
        flat = points[loop] * [1, 1, 0]
        behind += [flat, flat.mean(axis=0, keepdims=True)]
        count = centre + 1
    return np.concatenate(behind), np.concatenate(parts)


def stl_bytes(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> bytes:
    """Binary STL of triangles counter-clockwise seen from outside."""
    corners = np.asarray(vertices, np.float32)[triangles]
    facets = np.zeros(len(triangles), [("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")])
    facets["n"], facets["c"] = triangle_normals(corners), corners
    return b"prnet".ljust(80) + np.array(len(facets), "<u4").tobytes() + facets.tobytes()
