"""Pictures of faces: depth and normal maps over the photo, shaded and textured views from any side.

Only the outside of a face is drawn: triangles that turn away from the viewer are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.appearance.texture import check_side
from prnet.appearance.texture import texture as photo_texture
from prnet.errors import PrnetError
from prnet.geometry.camera import FLIP_Y, Pose, rotation_from_pose
from prnet.geometry.crop import CropTransform
from prnet.geometry.mesh import vertex_normals
from prnet.geometry.rasterize import Raster, interpolate, interpolate_at, rasterize, rasterize_depth
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.facing import facing_triangles
from prnet.mapped import MappedFace

Style = Literal["textured", "shaded"]
Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)

CLAY = np.array([205, 198, 190], np.float32)
"""Colour of shaded faces where the light falls straight on them."""

LIGHT = np.array([-0.25, -0.4, 1.0])
"""Towards the light, image axes: over the viewer's left shoulder."""

AMBIENT = 0.25
"""Share of the colour that is there without light."""

FACE_SHARE = 0.92
"""Height of the canonical face in a view, over the picture's."""

SUPERSAMPLING = 2
"""Views are drawn so many times larger and averaged."""


def depth_map(faces: Iterable[MappedFace], height: int, width: int) -> NDArray[np.float32]:
    """(height, width) float32 of an image's pixels: z, interpolated over each triangle, in pixels,
    larger is nearer; NaN where no face is.

    z is relative for each face (its zero: :class:`Face`), as one photo does not tell how far
    apart people are. Where faces overlap, the larger z wins.
    """
    depth = np.full((height, width), np.nan, np.float32)
    for face in faces:
        part, seen = picture_part(face.vertices, height, width)
        y, x = seen
        triangles = facing_triangles(face.layout, part)
        own = rasterize_depth(part, triangles, y.stop - y.start, x.stop - x.start, cull="back")
        own[np.isneginf(own)] = np.nan
        np.fmax(depth[seen], own, out=depth[seen])
    return depth


def crop_depth_map(face: MappedFace, size: int) -> NDArray[np.float32]:
    """(size, size) float32: :func:`depth_map` of the square ``face.crop``, in its pixels: x, y and
    z are scaled alike. The picture that belongs to it is :func:`crop_to_size` 's crop."""
    crop_vertices = crop_to_size(face, size).to_crop(face.vertices)
    triangles = facing_triangles(face.layout, crop_vertices)
    depth = rasterize_depth(crop_vertices, triangles, size, size, cull="back")
    return np.where(np.isneginf(depth), np.float32(np.nan), depth)


def crop_to_size(face: MappedFace, size: int) -> CropTransform:
    """The square that the network saw, at ``size`` x ``size`` pixels."""
    check_side("crop", size)
    return replace(face.crop, size=size)


def depth_map_of(
    face: MappedFace, *, crop_size: int | None = None, shape: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """:func:`depth_map` of one face in its photo (``shape``: height and width for a face without
    one), or :func:`crop_depth_map` at ``crop_size`` pixels."""
    if crop_size is not None:
        return crop_depth_map(face, crop_size)
    return depth_map([face], *picture_shape(face, shape))


def normal_map_of(
    face: MappedFace, *, crop_size: int | None = None, shape: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """As :func:`depth_map_of`, of normals."""
    if crop_size is not None:
        return crop_normal_map(face, crop_size)
    return normal_map([face], *picture_shape(face, shape))


def picture_shape(face: MappedFace, shape: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width: ``shape`` or the photo's."""
    if shape is not None:
        return shape
    if face.image is None:
        raise PrnetError("expected a shape (height, width), got none and a face without image")
    return face.image.shape[0], face.image.shape[1]


def normal_map(faces: Iterable[MappedFace], height: int, width: int) -> NDArray[np.float32]:
    """(height, width, 3) float32 unit normals, image axes (x right, y down, z nearer), 0 where no
    face is. Where faces overlap, the larger z wins, as in :func:`depth_map`."""
    normals = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), -np.inf, np.float32)
    for face in faces:
        part, seen = picture_part(face.vertices, height, width)
        y, x = seen
        triangles = facing_triangles(face.layout, part)
        raster = rasterize(part, triangles, y.stop - y.start, x.stop - x.start, cull="back")
        nearer = np.flatnonzero(raster.depth > depth[seen])
        row, column = np.divmod(nearer, x.stop - x.start)
        pixel = (row + y.start) * width + column + x.start
        normals.reshape(-1, 3)[pixel] = _normals_at(raster, triangles, face, nearer).T
        depth.ravel()[pixel] = raster.depth.ravel()[nearer]
    return normals


def _normals_at(
    raster: Raster, triangles: NDArray[np.int32], face: MappedFace, pixel: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(3, N) float32 unit normals at flat pixels (N,) of the raster of the face's ``triangles``."""
    normals = interpolate_at(raster, triangles, face.normals, pixel)
    normals /= np.maximum(np.sqrt(sum(axis * axis for axis in normals)), 1e-12)
    return normals


def crop_normal_map(face: MappedFace, size: int) -> NDArray[np.float32]:
    """(size, size, 3) float32: :func:`normal_map` of the square ``face.crop``."""
    crop_vertices = crop_to_size(face, size).to_crop(face.vertices)
    triangles = facing_triangles(face.layout, crop_vertices)
    raster = rasterize(crop_vertices, triangles, size, size, cull="back")
    return _unit(interpolate(raster, triangles, face.normals))


def render_view(
    face: MappedFace,
    *,
    yaw: float = 0.0,
    pitch: float = 0.0,
    size: int = 512,
    style: Style = "textured",
    texture: NDArray[np.uint8] | None = None,
    background: Colour = WHITE,
) -> NDArray[np.uint8]:
    """The face alone, seen as if its pose were ``yaw``, ``pitch`` (degrees) and roll 0:
    (size, size, 3) uint8. (0, 0) is the frontal view.

    ``texture``: (N, N, 3) uint8, by default the photo's, hidden parts filled. A position map is a
    mask, not a head: beyond 90 degrees nothing is left to see.
    """
    large = size * SUPERSAMPLING
    vertices = view_vertices(face, yaw=yaw, pitch=pitch, size=large)
    triangles = facing_triangles(face.layout, vertices)
    raster = rasterize(vertices, triangles, large, large, cull="back")
    picture = np.empty((large, large, 3), np.float32)
    picture[:] = background
    seen = raster.mask
    if style == "shaded":
        normals = vertex_normals(vertices, face.triangles)
        picture[seen] = shade(_unit(interpolate(raster, triangles, normals)[seen]))
    else:
        if texture is None:
            texture = photo_texture(face, size=min(max(size, 64), 1024), fill=True)
        points = texture_points(face, len(texture))
        picture[seen] = sample_bilinear(texture, interpolate(raster, triangles, points)[seen])
    drawn = Image.fromarray(np.rint(picture).astype(np.uint8))
    return np.asarray(drawn.reduce(SUPERSAMPLING))


def view_vertices(face: MappedFace, *, yaw: float, pitch: float, size: int) -> NDArray[np.float64]:
    """(V, 3): the vertices turned to a pose and fitted into a picture of ``size`` pixels, by what
    would fit the canonical face; image axes."""
    canonical = face.layout.canonical_vertices * FLIP_Y
    low, high = canonical.min(axis=0), canonical.max(axis=0)
    head = face.camera.unproject(face.vertices) - (low + high) / 2
    scale = FACE_SHARE * size / (high - low)[1]
    turned = head @ rotation_from_pose(Pose(yaw, pitch, 0.0)).T
    centre = np.array([(size - 1) / 2, (size - 1) / 2, 0])
    return np.asarray(scale * FLIP_Y * turned + centre)


def texture_points(face: MappedFace, size: int) -> NDArray[np.float32]:
    """(V, 2) float32: x = column, y = row of each vertex in a texture of ``size`` pixels."""
    u, v = face.texture_coordinates.T
    return np.stack([u, 1 - v], axis=1) * np.float32(size) - np.float32(0.5)


def shade(normals: NDArray[np.floating]) -> NDArray[np.float32]:
    """Colours (..., 3) of a matt surface with unit normals (..., 3), image axes."""
    direct = np.maximum(normals @ (LIGHT / np.linalg.norm(LIGHT)), 0)[..., None]
    return np.asarray(CLAY * (AMBIENT + (1 - AMBIENT) * direct), np.float32)


def picture_part(
    vertices: NDArray[np.float32], height: int, width: int
) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """The vertices counted from the first pixel of the part of the picture that they may cover,
    and that part (rows, columns), which is empty for a face outside the picture."""
    axes = np.array(vertices.T, order="C")  # rows of three take ten times as long
    low, high = np.floor(axes[:2].min(axis=1)), np.ceil(axes[:2].max(axis=1)) + 1
    x0, y0 = np.clip(low, 0, (width, height)).astype(int)
    x1, y1 = np.clip(high, (x0, y0), (width, height)).astype(int)
    axes[0] -= x0
    axes[1] -= y0
    return axes.T, (slice(int(y0), int(y1)), slice(int(x0), int(x1)))


def picture_raster(face: MappedFace, height: int, width: int) -> tuple[Raster, tuple[slice, slice]]:
    """What the camera sees of the face in its :func:`picture_part`, and that part."""
    part, seen = picture_part(face.vertices, height, width)
    y, x = seen
    raster = rasterize(part, face.triangles, y.stop - y.start, x.stop - x.start, cull="back")
    return raster, seen


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
