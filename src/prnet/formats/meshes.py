"""Mesh files from a face: OBJ, PLY, GLB. Frames and units: :mod:`prnet.formats.surface`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.texture import check_square
from prnet.appearance.texture import texture as photo_texture
from prnet.errors import PrnetError
from prnet.files.atomic import write_atomically, write_bytes
from prnet.files.image import image_bytes
from prnet.formats.arrays import describe_face
from prnet.formats.gltf import glb_bytes, quaternion
from prnet.formats.obj import mtl_bytes, obj_bytes, readable_by_all, textured_obj_bytes
from prnet.formats.output import DEFAULT, FaceOutput, PoseChoice, SaveOptions
from prnet.formats.ply import ply_bytes
from prnet.formats.stl import write_relief
from prnet.formats.surface import Frame, Surface, face_surface
from prnet.mapped import MappedFace

FRAME: dict[PoseChoice, Frame] = {"keep": "picture", "remove": "head"}
"""Of OBJ and PLY files."""


def write_obj(face: MappedFace, path: Path, options: SaveOptions = DEFAULT) -> None:
    """Wavefront OBJ; with vertex colours (0..1 after x, y, z) when the face has its image."""
    write_bytes(path, face_obj(face, options))


def face_obj(face: MappedFace, options: SaveOptions = DEFAULT) -> bytes:
    """The file that :func:`write_obj` writes."""
    surface = _surface(face, FRAME[options.pose], options, colors=True)
    return obj_bytes(surface.vertices, surface.polygons, surface.colors)


def write_plain_obj(face: MappedFace, path: Path, options: SaveOptions = DEFAULT) -> None:
    """Wavefront OBJ of vertices and triangles alone, for readers that know no colours."""
    surface = _surface(face, FRAME[options.pose], options)
    write_bytes(path, obj_bytes(surface.vertices, surface.polygons))


def write_textured_obj(
    face: MappedFace, path: Path, options: SaveOptions = DEFAULT, *, suffix: str = ".png"
) -> None:
    """Wavefront OBJ with normals and texture coordinates; material and picture beside it, with
    the path's stem and ``.mtl`` and ``suffix``, :func:`save_textured_obj`."""
    texture = _texture(face, options)
    surface = _surface(face, FRAME[options.pose], options)
    save_textured_obj(path, surface, texture, picture=path.with_suffix(suffix))


def save_textured_obj(
    path: Path, surface: Surface, texture: NDArray[np.uint8], *, picture: Path
) -> None:
    """Write ``surface`` as OBJ, ``texture`` (N, N, 3) as ``picture``, PNG or JPEG by its suffix,
    and the material: the path with ``.mtl``. They name each other without folders, so that the
    three can be moved together; names that not every reader takes are changed,
    :func:`readable_by_all`.

    As the caller named the OBJ alone, the other two replace no file but those of an earlier save:
    a material that is ours and the picture it names. Raises PrnetError otherwise.
    """
    material, picture = readable_by_all(path.with_suffix(".mtl")), readable_by_all(picture)
    material_text = mtl_bytes(picture.name)
    saved_before = os.path.isfile(material) and material.read_bytes() == material_text
    for file in (material, picture):
        if os.path.exists(file) and not saved_before:
            raise PrnetError(
                f"{file}: expected no file, or that of an earlier {path.name}, got another"
            )
    text = textured_obj_bytes(
        surface.vertices,
        surface.polygons,
        texture_coordinates=surface.texture_coordinates,
        normals=surface.normals,
        material_file=material.name,
    )
    file_format = "PNG" if picture.suffix == ".png" else "JPEG"
    files = {path: text, picture: image_bytes(texture, file_format), material: material_text}
    with ExitStack() as stack:
        for file, data in files.items():
            stack.enter_context(write_atomically(file)).write_bytes(data)


def write_ply(face: MappedFace, path: Path, options: SaveOptions = DEFAULT) -> None:
    """Binary PLY with normals; with vertex colours when the face has its image."""
    write_bytes(path, face_ply(face, options))


def face_ply(face: MappedFace, options: SaveOptions = DEFAULT) -> bytes:
    """The file that :func:`write_ply` writes."""
    surface = _surface(face, FRAME[options.pose], options, colors=True)
    return ply_bytes(surface.vertices, surface.triangles, surface.colors, surface.normals)


def write_glb(face: MappedFace, path: Path, options: SaveOptions = DEFAULT) -> None:
    """Binary glTF: head frame in metres, texture as an embedded JPEG when there is one.

    With ``pose="keep"`` the node carries the head's rotation; the vertices never do. There is no
    translation, as a weak-perspective camera knows no distance: the head's origin stays the
    scene's. The node's extras are the face's description, with the camera.
    """
    write_bytes(path, face_glb(face, options))


def face_glb(face: MappedFace, options: SaveOptions = DEFAULT) -> bytes:
    """The file that :func:`write_glb` writes."""
    picture = None
    if face.image is not None or options.texture is not None:
        # A PNG takes ten times as long to write and three times the room.
        picture = image_bytes(_texture(face, options), "JPEG")
    surface = _surface(face, "head", options)
    return glb_bytes(
        surface.vertices / 1000,
        surface.triangles,
        normals=surface.normals,
        texture_coordinates=surface.texture_coordinates,
        picture=picture,
        rotation=quaternion(face.camera.rotation)
        if options.pose == "keep"
        else (0.0, 0.0, 0.0, 1.0),
        extras=describe_face(face, options),
    )


def _surface(
    face: MappedFace, frame: Frame, options: SaveOptions, *, colors: bool = False
) -> Surface:
    return face_surface(
        face,
        frame,
        openings=options.openings,
        triangles=options.triangles,
        topology=options.topology,
        scale=options.scale_by,
        colors=colors,
    )


def _texture(face: MappedFace, options: SaveOptions) -> NDArray[np.uint8]:
    """The one given, which must be square, or the photo's, filled unless that is refused."""
    texture = options.texture
    if texture is None:
        return photo_texture(
            face, size=options.texture_size, fill=options.texture_fill is not False
        )
    check_square(texture)
    return texture


MESH_OUTPUTS = {
    "obj": FaceOutput(".obj", "mesh with vertex colours, y up", write_obj),
    "obj-plain": FaceOutput("_plain.obj", "mesh without colours", write_plain_obj),
    "obj-texture": FaceOutput(
        "_textured.obj",
        "mesh with texture (.mtl and .png beside it)",
        write_textured_obj,
        beside=("_textured.mtl", "_textured.png"),
    ),
    "obj-texture-jpeg": FaceOutput(
        "_textured_jpeg.obj",
        "the same with a .jpg: smaller and sooner",
        partial(write_textured_obj, suffix=".jpg"),
        beside=("_textured_jpeg.mtl", "_textured_jpeg.jpg"),
    ),
    "ply": FaceOutput(".ply", "binary mesh with vertex colours, y up", write_ply),
    "stl-relief": FaceOutput(
        "_relief.stl", "a solid with a flat back, to print, millimetres", write_relief
    ),
    "glb": FaceOutput(".glb", "binary glTF: mesh and texture in one file, metres", write_glb),
}
"""What ``--save`` offers of meshes."""
