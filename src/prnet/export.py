"""Files from a face: one function a format, one table of outputs.

Meshes (OBJ, PLY) have y up, so that viewers show them upright: (x, -y, z) of the image frame, in
pixels, z toward the viewer; triangles are counter-clockwise seen from outside. Landmarks, NPZ and
JSON keep the image frame: x right, y down, pixel centres on integers, z larger nearer.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.camera import FLIP_Y
from prnet.errors import PrnetError
from prnet.export_pictures import PICTURE_OUTPUTS
from prnet.face import Face
from prnet.face_output import FaceOutput
from prnet.files import write_atomically

IMAGE_AXES = "x right, y down, pixel centres on integers; z in pixels, larger is nearer"


def save_face(face: Face, path: str | Path) -> None:
    """Write what the path's suffix names: the first of FACE_OUTPUTS with that suffix."""
    path = Path(path)
    suffixes = {output.suffix: output for output in reversed(FACE_OUTPUTS.values())}
    output = suffixes.get(path.suffix.lower())
    if output is None:
        known = " ".join(sorted(suffixes))
        raise PrnetError(f"{path}: expected a suffix out of {known}, got '{path.suffix}'")
    output.write(face, path)


def write_obj(face: Face, path: Path) -> None:
    """Wavefront OBJ; with vertex colours (0..1 after x, y, z) when the face has its image."""
    colors = None if face.image is None else face.vertex_colors()
    _write_bytes(path, obj_bytes(face.vertices * FLIP_Y, face.triangles, colors))


def write_plain_obj(face: Face, path: Path) -> None:
    """Wavefront OBJ of vertices and triangles alone, for readers that know no colours."""
    _write_bytes(path, obj_bytes(face.vertices * FLIP_Y, face.triangles))


def write_ply(face: Face, path: Path) -> None:
    """Binary PLY; with vertex colours when the face has its image."""
    colors = None if face.image is None else face.vertex_colors()
    _write_bytes(path, ply_bytes(face.vertices * FLIP_Y, face.triangles, colors))


def write_landmarks(face: Face, path: Path) -> None:
    """Text, 68 rows of x y z in the image frame."""
    _write_bytes(path, ("%.3f %.3f %.3f\n" * 68 % tuple(face.landmarks.ravel())).encode())


def write_pose(face: Face, path: Path) -> None:
    """JSON: yaw, pitch, roll in degrees and the camera (signs: :mod:`prnet.camera`)."""
    _write_json(path, describe_pose(face))


def write_json(face: Face, path: Path) -> None:
    """JSON that describes the face: box, score, pose, camera, landmarks, sizes, conventions."""
    _write_json(path, describe_face(face))


def write_npz(face: Face, path: Path) -> None:
    """NumPy archive of the position map and what is needed to use it without this package."""
    camera, stream = face.camera, io.BytesIO()
    np.savez_compressed(
        stream,
        position_map=face.position_map,
        region=face.layout.region,
        triangles=face.triangles,
        landmarks=face.landmarks,
        box=np.array(face.box.xyxy),
        score=np.array(face.score),
        pose=np.array(face.pose),
        camera_scale=np.array(camera.scale),
        camera_rotation=camera.rotation,
        camera_translation=camera.translation,
        layout=np.array(face.layout.name),
    )
    _write_bytes(path, stream.getvalue())


FACE_OUTPUTS = {
    "obj": FaceOutput(".obj", "mesh with vertex colours, y up", write_obj),
    "obj-plain": FaceOutput("_plain.obj", "mesh without colours", write_plain_obj),
    "ply": FaceOutput(".ply", "binary mesh with vertex colours, y up", write_ply),
    "landmarks": FaceOutput("_landmarks.txt", "68 landmarks, rows of x y z", write_landmarks),
    "npz": FaceOutput(".npz", "position map and arrays for NumPy", write_npz),
    "json": FaceOutput(".json", "description: box, pose, landmarks", write_json),
    "pose": FaceOutput("_pose.json", "yaw, pitch, roll in degrees, camera", write_pose),
    **PICTURE_OUTPUTS,
}
"""What ``--save`` and :meth:`Face.save` offer. Of two with one suffix, the first is its default."""


def describe_pose(face: Face) -> dict[str, Any]:
    """Pose in degrees and weak-perspective camera, as plain numbers."""
    camera = face.camera
    angles = zip(camera.pose._fields, camera.pose, strict=True)
    return {
        **{name: round(angle, 3) for name, angle in angles},
        "unit": "degrees",
        "camera": {
            "scale": float(f"{camera.scale:.6g}"),
            "rotation": camera.rotation.round(6).tolist(),
            "translation": camera.translation.round(3).tolist(),
        },
    }


def describe_face(face: Face) -> dict[str, Any]:
    """What a program wants to know of a face before it opens a mesh, as plain values."""
    return {
        "box": [round(edge, 2) for edge in face.box.xyxy],
        "score": round(face.score, 4),
        "pose": describe_pose(face),
        "landmarks": face.landmarks.astype(float).round(3).tolist(),
        "layout": face.layout.name,
        "vertices": len(face.vertices),
        "triangles": len(face.triangles),
        "axes": IMAGE_AXES,
        "depth_origin": face.layout.z_rule,
    }


def obj_bytes(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colors: NDArray[np.uint8] | None = None,
) -> bytes:
    """Wavefront OBJ text of vertices (V, 3), triangles (T, 3) and colours (V, 3) uint8 or None."""
    columns = [_text_columns(vertices, decimals=3)]
    if colors is not None:
        columns.append(_text_columns(colors / 255, decimals=4))
    return _text_rows("v", columns) + _text_rows("f", [_text_columns(triangles + 1, decimals=0)])


def ply_bytes(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colors: NDArray[np.uint8] | None = None,
) -> bytes:
    """Binary little-endian PLY of the same arrays as :func:`obj_bytes`."""
    fields = [(axis, "<f4") for axis in "xyz"]
    if colors is not None:
        fields += [(channel, "u1") for channel in ("red", "green", "blue")]
    points = np.empty(len(vertices), fields)
    for name, column in zip("xyz", vertices.T, strict=True):
        points[name] = column
    if colors is not None:
        for name, column in zip(("red", "green", "blue"), colors.T, strict=True):
            points[name] = column
    faces = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    kinds = {"<f4": "float", "u1": "uchar"}
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(points)}",
        *(f"property {kinds[kind]} {name}" for name, kind in fields),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode() + points.tobytes() + faces.tobytes()


def _text_columns(values: NDArray[Any], *, decimals: int) -> NDArray[np.uint8]:
    """Numbers (N, C) -> their text (N, bytes), a space before each; 0 marks unused bytes.

    Python's own formatting takes three times as long for a mesh of 60,000 vertices.
    """
    scaled = np.rint(np.abs(values) * 10**decimals).astype(np.int64)[..., None]
    width = max(len(str(scaled.max(initial=0))), decimals + 1)
    powers = 10 ** np.arange(width - 1, -1, -1)
    digits = (scaled // powers % 10 + ord("0")).astype(np.uint8)
    leading = powers[: width - decimals - 1]
    digits[..., : len(leading)][scaled < leading] = 0
    space = np.full_like(scaled, ord(" "), np.uint8)
    minus = np.where((values < 0)[..., None] & (scaled > 0), ord("-"), 0).astype(np.uint8)
    parts = [space, minus, digits]
    if decimals:
        point = np.full_like(scaled, ord("."), np.uint8)
        parts[2:] = [digits[..., :-decimals], point, digits[..., -decimals:]]
    return np.concatenate(parts, axis=-1).reshape(len(values), -1)


def _text_rows(keyword: str, columns: list[NDArray[np.uint8]]) -> bytes:
    """Rows of text: the keyword, the columns, a line feed."""
    rows = len(columns[0])
    first, last = (np.full((rows, 1), ord(byte), np.uint8) for byte in (keyword, "\n"))
    text = np.concatenate([first, *columns, last], axis=1).ravel()
    return bytes(text[text != 0].data)


def _write_json(path: Path, description: dict[str, Any]) -> None:
    _write_bytes(path, (json.dumps(description, indent=2) + "\n").encode())


def _write_bytes(path: Path, data: bytes) -> None:
    with write_atomically(path) as temporary:
        temporary.write_bytes(data)
