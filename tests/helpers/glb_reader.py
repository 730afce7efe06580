"""A small reader of GLB files: morph targets and animation, which trimesh leaves out."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


class Animated:
    """``vertices`` (V, 3), ``triangles`` (T, 3); ``names``, ``offsets`` (T, V, 3) of the targets;
    ``seconds`` (N,) and, by path, the animation's values (N, ...)."""

    def __init__(self, data: bytes) -> None:
        (length,) = struct.unpack_from("<I", data, 12)
        self.document: dict[str, Any] = json.loads(data[20 : 20 + length])
        self._binary = data[28 + length :]
        mesh = self.document["meshes"][0]
        (surface,) = mesh["primitives"]
        self.vertices = self._array(surface["attributes"]["POSITION"])
        self.triangles = self._array(surface["indices"]).reshape(-1, 3)
        self.names = mesh.get("extras", {}).get("targetNames", [])
        self.offsets = np.array(
            [self._array(target["POSITION"]) for target in surface.get("targets", [])]
        ).reshape(-1, *self.vertices.shape)
        (animation,) = self.document["animations"]
        self.moved: dict[str, NDArray[Any]] = {}
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            self.seconds = self._array(sampler["input"])
            values = self._array(sampler["output"])
            self.moved[channel["target"]["path"]] = values.reshape(len(self.seconds), -1)

    def at(self, moment: int) -> NDArray[np.floating]:
        """(V, 3) in the scene."""
        shape = self.vertices.copy()
        if len(self.offsets):
            shape += np.tensordot(self.moved["weights"][moment], self.offsets, 1)
        x, y, z, w = self.moved["rotation"][moment]
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        scaled = shape * self.moved["scale"][moment]
        return np.asarray(scaled @ rotation.T + self.moved["translation"][moment])

    def _array(self, number: int) -> NDArray[Any]:
        accessor = self.document["accessors"][number]
        view = self.document["bufferViews"][accessor["bufferView"]]
        width = WIDTHS[accessor["type"]]
        kind = {5126: np.float32, 5125: np.uint32, 5123: np.uint16}[accessor["componentType"]]
        values = np.frombuffer(
            self._binary, kind, accessor["count"] * width, view["byteOffset"]
        ).reshape(-1, width)
        if "min" in accessor:
            np.testing.assert_array_equal(values.min(axis=0), accessor["min"])
            np.testing.assert_array_equal(values.max(axis=0), accessor["max"])
        return values[:, 0] if width == 1 else values
