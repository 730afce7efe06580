"""UV layouts: which pixels of a position map are surface, and what lies where on it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, shortened
from prnet.files.arrays import Array, read_arrays, write_arrays
from prnet.geometry.camera import FLIP_Y, CameraFit, fit_weak_perspective, image_roll
from prnet.geometry.sampling import bilinear_weights
from prnet.packaged import DATA

_Fixed = TypeVar("_Fixed", NDArray[np.int32], NDArray[np.float32])
_Real = TypeVar("_Real", bound=np.floating[Any])
ZRule = Literal["landmark_mean", "minimum"]


MAP_SHAPE = (256, 256)


class Part(IntEnum):
    """What a pixel of the region belongs to."""

    OUTSIDE = 0
    FACE = 1
    EYES = 2
    NOSE = 3
    MOUTH = 4
    EARS = 5
    NECK = 6


_ARRAYS = {
    "name": Array(np.str_),
    "region": Array(np.bool_, MAP_SHAPE),
    "landmarks": Array(np.float32, (68, 2)),
    "parts": Array(np.uint8, MAP_SHAPE, below=len(Part)),
    "canonical": Array(np.float32, (*MAP_SHAPE, 3)),
    "z_rule": Array(np.str_),
    "explicit_triangles": Array(
        np.int32, ("T", 3), below=MAP_SHAPE[0] * MAP_SHAPE[1], optional=True
    ),
    "openings": Array(np.bool_, MAP_SHAPE, optional=True),
}


@dataclass(frozen=True, eq=False)
class UVLayout:
    """What the pixels of a position map mean. Rows go from forehead to neck, columns from the
    image's left to its right for a frontal face.

    region: (256, 256) bool, the pixels that are surface.
    landmarks: (68, 2) float32, iBUG order, sub-pixel (column, row).
    parts: (256, 256) uint8, values of `Part`.
    canonical: (256, 256, 3) float32, the mean face, upright and frontal, image axes (x right,
        y down, z nearer = larger), arbitrary unit; meaningful inside the region.
    z_rule: where z is 0 in maps of this layout: at the mean over the 68 landmarks, or at the
        minimum over the region (the 2018 release).
    explicit_triangles: (T, 3) int32 where the triangles are not those of the pixel grid.
    openings: (256, 256) bool, the pixels of the membranes that close eyes and mouth, where known.
    """

    name: str
    region: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    parts: NDArray[np.uint8]
    canonical: NDArray[np.float32]
    z_rule: ZRule = "landmark_mean"
    explicit_triangles: NDArray[np.int32] | None = None
    openings: NDArray[np.bool_] | None = None

    @property
    def size(self) -> int:
        return int(self.region.shape[0])

    @cached_property
    def vertex_pixels(self) -> NDArray[np.intp]:
        """(V, 2) int, the (row, column) of each vertex: the region's pixels in row-major order."""
        return np.argwhere(self.region)

    @cached_property
    def vertex_index(self) -> NDArray[np.int32]:
        """(256, 256) int32, the vertex at each pixel of the region, -1 elsewhere."""
        index = np.full(self.region.shape, -1, np.int32)
        index[self.region] = np.arange(len(self.vertex_pixels), dtype=np.int32)
        return index

    @cached_property
    def nearest_in_region(self) -> NDArray[np.intp]:
        """(256, 256): flat index of a region pixel that is nearest (king's moves)."""
        index = np.where(self.region, np.arange(self.region.size).reshape(self.region.shape), -1)
        rows, columns = index.shape
        while (index < 0).any():
            padded = np.pad(index, 1, constant_values=-1)
            around = [padded[r : r + rows, c : c + columns] for r in range(3) for c in range(3)]
            index = np.where(index < 0, np.maximum.reduce(around), index)
        return index

    def extended(self, values: NDArray[_Real]) -> NDArray[_Real]:
        """A map (256, 256, C) with the values of the region's edge repeated outside it."""
        return values.reshape(-1, values.shape[-1])[self.nearest_in_region]

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """(T, 3) int32 into the vertices, counter-clockwise seen from outside with y up.

        Every square of four region pixels gives two triangles, of three pixels one; the diagonals
        are mirrored about the middle column, so that the mesh is as symmetric as the face.
        """
        if self.explicit_triangles is not None:
            return _fixed(self.explicit_triangles.view())
        return _fixed(_grid_triangles(self.vertex_index))

    @cached_property
    def coarse_triangles(self) -> NDArray[np.int32]:
        """(T, 3) int32 into the vertices, wound as ``triangles``: a grid of every third pixel."""
        return self.sparse_triangles(3)

    def sparse_triangles(self, step: int) -> NDArray[np.int32]:
        """(T, 3) int32 into the vertices, wound as ``triangles``: a grid of every ``step``-th
        pixel, symmetric where that divides the map's last column, 255."""
        return _grid_triangles(self.vertex_index[::step, ::step])

    @cached_property
    def texture_coordinates(self) -> NDArray[np.float32]:
        """(V, 2) float32 in 0..1, u right and v up, at pixel centres."""
        rows, columns = self.vertex_pixels.T
        places = np.stack([(columns + 0.5) / self.size, 1 - (rows + 0.5) / self.size], axis=1)
        return _fixed(places.astype(np.float32))

    @cached_property
    def canonical_vertices(self) -> NDArray[np.float32]:
        """(V, 3) float32, the canonical map at the region's pixels."""
        return self.vertices(self.canonical)

    def vertices(self, position_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (256, 256) or (256, 256, C) -> (V,) or (V, C): its values in the region."""
        flat = position_map.reshape(self.region.size, *position_map.shape[2:])
        return flat.take(self._region_index, axis=0)  # a sixth of the time of a mask

    def spread(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the vertices (V,) -> a map (256, 256), 0 outside the region."""
        spread = np.zeros(self.region.shape, np.float32)
        spread.reshape(-1)[self._region_index] = values
        return spread

    @cached_property
    def _region_index(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.region)

    def sample_landmarks(self, position_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """Position map (..., 256, 256, 3) -> (..., 68, 3), bilinear at the landmarks."""
        pixels, shares = self._landmark_weights
        flat = position_map.reshape(*position_map.shape[:-3], -1, position_map.shape[-1])
        return np.asarray((flat[..., pixels, :] * shares[..., None]).sum(axis=-2), np.float32)

    @cached_property
    def canonical_landmarks(self) -> NDArray[np.float32]:
        """(68, 3) float32, the canonical map at the landmarks."""
        return _fixed(self.sample_landmarks(self.canonical))

    def image_roll(self, landmarks: NDArray[np.floating]) -> float:
        """Degrees by which a face with these landmarks (68, 3 or 2), image axes, is turned in the
        image; of them alone, which is quick with their depths."""
        return image_roll(self.landmarks_rotation(landmarks))

    def landmarks_rotation(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """(3, 3): a face's rotation by its landmarks alone, (68, 3 or 2), image axes."""
        if np.shape(landmarks)[1] == 2:
            head = self.canonical_landmarks * FLIP_Y
            return fit_weak_perspective(head, landmarks).rotation
        return self._landmarks_fit(landmarks).rotation

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether the map of a mirrored face is the face's with its columns the other way round."""
        mirrored = self.canonical[:, ::-1] * np.array([-1, 1, 1], np.float32)
        same_region = np.array_equal(self.region, self.region[:, ::-1])
        return same_region and np.allclose(self.canonical, mirrored, atol=1e-4)

    @cached_property
    def _landmarks_fit(self) -> CameraFit:
        return CameraFit(self.canonical_landmarks * FLIP_Y)

    @cached_property
    def _landmark_weights(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        return bilinear_weights(self.landmarks, self.size, self.size)

    def with_z_origin(self, position_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """The map (256, 256, 3) with z shifted to the layout's ``z_rule``."""
        moved = position_map.copy()
        moved[..., 2] -= self.z_origin(position_map)
        return moved

    def z_origin(self, position_map: NDArray[np.float32]) -> np.float32:
        """The z of a map (256, 256, 3) that is to be 0 by the layout's ``z_rule``."""
        z = position_map[..., 2:]
        if self.z_rule == "minimum":
            return np.float32(z[self.region].min())
        return np.float32(self.sample_landmarks(z).mean())

    def save(self, path: str | Path) -> None:
        """Write the layout as one ``.npz``, whole or not at all."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        write_arrays(path, {name: value for name, value in named.items() if value is not None})

    @classmethod
    def load(cls, path: str | Path) -> UVLayout:
        """Read a layout that `save` wrote; PrnetError for other and for damaged files."""
        values: dict[str, Any] = dict(read_arrays(path, _ARRAYS, "a UV layout (.npz)"))
        values["name"], z_rule = str(values["name"]), str(values["z_rule"])
        if z_rule not in get_args(ZRule):
            known = " or ".join(get_args(ZRule))
            raise PrnetError(f"{path}: expected a z_rule {known}, got '{shortened(z_rule, 40)}'")
        layout = cls(**values | {"z_rule": z_rule})
        _check_indices(layout, path)
        return layout


def _fixed(array: _Fixed) -> _Fixed:
    """The array, which nobody can change: it is the same for every face."""
    array.setflags(write=False)
    return array


def _check_indices(layout: UVLayout, path: str | Path) -> None:
    low, high = layout.landmarks.min(), layout.landmarks.max()
    if low < 0 or high > layout.size - 1:
        raise PrnetError(
            f"{path}: expected landmarks in 0..{layout.size - 1}, got {low:.6g}..{high:.6g}"
        )
    count, triangles = int(layout.region.sum()), layout.explicit_triangles
    if not count:
        raise PrnetError(f"{path}: expected a layout with pixels of a face, got an empty region")
    if triangles is not None and triangles.size and triangles.max() >= count:
        raise PrnetError(
            f"{path}: expected triangles of vertices below {count}, got {triangles.max()}"
        )


@lru_cache(maxsize=1)
def default_layout() -> UVLayout:
    """The layout of the package's own network."""
    return UVLayout.load(DATA / "uv_layout.npz")


def _grid_triangles(index: NDArray[np.int32]) -> NDArray[np.int32]:
    """Vertex index (H, W), -1 outside -> triangles (T, 3), square by square in row-major order."""
    top_left, top_right = index[:-1, :-1], index[:-1, 1:]
    bottom_left, bottom_right = index[1:, :-1], index[1:, 1:]
    # One square has four possible triangles, each leaving one corner out.
    without = {
        "top_left": np.stack([bottom_left, bottom_right, top_right], axis=-1),
        "top_right": np.stack([bottom_left, bottom_right, top_left], axis=-1),
        "bottom_left": np.stack([bottom_right, top_right, top_left], axis=-1),
        "bottom_right": np.stack([bottom_left, top_right, top_left], axis=-1),
    }
    kept = squares_triangles(index >= 0)
    stacked = np.stack([without[corner] for corner in kept], axis=2)
    return np.asarray(stacked[np.stack(list(kept.values()), axis=2)], np.int32)


def squares_triangles(region: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """For each corner of the squares of four pixels of a region (H, W): (H - 1, W - 1), which have
    the triangle without it."""
    left_half = np.arange(region.shape[1] - 1) * 2 < region.shape[1] - 2
    top, bottom = region[:-1], region[1:]
    corners = {
        "top_left": top[:, :-1],
        "top_right": top[:, 1:],
        "bottom_left": bottom[:, :-1],
        "bottom_right": bottom[:, 1:],
    }
    count = sum(corner.astype(int) for corner in corners.values())
    # The diagonal of a whole one rises from bottom left to top right in the left half.
    rising = {"top_left": True, "bottom_right": True, "top_right": False, "bottom_left": False}
    return {
        name: ((count == 3) & ~corner) | ((count == 4) & (left_half == rising[name]))
        for name, corner in corners.items()
    }
