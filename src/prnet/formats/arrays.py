"""Files of numbers from a face: landmarks, pose, description, arrays.

All keep the image frame: x right, y down, pixel centres on integers (``.pts`` counts from 1), z
larger nearer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.arrays import write_arrays
from prnet.files.atomic import write_bytes
from prnet.files.mat import mat_bytes
from prnet.formats.depth import DEPTH_ORIGIN
from prnet.formats.landmarks import CSV_HEADER
from prnet.formats.output import DEFAULT, FaceOutput, SaveOptions, without_options
from prnet.formats.pictures import face_depth_scale
from prnet.formats.surface import head_unit
from prnet.mapped import MappedFace

IMAGE_AXES = "x right, y down, pixel centres on integers; z in pixels, larger is nearer"


def write_landmarks(face: MappedFace, path: Path) -> None:
    """Text, 68 rows of x y z."""
    write_bytes(path, landmark_rows(face))


def landmark_rows(face: MappedFace) -> bytes:
    """The file that :func:`write_landmarks` writes."""
    return _rows("%.3f %.3f %.3f\n", face.landmarks)


def write_csv(face: MappedFace, path: Path) -> None:
    """CSV with a header: landmark (0..67, iBUG order), x, y, z."""
    numbered = np.c_[np.arange(len(face.landmarks)), face.landmarks]
    write_bytes(path, f"{CSV_HEADER}\n".encode() + _rows("%d,%.3f,%.3f,%.3f\n", numbered))


def write_pts(face: MappedFace, path: Path) -> None:
    """The text form of iBUG's annotations: x y, the first pixel's centre at (1, 1) as there."""
    head = f"version: 1\nn_points: {len(face.landmarks)}\n{{\n".encode()
    write_bytes(path, head + _rows("%.3f %.3f\n", face.landmarks[:, :2] + 1) + b"}\n")


def write_pose(face: MappedFace, path: Path) -> None:
    """JSON: yaw, pitch, roll in degrees and the camera (signs: :mod:`prnet.geometry.camera`)."""
    _write_json(path, describe_pose(face))


def write_json(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """JSON that describes the face, :func:`describe_face`."""
    _write_json(path, describe_face(face, options))


def write_expression(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """JSON of expression values and shape coefficients, `Expression.save`."""
    if options.expression_model is None:
        raise PrnetError("expected an expression model for the expression, got none")
    options.expression_model.fit(face).save(path)


def write_npz(face: MappedFace, path: Path) -> None:
    """NumPy archive of the position map and what is needed to use it without this package."""
    arrays = {
        "position_map": face.position_map,
        "region": face.layout.region,
        "triangles": face.triangles,
        "layout": np.array(face.layout.name),
    }
    if face.deviation is not None:
        arrays["deviation"] = face.deviation
    write_arrays(path, arrays | _small_arrays(face))


def write_mat(face: MappedFace, path: Path) -> None:
    """MATLAB file: vertices (V, 3), their colours (V, 3) in 0..1 when the face has its image,
    triangles (T, 3) that count vertices from 1 as MATLAB does, and the NPZ's small arrays."""
    matrices = {"vertices": face.vertices, "triangles": face.triangles + 1, **_small_arrays(face)}
    if face.image is not None:
        matrices["colors"] = face.vertex_colors() / np.float32(255)
    write_bytes(path, mat_bytes({name: np.atleast_2d(array) for name, array in matrices.items()}))


def _small_arrays(face: MappedFace) -> dict[str, NDArray[np.generic]]:
    """Landmarks, box, score, pose in degrees, camera; presence and the landmarks' deviations where
    the network judges itself."""
    camera, spread = face.camera, face.landmark_deviations
    presence = {} if face.presence is None else {"presence": np.array(face.presence)}
    deviation = {} if spread is None else {"landmark_deviation": spread}
    return {
        **presence,
        **deviation,
        "landmarks": face.landmarks,
        "box": np.array(face.box.xyxy),
        "box_roll": np.array(face.box.roll),
        "score": np.array(face.box.score),
        "pose": np.array(camera.pose),
        "camera_scale": np.array(camera.scale),
        "camera_rotation": camera.rotation,
        "camera_translation": camera.translation,
    }


def describe_pose(face: MappedFace) -> dict[str, Any]:
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


def describe_face(face: MappedFace, options: SaveOptions = DEFAULT) -> dict[str, Any]:
    """What a program wants to know of a face before it opens a mesh, as plain values.
    ``options``: those of its files, for the scales of depth and millimetres."""
    image, crop = face.image, face.crop
    scale = face_depth_scale(face, options.depth_crop)
    millimetres = head_unit(face, options.scale_by) / face.camera.scale
    spread = face.vertex_deviations
    return {
        "box": [round(edge, 2) for edge in face.box.xyxy],
        "box_roll": round(face.box.roll, 3),
        "score": round(face.box.score, 4),
        "presence": None if face.presence is None else round(face.presence, 4),
        "deviation": None if spread is None else round(float(spread.mean()), 3),
        "pose": describe_pose(face),
        "landmarks": face.landmarks.astype(float).round(3).tolist(),
        "image": None if image is None else {"width": image.shape[1], "height": image.shape[0]},
        "crop": {
            "centre": [round(crop.centre_x, 3), round(crop.centre_y, 3)],
            "side": round(crop.side, 3),
            "roll": round(crop.roll, 3),
        },
        "millimetres_per_pixel": float(f"{millimetres:.6g}"),
        "layout": face.layout.name,
        "vertices": len(face.vertices),
        "triangles": len(face.triangles),
        "axes": IMAGE_AXES,
        "depth_origin": face.layout.z_rule,
        "depth_picture": None if scale is None else {"scale": scale, "origin": DEPTH_ORIGIN},
    }


DATA_OUTPUTS = {
    "landmarks": FaceOutput(
        "_landmarks.txt", "68 landmarks, rows of x y z", without_options(write_landmarks)
    ),
    "csv": FaceOutput("_landmarks.csv", "68 landmarks, with a header", without_options(write_csv)),
    "pts": FaceOutput(
        ".pts", "68 landmarks as iBUG's files, first pixel at 1", without_options(write_pts)
    ),
    "npz": FaceOutput(".npz", "position map and arrays for NumPy", without_options(write_npz)),
    "mat": FaceOutput(".mat", "mesh and arrays for MATLAB", without_options(write_mat)),
    "json": FaceOutput(".json", "description: box, pose, landmarks", write_json),
    "expression": FaceOutput(
        "_expression.json",
        "expression values and shape; needs --expression-model",
        write_expression,
        needs=("expression_model",),
    ),
    "pose": FaceOutput(
        "_pose.json", "yaw, pitch, roll in degrees, camera", without_options(write_pose)
    ),
}
"""What ``--save`` offers of numbers."""


def _rows(row: str, values: NDArray[np.floating]) -> bytes:
    return (row * len(values) % tuple(values.ravel())).encode()


def _write_json(path: Path, description: dict[str, Any]) -> None:
    write_bytes(path, (json.dumps(description, indent=2) + "\n").encode())
