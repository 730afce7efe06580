"""Face: what a Reconstructor returns. A MappedFace with everything that follows from it at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.frontal import frontal_vertices
from prnet.appearance.render import WHITE, Colour, Style, depth_map_of, normal_map_of, render_view
from prnet.appearance.texture import TEXTURE_SIZE, texture, texture_mask
from prnet.appearance.visibility import facing_map, visibility_map
from prnet.facemodel.expression import Expression, ExpressionModel
from prnet.formats.output import save_options
from prnet.formats.table import save_face
from prnet.geometry.camera import image_roll, pose_from_rotation
from prnet.layout.schemes import PointScheme, scheme_points
from prnet.mapped import MappedFace


@dataclass(frozen=True, eq=False)
class Face(MappedFace):
    """One face of one image, as :class:`prnet.mapped.MappedFace`, with its outputs as methods.

    Each is one call of a function that takes any MappedFace and stands where its docstring says.
    """

    @cached_property
    def landmarks_rotation(self) -> NDArray[np.float64]:
        """(3, 3): :meth:`UVLayout.landmarks_rotation`."""
        return self.layout.landmarks_rotation(self.landmarks)

    @property
    def facing_map(self) -> NDArray[np.float32]:
        """(256, 256) float32 in UV: cosine between the smoothed surface's normal and the direction
        to the camera, 0 outside the region; see :mod:`prnet.appearance.visibility`."""
        return facing_map(self)

    @property
    def visibility_map(self) -> NDArray[np.float32]:
        """(256, 256) float32 in UV, 1 where the camera sees the surface, 0 where the face hides it
        and outside the region; see :mod:`prnet.appearance.visibility`."""
        return visibility_map(self)

    @property
    def visibility(self) -> NDArray[np.float32]:
        """(V,) float32: ``visibility_map`` at the vertices."""
        return self.layout.vertices(self.visibility_map)

    def points(self, scheme: PointScheme = "ibug68") -> NDArray[np.float32]:
        """(N, 3) float32, image pixels: "ibug68", ``landmarks``; "ibug-2d", the same with the jaw
        where it is seen; "mediapipe468", MediaPipe's; :mod:`prnet.layout.schemes`."""
        return scheme_points(self.layout, self.position_map, scheme)

    def texture(
        self,
        *,
        size: int = TEXTURE_SIZE,
        fill: bool = False,
        image: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB: the photo in UV; with ``fill``, hidden parts are taken from
        the mirrored half. ``image`` replaces the photo that the face carries."""
        return texture(self, size=size, fill=fill, image=image)

    def texture_mask(self, *, size: int = TEXTURE_SIZE) -> NDArray[np.float32]:
        """(size, size) float32: 1 where the texture shows the face, 0 where it is hidden or
        outside the picture, soft between."""
        return texture_mask(self, size=size)

    def depth_map(
        self, *, crop_size: int | None = None, shape: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """(H, W) float32: z in pixels, larger is nearer, NaN where the face is not.

        Of the whole photo (``shape``: height and width for a face without one), or of the square
        that the network saw at ``crop_size`` pixels, z then in crop pixels too.
        """
        return depth_map_of(self, crop_size=crop_size, shape=shape)

    def normal_map(
        self, *, crop_size: int | None = None, shape: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """(H, W, 3) float32 unit normals, image axes, 0 where the face is not; of the photo or the
        crop, as :meth:`depth_map`."""
        return normal_map_of(self, crop_size=crop_size, shape=shape)

    def frontal(self) -> NDArray[np.float32]:
        """(V, 3) float32: the vertices rigidly aligned to the layout's canonical face, in its
        units and place; image axes. :meth:`render` draws this view."""
        return frontal_vertices(self)

    def render(
        self,
        *,
        yaw: float = 0.0,
        pitch: float = 0.0,
        size: int = 512,
        style: Style = "textured",
        texture: NDArray[np.uint8] | None = None,
        background: Colour = WHITE,
    ) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB: the face alone, looking ``yaw`` to the image's right and
        ``pitch`` up (degrees), without roll; (0, 0) is the frontal view. ``texture`` (N, N, 3)
        replaces the photo's."""
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
        if not isinstance(model, ExpressionModel):
            model = ExpressionModel.load(model)
        return model.fit(self)

    def save(self, path: str | Path, kind: str | None = None, **options: Any) -> None:
        """Write the face; the suffix says what: .glb (mesh with texture), .obj and .ply (mesh with
        vertex colours), .txt .csv .pts (68 landmarks), .npz .mat (arrays), .json (description).
        ``kind`` picks another that has the suffix, "obj-texture" say, see
        :mod:`prnet.formats.table`. ``options``: those of :class:`prnet.formats.output.SaveOptions`
        by name, ``topology="quads"``, ``pose="remove"`` and ``scale_by=63`` (millimetres) say."""
        save_face(self, path, kind, save_options(**options))


def roll_of(face: Face) -> float:
    """Degrees by which the face is turned in the image, :meth:`UVLayout.image_roll`."""
    return image_roll(face.landmarks_rotation)


def yaw_of(face: Face) -> float:
    """Degrees by which the head is turned, by its landmarks alone, for who needs it quickly."""
    return pose_from_rotation(face.landmarks_rotation).yaw


def mean_face(face: Face, other: Face, share: float) -> Face:
    """The face with the mean of both maps and deviations, ``share`` of it the other's."""
    position_map = face.position_map + (other.position_map - face.position_map) * np.float32(share)
    spread = face.deviation
    if spread is not None and other.deviation is not None:
        spread = spread + (other.deviation - spread) * np.float32(share)
    return replace(face, position_map=position_map, deviation=spread)
