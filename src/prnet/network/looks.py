"""Several looks at one face, and the mean of what the network says of them.

A convolutional network that was trained on mirrored, turned and resized crops still answers a
little differently to each; the mean of a few answers is nearer the truth than any one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.crop import CropTransform
from prnet.network.position_map_network import Prediction, is_variant


@dataclass(frozen=True)
class Look:
    """A crop's variant: ``roll`` further degrees, ``zoom`` the logarithm of its side's change,
    ``mirrored`` left to right. What is mirrored needs a UV layout whose columns mirror each other,
    as the package's do."""

    roll: float = 0.0
    zoom: float = 0.0
    mirrored: bool = False

    def of(self, crop: CropTransform) -> CropTransform:
        """The square that it sees, not yet mirrored."""
        return replace(crop, side=crop.side * exp(self.zoom), roll=crop.roll + self.roll)

    def seen(self, image: NDArray[np.uint8], crop: CropTransform) -> NDArray[np.uint8]:
        """Image (H, W, 3) uint8 -> what the network is shown, (S, S, 3) uint8."""
        pixels = self.of(crop).crop_image(image)
        return pixels[:, ::-1] if self.mirrored else pixels


ONE_LOOK = (Look(),)
ACCURATE = (Look(-6, -0.05), Look(6, 0.05), Look(-6, 0.05, True), Look(6, -0.05, True))
"""Six or eight looks, or turns of 10 degrees, gain no more."""

MIRRORED = (Look(mirrored=True),)
MIRRORED_FROM, MIRRORED_FULLY = 50.0, 60.0
"""Degrees of yaw, either way, between which the mirror image's part of the mean grows from nothing
to a half, so that films do not jump, where passes are "auto": landmarks of turned heads are 2.42 ->
2.27 % off at 55 to 65 degrees, 2.73 -> 2.49 up to 75, 3.06 -> 2.63 beyond; below, at 25 to 55, a
second look takes off 0.06 to 0.09."""


def mirrored_share(yaw: float) -> float:
    """The mirror image's part of the mean, 0 to 0.5."""
    grown = (abs(yaw) - MIRRORED_FROM) / (MIRRORED_FULLY - MIRRORED_FROM)
    return min(max(grown, 0.0), 1.0) / 2


def looks_of(model: str | Path | None) -> tuple[Look, ...]:
    """At each crop, by the model's name."""
    named = model is not None and is_variant(model)
    return ACCURATE if named and str(model) == "accurate" else ONE_LOOK


def seen_by(
    looks: Sequence[Look], image: NDArray[np.uint8], crops: Sequence[CropTransform]
) -> NDArray[np.uint8]:
    """Image (H, W, 3) uint8 -> (N * L, S, S, 3): of N crops in turn, L looks at each."""
    return np.stack([look.seen(image, crop) for crop in crops for look in looks])


def mean_of(
    looks: Sequence[Look], prediction: Prediction, crops: Sequence[CropTransform]
) -> Prediction:
    """What the network says of `seen_by` -> of the N crops, in their pixels. Deviations are the
    mean of the looks': of one look, not of their mean map, which is 2 to 8 % nearer the truth."""
    if tuple(looks) == ONE_LOOK:
        return prediction
    maps, presence, deviations = prediction
    each = len(looks)
    placed = [
        sum(
            _placed(maps[i * each + k], look, crop) / np.float32(each)
            for k, look in enumerate(looks)
        )
        for i, crop in enumerate(crops)
    ]
    if presence is None or deviations is None:
        return Prediction(np.stack(placed))
    spreads = [
        np.mean(
            [
                _mirrored(deviations[i * each + k], look) * np.float32(exp(look.zoom))
                for k, look in enumerate(looks)
            ],
            axis=0,
        )
        for i in range(len(crops))
    ]
    return Prediction(np.stack(placed), presence.reshape(-1, each).mean(axis=1), np.stack(spreads))


def _placed(
    position_map: NDArray[np.float32], look: Look, crop: CropTransform
) -> NDArray[np.float32]:
    """A look's map (256, 256, 3) in the pixels of the crop."""
    seen = look.of(crop)
    corners = np.eye(4, 3)  # three axes and the origin
    at = crop.to_crop(seen.to_image(corners))
    linear, origin = at[:3] - at[3], at[3]
    if look.mirrored:
        flip = np.array([-1.0, 1.0, 1.0])
        origin = origin + (seen.size - 1) * linear[0]
        linear = linear * flip[:, None]
    moved = _mirrored(position_map, look).reshape(-1, 3) @ linear.astype(np.float32)
    return np.asarray(moved + origin.astype(np.float32)).reshape(position_map.shape)


def _mirrored(values: NDArray[np.float32], look: Look) -> NDArray[np.float32]:
    """Of a map or deviations (256, 256, ...): as they would be had the crop not been mirrored."""
    return values[:, ::-1] if look.mirrored else values
