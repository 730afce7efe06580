"""MappedFace: a position map with what its pixels mean and where it lies in the photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.geometry.boxes import Box
from prnet.geometry.camera import FLIP_Y, CameraFit, Pose, WeakPerspectiveCamera
from prnet.geometry.crop import CropTransform
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.normals import layout_normals
from prnet.layout.uv_layout import Part, UVLayout

if TYPE_CHECKING:
    from typing_extensions import Self

RIGID_STEP = 3
"""Of the vertices that poses are of: within 0.004 degrees of those of all vertices (130 faces), in
two fifths of the time. No divisor of the map's side, so that it comes by every column."""


@dataclass(frozen=True, eq=False)
class MappedFace:
    """A face of an image as arrays: what the functions of this package take. Everything is in the
    pixels of the original image: x right, y down, pixel centres on integers; z in the same unit,
    larger is nearer the viewer.

    ``position_map``: (256, 256, 3) float32, UV pixel -> x, y, z. z is relative: for our layout
    the mean over the 68 landmarks is 0, for the 2018 layout the minimum is 0.
    ``layout``: what the UV pixels mean.  ``box``: where the detector (or caller) saw the face.
    ``crop``: the square that the network saw.
    ``image``: the photo, RGB uint8 (H, W, 3); only colours and textures need it.
    ``source``: the photo's file, where it came from one; no result is written over it.
    ``presence``: 0..1, the network's opinion whether its crop shows a face, placed well enough;
    ``deviation``: (256, 256) float32 pixels, the standard deviation of a coordinate of each point
    of the map beside others' truth, as the network expects it. None where the network does not
    judge itself.
    ``track``: in a film, the person's number.
    """

    position_map: NDArray[np.float32] = field(repr=False)
    layout: UVLayout = field(repr=False)
    box: Box
    crop: CropTransform
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    source: Path | None = None
    presence: float | None = None
    deviation: NDArray[np.float32] | None = field(default=None, repr=False)
    track: int | None = None

    @classmethod
    def from_crop_map(
        cls,
        crop_map: NDArray[np.floating],
        *,
        crop: CropTransform,
        layout: UVLayout,
        box: Box,
        image: NDArray[np.uint8] | None = None,
        source: Path | None = None,
        presence: float | None = None,
        deviation: NDArray[np.floating] | None = None,
    ) -> Self:
        """A network's position map (256, 256, 3) in crop pixels -> a face in image pixels, with
        the zero of z where the layout's rule puts it; ``deviation`` (256, 256) in crop pixels."""
        position_map = crop.map_to_image(crop_map, zero=float(layout.z_origin(crop_map)))
        if deviation is not None:
            deviation = np.asarray(deviation / crop.scale, np.float32)
        return cls(position_map, layout, box, crop, image, source, presence, deviation)

    @property
    def score(self) -> float:
        """The detector's confidence; scales differ from detector to detector."""
        return self.box.score

    @cached_property
    def vertices(self) -> NDArray[np.float32]:
        """(V, 3) float32: the position map's values inside the region, row by row."""
        return self.layout.vertices(self.position_map)

    @cached_property
    def vertex_deviations(self) -> NDArray[np.float32] | None:
        """(V,) float32 pixels: ``deviation`` at the vertices."""
        return None if self.deviation is None else self.layout.vertices(self.deviation)

    @cached_property
    def landmark_deviations(self) -> NDArray[np.float32] | None:
        """(68,) float32 pixels: ``deviation`` at the landmarks."""
        if self.deviation is None:
            return None
        return self.layout.sample_landmarks(self.deviation[..., None])[:, 0]

    @property
    def triangles(self) -> NDArray[np.int32]:
        """(T, 3) int32 into ``vertices``; counter-clockwise seen from outside once y is up."""
        return self.layout.triangles

    @property
    def texture_coordinates(self) -> NDArray[np.float32]:
        """(V, 2) float32 in 0..1, u right and v up, one for each vertex."""
        return self.layout.texture_coordinates

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """(V, 3) float32 unit vectors that point out of the surface, image axes."""
        return layout_normals(self.layout, self.vertices)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """(68, 3) float32 in iBUG order."""
        return self.layout.sample_landmarks(self.position_map)

    @cached_property
    def camera(self) -> WeakPerspectiveCamera:
        """The camera that best takes the layout's canonical face (as head points, y up) to this
        face, in the least-squares sense over every third vertex but the neck's, which moves by
        itself."""
        return camera_of(self, RIGID_STEP)

    @property
    def pose(self) -> Pose:
        """Yaw, pitch, roll in degrees; signs and order in :mod:`prnet.geometry.camera`."""
        return self.camera.pose

    def vertex_colors(self, image: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """(V, 3) uint8 RGB: the photo under each vertex, hidden ones included; vertices outside
        the picture take its nearest edge. ``image`` replaces the photo that the face carries."""
        image = self.image if image is None else image
        if image is None:
            raise PrnetError("expected an image to take the colours from, got a face without one")
        return np.rint(sample_bilinear(image, self.vertices)).astype(np.uint8)

    def to_crop(self) -> NDArray[np.float32]:
        """The position map (256, 256, 3) in pixels of the crop that the network saw."""
        return self.crop.to_crop(self.position_map).astype(np.float32)


def camera_of(face: MappedFace, step: int) -> WeakPerspectiveCamera:
    """`MappedFace.camera`, of every ``step``-th vertex."""
    pixels, fit = _rigid_head(face.layout, step)
    return fit(face.position_map.reshape(-1, 3).take(pixels, axis=0))


@lru_cache(maxsize=8)
def _rigid_head(layout: UVLayout, step: int) -> tuple[NDArray[np.intp], CameraFit]:
    """Flat pixels (R,) of every ``step``-th vertex but the neck's, and what fits cameras to their
    places in the image (R, 3)."""
    pixels = np.flatnonzero(layout.region & (layout.parts != Part.NECK))[::step]
    return pixels, CameraFit(layout.canonical.reshape(-1, 3)[pixels] * FLIP_Y)


def size_of(face: MappedFace) -> float:
    """Pixels: the longer side of the box of the 68 landmarks, as they are turned."""
    x, y = face.landmarks[:, :2].T.tolist()  # for so few NumPy takes four times as long
    return float(max(max(x) - min(x), max(y) - min(y)))
