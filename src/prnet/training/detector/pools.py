"""Photos and labels -> arrays that mosaics are made from, read by memory map.

A face pool is ``NAME.npy``, crops (N, 208, 208, 3) uint8 of 2.4 box sides around one labelled
face each, and ``NAME.npz``, its labels in crop pixels. The scene pool is ``scenes.npy``, the
pixels of whole photos one after another, and ``scenes.npz``, their sizes and boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet.errors import PrnetError
from prnet.files.arrays import Array, map_array, read_arrays, write_array, write_arrays
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropTransform
from prnet.training.detector.faces import five_points

CROP_SIZE = 208
REACH = 2.4
"""Side of a pool's crop over the longer side of the face's box."""
LEARNABLE = 14.0
"""Pixels of a scene's face, its longer side, from which on the second step learns it."""

_CROPS = Array(np.uint8, ("N", CROP_SIZE, CROP_SIZE, 3))
_FACES = {
    "box": Array(np.float32, ("N", 4)),
    "roll": Array(np.float32, ("N",)),
    "points": Array(np.float32, ("N", 5, 2)),
    "inside": Array(np.float32, ("N", 4)),
    "alone": Array(np.bool_),
}
_PIXELS = Array(np.uint8, ("P",))
_SCENES = {
    "sizes": Array(np.int64, ("N", 2), below=2**16),
    "boxes": Array(np.float32, ("B", 4)),
    "often": Array(np.float32, ("B",)),
    "offsets": Array(np.int64, ("O",)),
    "ignored": Array(np.float32, ("I", 4)),
    "ignored_offsets": Array(np.int64, ("O",)),
}

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
    write_array(path.with_suffix(".npy"), pixels)
    write_arrays(path.with_suffix(".npz"), labels, compressed=False)


def write_scene_pool(
    path: Path,
    images: Sequence[Pixels],
    boxes: Sequence[NDArray[np.floating]],
    ignored: Sequence[NDArray[np.floating]],
    often: Sequence[NDArray[np.floating]],
) -> None:
    """Whole photos with boxes (n, 4) and areas to ignore (n, 4), edges x0, y0, x1, y1 in pixels
    with centres on integers; how often the second step is to see each box (n,), beside 1."""
    pixels = np.concatenate([image.reshape(-1) for image in images])
    counts = np.cumsum([0, *map(len, boxes)])
    ignored_counts = np.cumsum([0, *map(len, ignored)])
    labels = {
        "sizes": np.array([image.shape[:2] for image in images]),
        "boxes": np.concatenate(boxes).astype(np.float32).reshape(-1, 4),
        "often": np.concatenate(often).astype(np.float32),
        "offsets": counts,
        "ignored": np.concatenate(ignored).astype(np.float32).reshape(-1, 4),
        "ignored_offsets": ignored_counts,
    }
    _save(path, pixels, labels)


def _split(path: Path, rows: NDArray[Any], offsets: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """Ragged rows of ``count`` photos, photo by photo."""
    steps = np.diff(offsets)
    if len(steps) != count or offsets[0] != 0 or offsets[-1] != len(rows) or steps.min() < 0:
        raise PrnetError(f"{path}: expected rising offsets of {count} photos, got others")
    return np.split(rows, offsets[1:-1])


@dataclass(frozen=True, eq=False)
class SceneFaces:
    """The faces of scenes that are large enough to learn from: ``photo`` and ``face`` (n,), which
    of the photo's it is; ``share`` (n,), how often, 1 in all."""

    photo: NDArray[np.int64]
    face: NDArray[np.int64]
    share: NDArray[np.float64]


def _faces(boxes: list[NDArray[np.float32]], often: NDArray[np.float32]) -> SceneFaces:
    rows = [(i, j) for i, of_photo in enumerate(boxes) for j in range(len(of_photo))]
    photo, face = np.array(rows, np.int64).reshape(-1, 2).T
    edges = np.concatenate(boxes)
    large = (edges[:, 2:] - edges[:, :2]).max(axis=1, initial=0) >= LEARNABLE
    share = often[large].astype(np.float64)
    return SceneFaces(photo[large], face[large], share / max(share.sum(), 1e-9))


class Pool:
    """A face pool."""

    def __init__(self, path: Path) -> None:
        labels = read_arrays(path.with_suffix(".npz"), _FACES, "a face pool")
        self.crops = map_array(path.with_suffix(".npy"), _CROPS, "the crops of a face pool")
        if len(self.crops) != len(labels["box"]):
            raise PrnetError(f"{path}: expected {len(labels['box'])} crops, got {len(self.crops)}")
        if not len(self.crops):
            raise PrnetError(f"{path}: expected faces, got none")
        self.box, self.roll = labels["box"], labels["roll"]
        self.points, self.inside = labels["points"], labels["inside"]
        self.alone = bool(labels["alone"])


class Scenes:
    """A scene pool."""

    def __init__(self, path: Path) -> None:
        labels = read_arrays(path.with_suffix(".npz"), _SCENES, "a scene pool")
        self._pixels = map_array(path.with_suffix(".npy"), _PIXELS, "the pixels of a scene pool")
        self.sizes = labels["sizes"]
        if not len(self.sizes):
            raise PrnetError(f"{path}: expected photos, got none")
        self.boxes = _split(path, labels["boxes"], labels["offsets"], len(self.sizes))
        if len(labels["often"]) != len(labels["boxes"]):
            boxes, often = len(labels["boxes"]), len(labels["often"])
            raise PrnetError(f"{path}: expected how often for {boxes} boxes, got {often}")
        self.faces = _faces(self.boxes, labels["often"])
        self.ignored = _split(path, labels["ignored"], labels["ignored_offsets"], len(self.sizes))
        self._starts = np.cumsum([0, *(self.sizes.prod(axis=1) * 3)])
        if self._starts[-1] != len(self._pixels):
            raise PrnetError(f"{path}: expected {self._starts[-1]} bytes, got {len(self._pixels)}")

    def __len__(self) -> int:
        return len(self.sizes)

    def image(self, i: int) -> Pixels:
        pixels: Pixels = self._pixels[self._starts[i] : self._starts[i + 1]]
        return pixels.reshape(*self.sizes[i], 3)
