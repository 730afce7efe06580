"""Textured head models of real people, in one topology: true surfaces, to be seen from any side.

A folder of them holds ``heads.npz``
    ids (N,) names; vertices (N, V, 3) int16, 1/8192 of a head unit, in the head frame of
        :mod:`prnet.geometry.camera` (x to the image's right, y up, z out of the face)
    triangles (T, 3) counter-clockwise from outside; uv (U, 2) in 0..1, v up, uv_triangles (T, 3)
    landmark68_vertices, landmark68_weights (68, 3): where the iBUG landmarks lie
and the pictures ``textures/ID.jpg`` in ``textures.zip`` or as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.files.arrays import Array, read_arrays
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import WeakPerspectiveCamera
from prnet.geometry.rasterize import interpolate, rasterize
from prnet.geometry.sampling import sample_bilinear

UNIT = 8192
HELD_OUT_EVERY = 5
"""Of the heads in the file's order, the first and every fifth after it are never trained on."""

_ARRAYS = {
    "ids": Array(np.str_, ("N",)),
    "vertices": Array(np.int32, ("N", "V", 3)),
    "triangles": Array(np.int32, ("T", 3), below="V"),
    "uv": Array(np.float32, ("U", 2)),
    "uv_triangles": Array(np.int32, ("T", 3), below="U"),
    "landmark68_vertices": Array(np.int32, (68, 3), below="V"),
    "landmark68_weights": Array(np.float32, (68, 3)),
}


@dataclass(frozen=True, eq=False)
class TexturedHead:
    """vertices (V, 3) in the head frame; triangles, uv_triangles (T, 3); uv (U, 2), v up;
    texture (H, W, 3) uint8; landmarks (68, 3) on the surface."""

    name: str
    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    uv: NDArray[np.float32]
    uv_triangles: NDArray[np.int32]
    texture: NDArray[np.uint8]
    landmarks: NDArray[np.float64]

    def render(
        self,
        camera: WeakPerspectiveCamera,
        height: int,
        width: int,
        *,
        background: NDArray[np.uint8] | None = None,
        finer: int = 2,
    ) -> NDArray[np.uint8]:
        """The head as the camera sees it, (height, width, 3) uint8 over ``background`` (the same
        shape; by default black), in the texture's own light; each pixel is the mean of ``finer``
        squared."""
        placed = camera.project(self.vertices)
        placed[:, :2] = (placed[:, :2] + 0.5) * finer - 0.5
        raster = rasterize(placed, self.triangles, height * finer, width * finer, cull="back")
        corners = np.arange(3 * len(self.triangles)).reshape(-1, 3)
        place = interpolate(raster, corners, self._texture_places)
        colours = np.zeros(place.shape, np.float32)
        colours[raster.mask] = sample_bilinear(self.texture, place[raster.mask])
        shape = height, finer, width, finer
        colours = colours.reshape(*shape, 3).sum(axis=(1, 3))
        shown = raster.mask.reshape(shape).sum(axis=(1, 3))[..., None]
        if background is not None:
            colours += (finer**2 - shown) * background
        return np.asarray(np.rint(colours / finer**2), np.uint8)

    @cached_property
    def _texture_places(self) -> NDArray[np.float32]:
        """(3 T, 3): column and row of the texture at each triangle's corners."""
        height, width = self.texture.shape[:2]
        u, v = self.uv[self.uv_triangles.ravel()].T
        places = [u * width - 0.5, (1 - v) * height - 0.5, np.zeros_like(u)]
        return np.stack(places, axis=1).astype(np.float32)


class HeadSet:
    """The heads of a folder; ``names`` in the file's order."""

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder) / "heads.npz"
        self._arrays = read_arrays(path, _ARRAYS, "textured heads (.npz)")
        self.names = [str(name) for name in self._arrays["ids"]]
        self._textures = PhotoStore(folder)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> TexturedHead:
        arrays, name = self._arrays, self.names[index]
        vertices = arrays["vertices"][index] / UNIT
        corners = vertices[arrays["landmark68_vertices"]]
        return TexturedHead(
            name=name,
            vertices=vertices,
            triangles=arrays["triangles"],
            uv=arrays["uv"],
            uv_triangles=arrays["uv_triangles"],
            texture=self._textures[f"textures/{name}.jpg"],
            landmarks=(corners * arrays["landmark68_weights"][..., None]).sum(axis=1),
        )

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """(N,): kept for scoring."""
        return np.asarray(np.arange(len(self)) % HELD_OUT_EVERY == 0)
