"""Meshes as the bytes of PLY files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ply_bytes(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colors: NDArray[np.uint8] | None = None,
    normals: NDArray[np.floating] | None = None,
) -> bytes:
    """Binary little-endian PLY of the same arrays as :func:`obj_bytes`, and normals (V, 3)."""
    columns: list[tuple[str, Iterable[str], NDArray[Any]]] = [("<f4", "xyz", vertices)]
    if normals is not None:
        columns.append(("<f4", ("nx", "ny", "nz"), normals))
    if colors is not None:
        columns.append(("u1", ("red", "green", "blue"), colors))
    fields = [(name, kind) for kind, names, _ in columns for name in names]
    points = np.empty(len(vertices), fields)
    for _, names, values in columns:
        for name, column in zip(names, values.T, strict=True):
            points[name] = column
    faces = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    kinds = {"<f4": "float", "u1": "uchar"}
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(points)}",
        *(f"property {kinds[kind]} {name}" for name, kind in fields),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode() + points.tobytes() + faces.tobytes()
