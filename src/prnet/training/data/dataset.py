"""A prepared folder as batches: augmented crops with their true positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prnet.errors import PrnetError
from prnet.facemodel.labels import check_coefficients
from prnet.geometry.camera import yaw_degrees
from prnet.geometry.crop import LANDMARK_CROP_FACTOR
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.training.data.augment import Augmentation, augment_colours, occlude, random_crops
from prnet.training.data.draws import Draws
from prnet.training.data.prepared_files import (
    BASIS,
    CROPS,
    FOUND_FACES,
    FOUND_OTHERS,
    FULL_BASIS,
    HEAD,
    NEGATIVES,
    map_crops,
    read_basis,
    read_samples,
    read_views,
)
from prnet.training.data.stored import StoredCrops

LABELS = ("coefficients", "apart", "view", "scale", "rotation", "translation")
"""Fields of `Rows` that positions are made from."""
PROFILE_YAW = 30.0
"""Degrees of yaw from which a photo counts as a profile."""

Kind = Literal["photos", "profiles", "views", "heads"]
"""What a row shows: a photo, a photo of a head turned far, an out-of-plane view of a photo, a
render of a head model."""


class _MapsAsFiles:
    """Spawned loaders map the files themselves: a pickled memory map would be a copy of it."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: Path(str(value.filename)) if isinstance(value, np.memmap) else value
            for name, value in self.__dict__.items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            mapped = np.load(value, mmap_mode="r") if isinstance(value, Path) else value
            self.__dict__[name] = mapped


@dataclass(frozen=True, eq=False)
class Rows(_MapsAsFiles):
    """Stored crops with the cameras that put their faces there.

    crops: (N, H, H, 3) uint8, may be memory-mapped. sample: (N,) the photos that they are of.
    coefficients, apart (N, K), view (N, 3): see `MapBasis.positions`. scale (N,), rotation
    (N, 3, 3), translation (N, 2): as in the labels, in stored-crop pixels.
    """

    crops: NDArray[np.uint8]
    sample: NDArray[np.int64]
    coefficients: NDArray[np.floating]
    apart: NDArray[np.floating]
    view: NDArray[np.floating]
    scale: NDArray[np.float32]
    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def yaw(self) -> NDArray[np.float32]:
        """(N,) degrees, positive toward the image's right: the camera's."""
        return yaw_degrees(self.rotation).astype(np.float32)


class Batch(NamedTuple):
    """crops: (B, 3, S, S) float32 in 0..1. grid: (B, P, 3) true positions at the P grid points
    inside the region, landmarks: (B, 68, 3); both in crop pixels, z zero at the landmarks' mean
    (in the paper's recipe: at the minimum)."""

    crops: Tensor
    grid: Tensor
    landmarks: Tensor

    def part(self, share: slice) -> Batch:
        """Some of the samples."""
        return Batch(*(tensor[share] for tensor in self))

    def to(self, device: torch.device) -> Batch:
        return Batch(*(tensor.to(device) for tensor in self))


class PreparedData(_MapsAsFiles):
    """What ``prnet prepare`` wrote, with photos and out-of-plane views as one list of rows.

    ``device``: where labels lie and batches are made; a GPU holds the crops, too, if it can.
    ``full_maps``: positions at every UV pixel of the region instead of means of 4 x 4.
    ``negatives``, ``found_faces``, ``found_others``: stored crops (N, H, H, 3), none where the
    folder has no such file.
    """

    def __init__(
        self, folder: Path, *, device: torch.device | str = "cpu", full_maps: bool = False
    ) -> None:
        samples = read_samples(folder)
        basis_file = folder / (FULL_BASIS if full_maps else BASIS)
        if not basis_file.exists():
            raise PrnetError(
                f"{basis_file}: expected a basis of whole maps, got none "
                "(run `prnet prepare` with --full-maps)"
            )
        basis = read_basis(basis_file)
        check_coefficients(folder, samples["coefficients"], basis["grid_offsets"])
        self.files: NDArray[np.str_] = samples["files"]
        self.held_out: NDArray[np.bool_] = samples["held_out"]
        self.annotated: NDArray[np.float32] = samples["annotated68"]
        self.stored_crop: NDArray[np.float64] = samples["crop"]
        self.grid_inside: NDArray[np.bool_] = basis["grid_inside"]
        points = [np.concatenate([basis[f"{part}_mean"] for part in ("grid", "landmark")])]
        offsets = [basis["grid_offsets"], basis["landmark_offsets"]]
        self._mean = torch.from_numpy(points[0]).to(device)
        self._offsets = torch.from_numpy(np.concatenate(offsets, axis=1)).to(device)
        self.device = torch.device(device)

        photos = Rows(
            crops=map_crops(folder / CROPS, len(self.files)),
            sample=np.arange(len(self.files)),
            **{key: samples[key] for key in LABELS},
        )
        shards, heads = (sorted(folder.glob(f"{kind}-*.npz")) for kind in ("turned", "heads"))
        self.views = [_load_views(path, len(self.files)) for path in shards]
        self.heads = [_load_views(path, 0) for path in heads]
        self.parts = [photos, *self.views, *self.heads]
        for path, views in zip([*shards, *heads], self.parts[1:], strict=True):
            check_coefficients(path, views.coefficients, basis["grid_offsets"])
        sizes = sorted({part.crops.shape[1] for part in self.parts})
        if len(sizes) > 1:
            raise PrnetError(f"{folder}: expected stored crops of one size, got {sizes}")
        self.stored = StoredCrops(self.parts, self.device)
        self._labels = [self._column(key) for key in LABELS]
        self.held_out_photos = np.flatnonzero(self.held_out)
        none = np.zeros((0, *photos.crops.shape[1:]), np.uint8)
        self.negatives, self.found_faces, self.found_others = (
            map_crops(folder / name) if (folder / name).exists() else none
            for name in (NEGATIVES, FOUND_FACES, FOUND_OTHERS)
        )
        if self.held_out.all() or not self.held_out.any():
            raise PrnetError(
                f"{folder}: expected photos to train on and held-out ones, got "
                f"{len(self.held_out_photos)} of {len(self.held_out)} held out"
            )

    def _column(self, key: str) -> Tensor:
        """A label of all rows."""
        values = [np.asarray(getattr(part, key), np.float32) for part in self.parts]
        return torch.from_numpy(np.concatenate(values)).to(self.device)

    def training_rows(self, part: int) -> NDArray[np.int64]:
        """Which rows of a part (0: the photos; then shards of their views, then of heads, of which
        held-out ones are never rendered) are not held out."""
        sample = self.parts[part].sample
        return np.flatnonzero((sample == HEAD) | ~self.held_out[sample])

    def rows(self, part: int, which: NDArray[np.int64] | Sequence[int]) -> Tensor:
        """Rows of a part as `gather` numbers them, through all parts."""
        first = sum(len(each) for each in self.parts[:part])
        return torch.from_numpy(first + np.asarray(which, np.int64)).to(self.device)

    def draw(
        self, draws: Draws, count: int, shares: Mapping[Kind, float]
    ) -> tuple[Tensor, list[Tensor]]:
        """``count`` random training rows: stored crops and their label tensors. ``shares`` of the
        kinds that there are; the rest are photos."""
        numbers = {kind: round(count * share) for kind, share in shares.items()}
        numbers = {kind: number for kind, number in numbers.items() if len(self._pools[kind])}
        numbers["photos"] = max(0, count - sum(numbers.values()))
        pools = ((self._pools[kind], number) for kind, number in numbers.items())
        return self.gather(torch.cat([pool[draws.integers(len(pool), n)] for pool, n in pools]))

    @cached_property
    def _pools(self) -> dict[Kind, Tensor]:
        """Of each kind, every training row."""
        rows = [self.training_rows(part) for part in range(len(self.parts))]
        turned = rows[0][np.abs(self.parts[0].yaw[rows[0]]) > PROFILE_YAW]
        of_parts = [self.rows(part, which) for part, which in enumerate(rows)]
        none, last = self.rows(0, []), 1 + len(self.views)
        return {
            "photos": of_parts[0],
            "profiles": self.rows(0, turned),
            "views": torch.cat([none, *of_parts[1:last]]),
            "heads": torch.cat([none, *of_parts[last:]]),
        }

    def gather(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Rows (B,) -> stored crops (B, H, H, 3) uint8 and their label tensors."""
        return self.stored[rows], [label[rows] for label in self._labels]

    def positions(self, labels: list[Tensor]) -> Tensor:
        """Label tensors -> (B, P + 68, 3) true positions in stored-crop pixels, z as labelled:
        `geometry.camera.project_head` in torch."""
        coefficients, apart, view, scale, rotation, translation = labels
        flat = self._offsets.reshape(len(self._offsets), -1)
        points = (coefficients @ flat).reshape(len(coefficients), -1, 3) + self._mean
        beside = (apart @ flat).reshape(points.shape)
        points = points + beside - (beside @ view[:, :, None]) * view[:, None]
        turned = scale[:, None, None] * (points @ rotation.transpose(1, 2))
        x = turned[..., 0] + translation[:, None, 0]
        y = translation[:, None, 1] - turned[..., 1]
        return torch.stack([x, y, turned[..., 2]], dim=-1)

    def batch(
        self,
        crops: Tensor,
        labels: list[Tensor],
        draws: Draws,
        augmentation: Augmentation,
        *,
        crop_size: int,
    ) -> Batch:
        """Cut, turn, mirror and disturb the stored crops; move the true positions along."""
        images, points = as_images(crops), self.positions(labels)
        images, points, mirrored = random_crops(
            images, points, *crop_squares(points), draws, augmentation, crop_size=crop_size
        )
        points = torch.where(mirrored[:, None, None], points[:, self.mirror_order], points)
        depth = points[..., 2:] - points[:, -68:, 2:].mean(dim=1, keepdim=True)
        points = torch.cat([points[..., :2], depth], dim=-1)
        images = occlude(augment_colours(images, draws, augmentation), draws, augmentation)
        return Batch(crops=images, grid=points[:, :-68], landmarks=points[:, -68:])

    @cached_property
    def mirror_order(self) -> Tensor:
        """(P + 68,) int: point i of a mirrored face is point mirror_order[i] of the face."""
        inside = self.grid_inside
        index = np.full(inside.shape, -1)
        index[inside] = np.arange(inside.sum())
        grid = index[:, ::-1][inside]
        order = np.concatenate([grid, MIRRORED_LANDMARKS + len(grid)])
        return torch.from_numpy(order).to(self.device)


def as_images(crops: Tensor) -> Tensor:
    """Stored crops (B, H, H, 3) uint8 -> images (B, 3, H, H) float32 in 0..1."""
    return crops.permute(0, 3, 1, 2).float() / 255


def crop_squares(points: Tensor) -> tuple[Tensor, Tensor]:
    """Points (B, P + 68, 3) -> centre (B, 2) and side (B,) of the crops that training centres on:
    `CropTransform.from_landmarks`."""
    landmarks = points[:, -68:, :2]
    low, high = landmarks.amin(dim=1), landmarks.amax(dim=1)
    return (low + high) / 2, LANDMARK_CROP_FACTOR * (high - low).amax(dim=1)


def _load_views(path: Path, samples: int) -> Rows:
    views = read_views(path, samples)
    return Rows(crops=map_crops(path.with_suffix(".npy"), len(views["sample"])), **views)
