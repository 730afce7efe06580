"""Face: one reconstructed face, and everything that follows from its position map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from prnet.boxes import Box
from prnet.camera import FLIP_Y, Pose, WeakPerspectiveCamera, fit_weak_perspective
from prnet.crop import CropTransform
from prnet.errors import PrnetError
from prnet.mesh import vertex_normals
from prnet.sampling import sample_bilinear
from prnet.uv import Part, UVLayout

if TYPE_CHECKING:
    from prnet.expression import Expression, ExpressionModel

TEXTURE_SIZE: Final = 512
"""Side of textures by default; it takes a face of about 300 pixels to fill one."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face of one image. Everything is in the pixels of the original image: x right, y down,
    pixel centres on integers; z in the same unit, larger is nearer the viewer.

    ``position_map``: (256, 256, 3) float32, UV pixel -> x, y, z. z is relative: for our layout
    the mean over the 68 landmarks is 0, for the 2018 layout the minimum is 0.
    ``layout``: what the UV pixels mean.  ``box``: where the detector (or caller) saw the face.
    ``crop``: the square that the network saw.
    ``image``: the photo, RGB uint8 (H, W, 3); only colours and textures need it.
    """

    position_map: NDArray[np.float32]
    layout: UVLayout
    box: Box
    crop: CropTransform
    image: NDArray[np.uint8] | None = None

    @classmethod
    def from_crop_map(
        cls,
        crop_map: NDArray[np.floating],
        *,
        crop: CropTransform,
        layout: UVLayout,
        box: Box,
        image: NDArray[np.uint8] | None = None,
    ) -> Face:
        """A network's position map (256, 256, 3) in crop pixels -> a face in image pixels, with
        the zero of z where the layout's rule puts it."""
        position_map = layout.with_z_origin(crop.to_image(crop_map).astype(np.float32))
        return cls(position_map, layout, box, crop, image)

    @property
    def score(self) -> float:
        """The detector's confidence; scales differ from detector to detector."""
        return self.box.score

    @cached_property
    def vertices(self) -> NDArray[np.float32]:
        """(V, 3) float32: the position map's values inside the region, row by row."""
        return self.layout.vertices(self.position_map)

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
        return vertex_normals(self.vertices, self.triangles)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """(68, 3) float32 in iBUG order."""
        return self.layout.sample_landmarks(self.position_map)

    @cached_property
    def camera(self) -> WeakPerspectiveCamera:
        """The camera that best takes the layout's canonical face (as head points, y up) to this
        face, in the least-squares sense over all vertices but the neck's, which moves by itself."""
        rigid = self.layout.parts[self.layout.region] != Part.NECK
        head = self.layout.canonical_vertices * FLIP_Y
        return fit_weak_perspective(head[rigid], self.vertices[rigid])

    @property
    def pose(self) -> Pose:
        """Yaw, pitch, roll in degrees; signs and order in :mod:`prnet.camera`."""
        return self.camera.pose

    @cached_property
    def facing_map(self) -> NDArray[np.float32]:
        """(256, 256) float32 in UV: cosine between the smoothed surface's normal and the direction
        to the camera, 0 outside the region; see :mod:`prnet.visibility`."""
        from prnet.visibility import facing_map

        return facing_map(self)

    @cached_property
    def visibility_map(self) -> NDArray[np.float32]:
        """(256, 256) float32 in UV, 1 where the camera sees the surface, 0 where the face hides it
        and outside the region; see :mod:`prnet.visibility`."""
        from prnet.visibility import visibility_map

        return visibility_map(self)

    @property
    def visibility(self) -> NDArray[np.float32]:
        """(V,) float32: ``visibility_map`` at the vertices."""
        return self.layout.vertices(self.visibility_map)

    def vertex_colors(self, image: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """(V, 3) uint8 RGB: the photo under each vertex, hidden ones included; vertices outside
        the picture take its nearest edge. ``image`` replaces the photo that the face carries."""
        image = self.image if image is None else image
        if image is None:
            raise PrnetError("expected an image to take the colours from, got a face without one")
        return np.rint(sample_bilinear(image, self.vertices)).astype(np.uint8)

    def texture(
        self,
        *,
        size: int = TEXTURE_SIZE,
        fill: bool = False,
        image: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB: the photo in UV; with ``fill``, hidden parts are taken from
        the mirrored half. ``image`` replaces the photo that the face carries."""
        from prnet.texture import texture

        return texture(self, size=size, fill=fill, image=image)

    def texture_mask(self, *, size: int = TEXTURE_SIZE) -> NDArray[np.float32]:
        """(size, size) float32: 1 where the texture shows the face, 0 where it is hidden or
        outside the picture, soft between."""
        from prnet.texture import texture_mask

        return texture_mask(self, size=size)

    def depth_map(
        self, *, crop_size: int | None = None, shape: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """(H, W) float32: z in pixels, larger is nearer, NaN where the face is not.

        Of the whole photo (``shape``: height and width for a face without one), or of the square
        that the network saw at ``crop_size`` pixels, z then in crop pixels too.
        """
        from prnet.render import crop_depth_map, depth_map

        if crop_size is not None:
            return crop_depth_map(self, crop_size)
        return depth_map([self], *self._picture_shape(shape))

    def normal_map(
        self, *, crop_size: int | None = None, shape: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """(H, W, 3) float32 unit normals, image axes, 0 where the face is not; of the photo or the
        crop, as :meth:`depth_map`."""
        from prnet.render import crop_normal_map, normal_map

        if crop_size is not None:
            return crop_normal_map(self, crop_size)
        return normal_map([self], *self._picture_shape(shape))

    def frontal(self) -> NDArray[np.float32]:
        """(V, 3) float32: the vertices rigidly aligned to the layout's canonical face, in its
        units and place; image axes. :meth:`render` draws this view."""
        from prnet.frontal import frontal_vertices

        return frontal_vertices(self)

    def render(
        self,
        *,
        yaw: float = 0.0,
        pitch: float = 0.0,
        size: int = 512,
        style: Literal["textured", "shaded"] = "textured",
        texture: NDArray[np.uint8] | None = None,
        background: tuple[int, int, int] = (255, 255, 255),
    ) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB: the face alone, looking ``yaw`` to the image's right and
        ``pitch`` up (degrees), without roll; (0, 0) is the frontal view. ``texture`` (N, N, 3)
        replaces the photo's."""
        from prnet.render import render_view

        return render_view(
            self,
            yaw=yaw,
            pitch=pitch,
            size=size,
            style=style,
            texture=texture,
            background=background,
        )

    def expression(self, model: ExpressionModel | str | Path) -> Expression:
        """How much of each named expression the face shows, 0..1, and its shape coefficients.
        ``model``: an ExpressionModel or its file; load it once for many faces."""
        from prnet.expression import ExpressionModel

        if not isinstance(model, ExpressionModel):
            model = ExpressionModel.load(model)
        return model.fit(self)

    def to_crop(self) -> NDArray[np.float32]:
        """The position map (256, 256, 3) in pixels of the crop that the network saw."""
        return self.crop.to_crop(self.position_map).astype(np.float32)

    def save(self, path: str | Path, kind: str | None = None) -> None:
        """Write the face; the suffix says what: .glb (mesh with texture), .obj and .ply (mesh with
        vertex colours), .txt .csv .pts (68 landmarks), .npz .mat (arrays), .json (description).
        ``kind`` picks another that has the suffix, "obj-texture" say; see :mod:`prnet.export`."""
        from prnet.export import save_face

        save_face(self, path, kind)

    def _picture_shape(self, shape: tuple[int, int] | None) -> tuple[int, int]:
        """Height and width: ``shape`` or the photo's."""
        if shape is not None:
            return shape
        if self.image is None:
            raise PrnetError("expected a shape (height, width), got none and a face without image")
        return self.image.shape[0], self.image.shape[1]
