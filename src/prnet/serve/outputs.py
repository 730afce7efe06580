"""A face as the bytes of a file: the kinds that the service sends."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from prnet.appearance.draw import overlay
from prnet.appearance.encode import encode_normals
from prnet.appearance.render import depth_map_of, normal_map_of, render_view
from prnet.appearance.sheet import sheet
from prnet.files.arrays import npy_bytes
from prnet.files.image import image_bytes
from prnet.formats.arrays import describe_face, landmark_rows
from prnet.formats.depth import depth_bytes
from prnet.formats.meshes import face_glb, face_obj, face_ply
from prnet.formats.pictures import face_depth_scale
from prnet.mapped import MappedFace

MESH, PICTURE = "model/gltf-binary", "image/png"

KINDS: Final[dict[str, tuple[str, Callable[[MappedFace], bytes]]]] = {
    "json": (".json", lambda face: json.dumps(describe_face(face), indent=2).encode()),
    "landmarks": ("_landmarks.txt", landmark_rows),
    "glb": (".glb", face_glb),
    "obj": (".obj", face_obj),
    "ply": (".ply", face_ply),
    "map": ("_map.npy", lambda face: npy_bytes(face.position_map)),
    "depth": (
        "_depth.png",
        lambda face: depth_bytes(depth_map_of(face), scale=face_depth_scale(face)),
    ),
    "normals": ("_normals.png", lambda face: _png(encode_normals(normal_map_of(face)))),
    "frontal": ("_frontal.png", lambda face: _png(render_view(face))),
    "shaded": ("_shaded.png", lambda face: _png(render_view(face, style="shaded"))),
    "sheet": ("_sheet.png", lambda face: _png(sheet(face))),
    "overlay": ("_overlay.png", lambda face: _png(overlay(_photo(face), [face]))),
}
"""Name: (ending of the file's name, what makes the file)."""

PICTURES: Final = tuple(name for name, (ending, _) in KINDS.items() if ending.endswith(".png"))


def zipped(faces: Sequence[MappedFace], kinds: Sequence[str]) -> bytes:
    """A zip file with each kind of each face, called face_0.glb and so on."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, face in enumerate(faces):
            for kind in kinds:
                ending, make = KINDS[kind]
                archive.writestr(f"face_{number}{ending}", make(face))
    return stream.getvalue()


def _png(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return image_bytes(image, "PNG")


def _photo(face: MappedFace) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert face.image is not None
    return face.image
