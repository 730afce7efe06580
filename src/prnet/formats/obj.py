"""Meshes as the bytes of OBJ files and of their material."""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


def obj_bytes(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colors: NDArray[np.uint8] | None = None,
) -> bytes:
    """Wavefront OBJ text of vertices (V, 3), triangles (T, 3) and colours (V, 3) uint8 or None."""
    columns = [_text_columns(vertices, decimals=3)]
    if colors is not None:
        columns.append(_text_columns(colors / 255, decimals=4))
    return _text_rows("v", columns) + _remembered(triangles, _faces)


def textured_obj_bytes(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    *,
    texture_coordinates: NDArray[np.floating],
    normals: NDArray[np.floating],
    material_file: str,
) -> bytes:
    """Wavefront OBJ text whose vertices have texture coordinates (V, 2), u right and v up, and
    normals (V, 3), and whose triangles use the material of :func:`mtl_bytes`."""
    return (
        f"mtllib {material_file}\n".encode()
        + _text_rows("v", [_text_columns(vertices, decimals=3)])
        + _remembered(texture_coordinates, _texture_rows)
        + _text_rows("vn", [_text_columns(normals, decimals=4)])
        + f"usemtl {MATERIAL}\n".encode()
        + _remembered(triangles, _textured_faces)
    )


def _faces(triangles: NDArray[np.integer]) -> bytes:
    return _text_rows("f", [_text_columns(triangles + 1, decimals=0)])


def _textured_faces(triangles: NDArray[np.integer]) -> bytes:
    slash = np.full((len(triangles), 1), ord("/"), np.uint8)
    corners = []
    for corner in (triangles + 1).T:
        number = _text_columns(corner[:, None], decimals=0)
        corners += [number, slash, number[:, 1:], slash, number[:, 1:]]  # without their spaces
    return _text_rows("f", corners)


def _texture_rows(texture_coordinates: NDArray[np.floating]) -> bytes:
    return _text_rows("vt", [_text_columns(texture_coordinates, decimals=6)])


_Writer = Callable[[NDArray[Any]], bytes]
_KNOWN: Final[dict[tuple[int, _Writer], tuple[weakref.ref[NDArray[Any]], bytes]]] = {}


def _remembered(array: NDArray[Any], write: _Writer) -> bytes:
    """``write(array)``, kept as long as the array is where nobody can change it: a layout's
    triangles are the same for every face, and most of a file's text."""
    if array.flags.writeable:
        return write(array)
    key = id(array), write
    known = _KNOWN.get(key)
    if known is None or known[0]() is not array:
        found = weakref.ref(array, lambda _: _KNOWN.pop(key, None))
        known = _KNOWN[key] = found, write(array)
    return known[1]


MATERIAL = "face"

_NOT_IN_NAMES: Final = frozenset("#%\\\"'/:*?<>|$`")
"""Of comments, paths, quotes, addresses and patterns, to some reader or other."""


def readable_by_all(path: Path) -> Path:
    """``path``, its name such that an OBJ or MTL file can say it: these formats know no quotes,
    MeshLab takes a name up to its first space, and a line ends at a line feed. Where signs were
    replaced, some of the name's hash keeps it apart from others."""
    bad = [sign.isspace() or not sign.isprintable() or sign in _NOT_IN_NAMES for sign in path.stem]
    bad[0] |= path.stem[0] == "-"  # begins an option
    if not any(bad):
        return path
    stem = "".join("_" if wrong else sign for sign, wrong in zip(path.stem, bad, strict=True))
    digest = hashlib.sha256(os.fsencode(path.stem)).hexdigest()
    return path.with_name(f"{stem}-{digest[:6]}{path.suffix}")


def mtl_bytes(texture_file: str) -> bytes:
    """Material with a picture, evenly lit; the path is relative to the file's own folder."""
    lines = [f"newmtl {MATERIAL}", "Ka 1 1 1", "Kd 1 1 1", "Ks 0 0 0", "illum 1"]
    return "\n".join([*lines, f"map_Kd {texture_file}\n"]).encode()


def _text_columns(values: NDArray[Any], *, decimals: int) -> NDArray[np.uint8]:
    """Numbers (N, C) -> their text (N, bytes), a space before each; 0 marks unused bytes.

    Python's own formatting takes three times as long for a mesh of 60,000 vertices.
    """
    scaled = np.rint(np.abs(values) * 10**decimals).astype(np.int64)[..., None]
    width = max(len(str(scaled.max(initial=0))), decimals + 1)
    powers = 10 ** np.arange(width - 1, -1, -1)
    digits = (scaled // powers % 10 + ord("0")).astype(np.uint8)
    leading = powers[: width - decimals - 1]
    digits[..., : len(leading)][scaled < leading] = 0
    space = np.full_like(scaled, ord(" "), np.uint8)
    minus = np.where((values < 0)[..., None] & (scaled > 0), ord("-"), 0).astype(np.uint8)
    parts = [space, minus, digits]
    if decimals:
        point = np.full_like(scaled, ord("."), np.uint8)
        parts[2:] = [digits[..., :-decimals], point, digits[..., -decimals:]]
    return np.concatenate(parts, axis=-1).reshape(len(values), -1)


def _text_rows(keyword: str, columns: list[NDArray[np.uint8]]) -> bytes:
    """Rows of text: the keyword, the columns, a line feed."""
    rows = len(columns[0])
    first = np.broadcast_to(np.frombuffer(keyword.encode(), np.uint8), (rows, len(keyword)))
    last = np.full((rows, 1), ord("\n"), np.uint8)
    text = np.concatenate([first, *columns, last], axis=1).ravel()
    return bytes(text[text != 0].data)
