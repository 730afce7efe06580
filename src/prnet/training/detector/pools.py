"""Photos and labels -> arrays that mosaics are made from, read by memory map.

A face pool is ``NAME.npy``, crops (N, 208, 208, 3) uint8 of 2.4 box sides around one labelled
face each, and ``NAME.npz``, its labels in crop pixels. The scene pool is ``scenes.npy``, the
pixels of whole photos one after another, and ``scenes.npz``, their sizes and boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet.files.atomic import write_atomically
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropTransform
from prnet.training.detector.faces import five_points

CROP_SIZE = 208
REACH = 2.4
"""Side of a pool's crop over the longer side of the face's box."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """One photo with one face: landmarks (68, 2 or 3) in pixels and roll in degrees."""

    image: Pixels
    landmarks: NDArray[np.floating]
    roll: float


def write_face_pool(path: Path, faces: Iterable[LabelledFace], *, alone: bool) -> None:
    """``alone``: whether no other face can be near the rim of a crop."""
    crops: list[Pixels] = []
    rows: dict[str, list[Any]] = {"box": [], "roll": [], "points": [], "inside": []}
    for face in tqdm(faces, desc=path.name, mininterval=10):
        box = Box.around(face.landmarks, roll=face.roll)
        crop = CropTransform(*box.centre, REACH * max(box.width, box.height), CROP_SIZE)
        crops.append(crop.crop_image(face.image))
        size = np.multiply((box.width, box.height), crop.scale)
        rows["box"].append(np.array([*crop.to_crop(np.array(box.centre)), *size], np.float32))
        rows["roll"].append(np.float32(face.roll))
        rows["points"].append(crop.to_crop(five_points(face.landmarks)).astype(np.float32))
        high, wide = face.image.shape[:2]
        corners = crop.to_crop(np.array([[-0.5, -0.5], [wide - 0.5, high - 0.5]]))
        rows["inside"].append(np.clip(corners, -0.5, CROP_SIZE - 0.5).reshape(4).astype(np.float32))
    labels = {key: np.array(value) for key, value in rows.items()}
    _save(path, np.stack(crops), {**labels, "alone": alone})


def _save(path: Path, pixels: Pixels, labels: Mapping[str, Any]) -> None:
    with write_atomically(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
        np.save(file, pixels)
    with write_atomically(path.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez(file, **dict(labels))


def write_scene_pool(
    path: Path,
    images: list[Pixels],
    boxes: list[NDArray[np.floating]],
    ignored: list[NDArray[np.floating]],
) -> None:
    """Whole photos with boxes (n, 4) and areas to ignore (n, 4), edges x0, y0, x1, y1 in pixels
    with centres on integers."""
    pixels = np.concatenate([image.reshape(-1) for image in images])
    counts = np.cumsum([0, *map(len, boxes)])
    ignored_counts = np.cumsum([0, *map(len, ignored)])
    labels = {
        "sizes": np.array([image.shape[:2] for image in images]),
        "boxes": np.concatenate(boxes).astype(np.float32).reshape(-1, 4),
        "offsets": counts,
        "ignored": np.concatenate(ignored).astype(np.float32).reshape(-1, 4),
        "ignored_offsets": ignored_counts,
    }
    _save(path, pixels, labels)


class Pool:
    """A face pool."""

    def __init__(self, path: Path) -> None:
        self.crops = np.load(path.with_suffix(".npy"), mmap_mode="r")
        with np.load(path.with_suffix(".npz")) as labels:
            self.box, self.roll = labels["box"], labels["roll"]
            self.points, self.inside = labels["points"], labels["inside"]
            self.alone = bool(labels["alone"])


class Scenes:
    """A scene pool."""

    def __init__(self, path: Path) -> None:
        self._pixels = np.load(path.with_suffix(".npy"), mmap_mode="r")
        with np.load(path.with_suffix(".npz")) as labels:
            self.sizes, boxes, ignored = labels["sizes"], labels["boxes"], labels["ignored"]
            self.boxes = np.split(boxes, labels["offsets"][1:-1])
            self.ignored = np.split(ignored, labels["ignored_offsets"][1:-1])
        lengths = self.sizes.astype(np.int64).prod(axis=1) * 3
        self._starts = np.cumsum([0, *lengths])

    def __len__(self) -> int:
        return len(self.sizes)

    def image(self, i: int) -> Pixels:
        pixels: Pixels = self._pixels[self._starts[i] : self._starts[i + 1]]
        return pixels.reshape(*self.sizes[i], 3)
