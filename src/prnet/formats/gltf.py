"""glTF 2.0 in its binary form (GLB): one mesh, one node, at most one picture; morph targets and
one animation where they are wanted.

Source: Khronos, "glTF 2.0 specification", sections 3 (model) and 4 (GLB layout).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPONENTS = {"f4": 5126, "u4": 5125, "u2": 5123}
"""Kinds of numbers in arrays."""
SHORT_INDICES = 2**16 - 1
"""So many vertices can be counted by 16 bits: their largest number is no index."""
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP_TO_EDGE = 9729, 9987, 33071
SKIN_COLOUR = (0.8, 0.6, 0.5, 1.0)
"""Of meshes without a picture."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Morph targets: ``names`` (T,), ``offsets`` (T, V, 3) of the vertices at weight 1."""

    names: tuple[str, ...]
    offsets: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Motion:
    """N moments of an animation: ``seconds`` (N,), rising; the node's ``rotation`` (N, 4), unit
    quaternions x, y, z, w, ``translation`` (N, 3) in metres, ``scale`` (N,); ``weights`` (N, T)."""

    seconds: NDArray[np.floating]
    rotation: NDArray[np.floating]
    translation: NDArray[np.floating]
    scale: NDArray[np.floating]
    weights: NDArray[np.floating]


def glb_bytes(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    *,
    normals: NDArray[np.floating],
    texture_coordinates: NDArray[np.floating],
    picture: bytes | None = None,
    rotation: Sequence[float] = (0.0, 0.0, 0.0, 1.0),
    name: str = "face",
    extras: Mapping[str, Any] | None = None,
    targets: Targets | None = None,
    motion: Motion | None = None,
) -> bytes:
    """GLB of vertices (V, 3) in metres, y up and the front toward +z, triangles (T, 3)
    counter-clockwise seen from outside, unit normals (V, 3), texture coordinates (V, 2), u right
    and v **up**.

    ``picture``: a PNG or JPEG file's bytes.  ``rotation``: the node's, a quaternion x, y, z, w.
    ``extras``: anything for JSON, kept with the node.  ``motion``: instead of ``rotation``, which
    is its first.
    """
    u, v = np.asarray(texture_coordinates, np.float32).T
    binary = _Binary()
    position = binary.add_array(np.asarray(vertices, np.float32), ARRAY_BUFFER, bounds=True)
    attributes = {
        "POSITION": position,
        "NORMAL": binary.add_array(np.asarray(normals, np.float32), ARRAY_BUFFER),
        "TEXCOORD_0": binary.add_array(np.stack([u, 1 - v], axis=1), ARRAY_BUFFER),
    }
    counted = np.uint16 if len(vertices) <= SHORT_INDICES else np.uint32
    indices = binary.add_array(np.asarray(triangles, counted).reshape(-1), ELEMENT_ARRAY_BUFFER)
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "prnet"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0, "rotation": [float(q) for q in rotation]}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": surface, "doubleSided": True}],
    }
    if extras:
        document["nodes"][0]["extras"] = dict(extras)
    if targets is not None:
        _add_targets(document["meshes"][0], targets, binary)
    if motion is not None:
        _add_motion(document, motion, binary)
    if picture is None:
        surface["baseColorFactor"] = list(SKIN_COLOUR)
    else:
        kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        surface["baseColorTexture"] = {"index": 0}
        document["images"] = [{"bufferView": binary.add(picture), "mimeType": kind}]
        document["samplers"] = [
            {
                "magFilter": LINEAR,
                "minFilter": LINEAR_MIPMAP_LINEAR,
                "wrapS": CLAMP_TO_EDGE,
                "wrapT": CLAMP_TO_EDGE,
            }
        ]
        document["textures"] = [{"source": 0, "sampler": 0}]
    document["accessors"], document["bufferViews"] = binary.accessors, binary.views
    document["buffers"] = [{"byteLength": len(binary.data)}]
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = _chunk(b"JSON", text, b" ") + _chunk(b"BIN\0", bytes(binary.data), b"\0")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _add_targets(mesh: dict[str, Any], targets: Targets, binary: _Binary) -> None:
    """Names are where Blender, three.js and others look for them: in the mesh's extras."""
    offsets = np.asarray(targets.offsets, np.float32)
    mesh["primitives"][0]["targets"] = [
        {"POSITION": binary.add_array(each, ARRAY_BUFFER, bounds=True)} for each in offsets
    ]
    mesh["extras"] = {"targetNames": list(targets.names)}
    mesh["weights"] = [0.0] * len(offsets)


def _add_motion(document: dict[str, Any], motion: Motion, binary: _Binary) -> None:
    tracks = {
        "rotation": motion.rotation,
        "translation": motion.translation,
        "scale": np.repeat(np.asarray(motion.scale)[:, None], 3, axis=1),
        "weights": motion.weights,
    }
    node = document["nodes"][0]
    moments = binary.add_array(np.asarray(motion.seconds, np.float32), bounds=True)
    samplers, channels = [], []
    for path, values in tracks.items():
        if not np.size(values):
            continue
        array = np.asarray(values, np.float32)
        if path == "weights":
            document["meshes"][0]["weights"] = array[0].tolist()
            array = array.ravel()
        else:
            node[path] = array[0].tolist()
        samplers.append({"input": moments, "output": binary.add_array(array)})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": 0, "path": path}})
    document["animations"] = [{"name": node["name"], "samplers": samplers, "channels": channels}]


def quaternions(rotations: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotations (N, 3, 3) in turn -> unit quaternions (N, 4), each the nearer to the one before of
    the two that mean the same: so what lies between them turns the short way."""
    found = np.array([quaternion(each) for each in rotations]).reshape(-1, 4)
    for before, each in pairwise(found):
        if before @ each < 0:
            each *= -1
    return found


def quaternion(rotation: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """Rotation (3, 3) -> unit quaternion x, y, z, w with w >= 0.

    The eigenvector of Bar-Itzhack, "New method for extracting the quaternion from a rotation
    matrix", JGCD 2000: no case distinctions.
    """
    r = np.asarray(rotation, np.float64)
    symmetric = np.zeros((4, 4))
    symmetric[:3, :3] = r + r.T - np.trace(r) * np.eye(3)
    symmetric[3, :3] = symmetric[:3, 3] = [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]
    symmetric[3, 3] = np.trace(r)
    unit = np.clip(np.linalg.eigh(symmetric)[1][:, -1], -1, 1)  # readers refuse 1 + 2e-16
    x, y, z, w = (float(q) for q in (-unit if unit[3] < 0 else unit))
    return x, y, z, w


class _Binary:
    """The binary chunk in the making, with the JSON entries that describe its parts."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, part: bytes, target: int | None = None) -> int:
        """Index of the buffer view that holds ``part``."""
        self.data += bytes(-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(part)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += part
        return len(self.views) - 1

    def add_array(
        self, array: NDArray[Any], target: int | None = None, *, bounds: bool = False
    ) -> int:
        """Index of the accessor for float32 (N,) or (N, 2, 3 or 4), uint32 or uint16 (N,)."""
        shape = "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}"
        accessor: dict[str, Any] = {
            "bufferView": self.add(array.tobytes(), target),
            "componentType": COMPONENTS[array.dtype.str[1:]],
            "count": len(array),
            "type": shape,
        }
        if bounds:
            accessor["min"] = np.atleast_1d(array.min(axis=0)).tolist()
            accessor["max"] = np.atleast_1d(array.max(axis=0)).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _chunk(kind: bytes, data: bytes, padding: bytes) -> bytes:
    data += padding * (-len(data) % 4)
    return struct.pack("<I4s", len(data), kind) + data
