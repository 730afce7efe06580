"""The UV layout of the 2018 release, read from its ``Data/uv-data`` folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from prnet.errors import PrnetError, reason_of
from prnet.files.arrays import Array, read_array
from prnet.files.image import load_image
from prnet.files.text import read_text, rows_of
from prnet.layout.uv_layout import Part, UVLayout

SIZE = 256
LARGEST = 2**31
OUTLINES = (
    (Part.NOSE, [27, *range(31, 36)]),
    (Part.MOUTH, list(range(48, 60))),
    (Part.EYES, list(range(36, 42))),
    (Part.EYES, list(range(42, 48))),
)
"""The landmarks around each part."""
WEIGHT_UNIT = 16
"""Value of the shipped weight mask per unit of the paper's weights: 255, 64, 48 are 16, 4, 3."""


def read_uv_folder(folder: str | Path) -> UVLayout:
    """``uv-data`` folder -> the layout "prnet-2018": 43,867 vertices, z 0 at the minimum.

    Needs ``face_ind.txt``, ``uv_kpt_ind.txt`` and ``canonical_vertices.npy``; ``triangles.txt``
    replaces the grid's triangles where it is there, ``uv_face_eyes.png`` with ``uv_face.png`` the
    eyes between the eye landmarks. Raises PrnetError for missing or different files.
    """
    folder = Path(folder)
    region = _region(folder / "face_ind.txt")
    landmarks = _landmarks(folder / "uv_kpt_ind.txt")
    canonical = _canonical(folder / "canonical_vertices.npy", region)
    triangles = folder / "triangles.txt"
    return UVLayout(
        name="prnet-2018",
        region=region,
        landmarks=landmarks,
        parts=_parts(folder, region, landmarks),
        canonical=canonical,
        z_rule="minimum",
        explicit_triangles=_triangles(triangles, canonical[region]) if triangles.exists() else None,
    )


def read_weight_mask(folder: str | Path, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``uv_weight_mask.png`` -> the paper's weights (256, 256) float32 (section 3.2).

    16 at the landmarks, 4 on eyes, nose and mouth, 3 on the rest of ``region``, 0 outside; the
    shipped mask has 3 outside, too, which the paper has not.
    """
    path = Path(folder) / "uv_weight_mask.png"
    mask = _picture(path)[..., 0].astype(np.float32)
    weights = np.where(mask == 255, 16, mask / WEIGHT_UNIT)
    return (weights * region).astype(np.float32)


def _numbers(path: Path) -> NDArray[np.int64]:
    """A text file of whole numbers, which may be written as 1.0e+00: (rows, columns)."""
    text = read_text(path, "a text file of numbers")
    try:
        numbers = rows_of(text)
    except ValueError as error:
        raise PrnetError(
            f"{path}: expected a text file of numbers, got {reason_of(error)}"
        ) from error
    if not (np.abs(numbers) < LARGEST).all():
        raise PrnetError(f"{path}: expected whole numbers below {LARGEST}, got larger ones")
    return np.rint(numbers).astype(np.int64)


def _region(path: Path) -> NDArray[np.bool_]:
    indices = _numbers(path).ravel()
    inside = len(indices) > 0 and indices[0] >= 0 and indices[-1] < SIZE**2
    if not inside or not (np.diff(indices) > 0).all():
        raise PrnetError(f"{path}: expected rising pixel numbers below {SIZE**2}, got others")
    region = np.zeros(SIZE * SIZE, bool)
    region[indices] = True
    return region.reshape(SIZE, SIZE)


def _landmarks(path: Path) -> NDArray[np.float32]:
    """The first row holds the columns, the second the rows."""
    landmarks = _numbers(path)
    if landmarks.shape != (2, 68) or landmarks.min() < 0 or landmarks.max() >= SIZE:
        raise PrnetError(f"{path}: expected (2, 68) pixels, got {landmarks.shape}")
    return landmarks.T.astype(np.float32)


def _canonical(path: Path, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    vertices = read_array(path, Array(np.float32, ("V", 3)), "the mean face (.npy)")
    if len(vertices) != region.sum():
        raise PrnetError(
            f"{path}: expected ({region.sum()}, 3), a vertex for each pixel of face_ind.txt, "
            f"got {vertices.shape}"
        )
    canonical = np.zeros((*region.shape, 3), np.float32)
    canonical[region] = vertices
    return canonical


def _triangles(path: Path, canonical: NDArray[np.float32]) -> NDArray[np.int32]:
    """Turned, where needed, to be counter-clockwise seen from the front with y up."""
    triangles = _numbers(path)
    if triangles.shape[1:] != (3,) or not triangles.size:
        raise PrnetError(f"{path}: expected (T, 3) vertex numbers, got {triangles.shape}")
    if triangles.min() < 0 or triangles.max() >= len(canonical):
        raise PrnetError(
            f"{path}: expected vertex numbers below {len(canonical)}, "
            f"got {triangles.min()}..{triangles.max()}"
        )
    corners = canonical[triangles, :2]
    edges = corners[:, 1:] - corners[:, :1]
    area = (edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]).sum()
    return np.ascontiguousarray(triangles[:, :: 1 if area < 0 else -1], np.int32)


def _parts(
    folder: Path, region: NDArray[np.bool_], landmarks: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Eyes, nose and mouth as the polygons of their landmarks, the rest of the region is face."""
    image = Image.new("L", (SIZE, SIZE), int(Part.FACE))
    draw = ImageDraw.Draw(image)
    for part, indices in OUTLINES:
        draw.polygon([(float(x), float(y)) for x, y in landmarks[indices]], fill=int(part))
    parts = np.array(image)
    with_eyes, without_eyes = folder / "uv_face.png", folder / "uv_face_eyes.png"
    if with_eyes.exists() and without_eyes.exists():
        difference = _picture(with_eyes) != _picture(without_eyes)
        parts[parts == Part.EYES] = Part.FACE
        parts[difference.any(axis=-1)] = Part.EYES
    parts[~region] = Part.OUTSIDE
    return parts


def _picture(path: Path) -> NDArray[np.uint8]:
    """(256, 256, 3); greys three times."""
    image = load_image(path)
    if image.shape[:2] != (SIZE, SIZE):
        raise PrnetError(f"{path}: expected {SIZE} x {SIZE} pixels, got {image.shape[:2]}")
    return image
