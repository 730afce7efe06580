"""MediaPipe's 468 points of a face, in its normalised coordinates, as JSON and NPZ.

x and y run from 0 to 1 over the photo's width and height, from edge to edge; z is in widths, too,
and **smaller** is nearer, 0 at the mean of the 68 landmarks (MediaPipe: about the head's centre).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.arrays import write_arrays
from prnet.files.atomic import write_bytes
from prnet.formats.output import FaceOutput, without_options
from prnet.layout.schemes import scheme_points
from prnet.mapped import MappedFace


def normalised_points(face: MappedFace) -> NDArray[np.float64]:
    """(468, 3) x, y, z; the face must have its photo, whose size they are over."""
    if face.image is None:
        raise PrnetError("expected an image, whose size normalises the points, got a face without")
    height, width = face.image.shape[:2]
    points = scheme_points(face.layout, face.position_map, "mediapipe468").astype(np.float64)
    points[:, :2] += 0.5  # from centres of pixels to their edges
    return np.asarray(points / [width, height, -width])


def write_mediapipe(face: MappedFace, path: Path) -> None:
    """JSON: ``landmarks``, 468 of {x, y, z}, and ``image_width``, ``image_height``."""
    points = normalised_points(face)
    assert face.image is not None
    height, width = face.image.shape[:2]
    rows = [dict(zip("xyz", map(float, point), strict=True)) for point in points.round(7)]
    text = json.dumps({"image_width": width, "image_height": height, "landmarks": rows})
    write_bytes(path, (text + "\n").encode())


def write_mediapipe_npz(face: MappedFace, path: Path) -> None:
    """NPZ: ``landmarks`` (468, 3) float32, ``image_size`` (2,) width and height."""
    points = normalised_points(face)
    assert face.image is not None
    size = np.array(face.image.shape[1::-1])
    write_arrays(path, {"landmarks": points.astype(np.float32), "image_size": size})


MEDIAPIPE_OUTPUTS = {
    "mediapipe": FaceOutput(
        "_mediapipe.json",
        "MediaPipe's 468 points, normalised",
        without_options(write_mediapipe),
    ),
    "mediapipe-npz": FaceOutput(
        "_mediapipe.npz", "the same as arrays", without_options(write_mediapipe_npz)
    ),
}
"""What ``--save`` offers of them."""
