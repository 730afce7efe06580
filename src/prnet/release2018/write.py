"""Meshes as the 2018 release's ``utils.write`` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.files.atomic import write_bytes
from prnet.formats.meshes import save_textured_obj
from prnet.formats.obj import obj_bytes
from prnet.formats.surface import Surface
from prnet.geometry.camera import FLIP_Y
from prnet.geometry.mesh import vertex_normals
from prnet.release2018.given import given_array, given_triangles


def write_obj_with_colors(
    obj_name: str | Path,
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colors: NDArray[np.floating],
) -> None:
    """OBJ of vertices (V, 3), triangles (T, 3), whose corners are written last to first, as the
    release does for y turned up, and colours (V, 3), written as they are (0..1, say)."""
    vertices = given_array(vertices, "vertices", "V", 3)
    colors = given_array(colors, "colours", len(vertices), 3)
    corners = given_triangles(triangles, len(vertices))[:, ::-1]
    rows = obj_bytes(vertices, corners).decode().split("\n")
    shades = (" {:.4f} {:.4f} {:.4f}".format(*color) for color in colors.astype(float))
    rows[: len(vertices)] = [
        row + shade for row, shade in zip(rows[: len(vertices)], shades, strict=True)
    ]
    write_bytes(_as_obj(obj_name), "\n".join(rows).encode())


def write_obj_with_texture(
    obj_name: str | Path,
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    texture: NDArray[Any],
    uv_coords: NDArray[np.floating],
) -> None:
    """OBJ with ``.mtl`` and ``_texture.png`` beside it. ``texture`` (N, N, 3): floats 0..1 or
    uint8; ``uv_coords`` (V, 2 or 3): column and row over the texture's side, 0..1, row down."""
    path = _as_obj(obj_name)
    points = np.asarray(given_array(vertices, "vertices", "V", 3), np.float64)
    texture = given_array(texture, "a texture", "N", "N", 3)
    uv_coords = given_array(uv_coords, "uv_coords", len(points), "2 or 3")
    if texture.dtype != np.uint8:
        texture = np.rint(255 * np.clip(texture, 0, 1)).astype(np.uint8)
    corners = np.ascontiguousarray(given_triangles(triangles, len(points))[:, ::-1], np.int32)
    surface = Surface(
        vertices=points,
        triangles=corners,
        normals=vertex_normals(points * FLIP_Y, corners) * FLIP_Y,
        texture_coordinates=np.c_[uv_coords[:, 0], 1 - uv_coords[:, 1]].astype(np.float32),
    )
    save_textured_obj(path, surface, texture, picture=path.with_name(f"{path.stem}_texture.png"))


def _as_obj(name: str | Path) -> Path:
    path = Path(name)
    return path if path.suffix == ".obj" else path.with_name(f"{path.name}.obj")
