"""The paper's recipe (Feng et al., ECCV 2018): resfcn256, whole maps, weighted squared error.

Its samples come from a 300W-LP folder with the Basel Face Model (preset ``paper``) or from our own
prepared data in our own UV layout (``paper-ict``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import radians
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from prnet.geometry.crop import CropRule
from prnet.layout.uv_layout import UVLayout
from prnet.training.config import Setting, TrainConfig
from prnet.training.data.augment import NO_AUGMENTATION, Augmentation, occlude, similarity_crops
from prnet.training.data.dataset import Batch
from prnet.training.data.draws import Draws
from prnet.training.networks.resfcn256 import CROP_SIZE, POSITION_RANGE, ResFCN256
from prnet.training.schedule import optimiser

ROTATION = 45.0
"""Degrees each way (section 3.3)."""
TRANSLATION = 0.1
"""Of the crop's side, each way (section 3.3)."""
SCALE = (0.9, 1.2)
"""The face's size is multiplied by these (section 3.3)."""
CHANNELS = (0.6, 1.4)
"""Each colour channel is multiplied by these (section 3.3)."""
OCCLUSION = Augmentation(**{**NO_AUGMENTATION.__dict__, "occlusion": 0.5, "pieces": 0.0})
"""Noise texture (section 3.3); the paper does not say how often: half of the samples here."""


class Example(NamedTuple):
    """A photo before augmentation. image: (3, H, W) float32 in 0..1.  points: (P + 68, 3), the
    region's positions and the landmarks, image pixels, smallest z 0.  centre: (2,), side: (),
    the crop."""

    image: Tensor
    points: Tensor
    centre: Tensor
    side: Tensor


class Source(Protocol):
    """``weights``: (P,) float32, of the region's pixels in the loss."""

    layout: UVLayout
    weights: NDArray[np.float32]
    crop_rules: Mapping[str, CropRule]

    def __len__(self) -> int: ...

    def settings(self) -> list[Setting]: ...

    def example(self, index: int, epoch: int) -> Example: ...

    def validation(self, loss: PaperLoss) -> Callable[[nn.Module], dict[str, float]]: ...


class PaperRecipe:
    """The presets ``paper`` and ``paper-ict``."""

    crop_size = CROP_SIZE

    def __init__(self, config: TrainConfig, source: Source, device: torch.device) -> None:
        self._config, self._source = config, source
        self.layout, self.crop_rules = source.layout, source.crop_rules
        self.epoch = len(source)
        self._loss = PaperLoss(self.layout, source.weights, device)

    def settings(self) -> list[Setting]:
        config, details = self._config, "section 3.3"
        decay = "L2 term" if config.optimizer == "adam" else "weight decay"
        return [
            Setting("network", "resfcn256, 13,353,618 parameters", "section 3.2"),
            *self._source.settings(),
            Setting("rotation", f"+-{ROTATION:g} degrees", details),
            Setting("translation", f"+-{TRANSLATION:.0%} of the crop", details),
            Setting("scale", "x {:g}..{:g}".format(*SCALE), details),
            Setting("colours", "each channel x {:g}..{:g}".format(*CHANNELS), details),
            Setting("occlusion", f"noise texture on {OCCLUSION.occlusion:.0%}", details),
            Setting("optimiser", optimiser(config), details),
            Setting("batch", str(config.batch), details),
            Setting(decay, f"{config.weight_decay:g} on convolutions", "the released graph"),
        ]

    def network(self) -> nn.Module:
        return ResFCN256()

    def batch(self, step: int, share: slice) -> Batch:
        """Samples are numbered through the run; each depends on the seed and its number alone."""
        first = step * self._config.batch
        samples = [self._sample(first + i) for i in range(share.start, share.stop)]
        return Batch(*(torch.cat(parts) for parts in zip(*samples, strict=True)))

    def _sample(self, number: int) -> Batch:
        epoch, position = divmod(number, self.epoch)
        index = int(_order(self._config.seed, epoch, self.epoch)[position])
        return augmented(self._source.example(index, epoch), Draws(self._config.seed, number))

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return self._loss(network(batch.crops), batch.grid)

    def validation(self) -> Callable[[nn.Module], dict[str, float]]:
        return self._source.validation(self._loss)

    def judge(self, averaged: nn.Module, samples: int) -> dict[str, float]:
        return {}


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch, count]).permutation(count)


def augmented(example: Example, draws: Draws) -> Batch:
    """Section 3.3's augmentation of one sample; black beyond the image, labels moved along."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * draws.uniform(*shape)

    angle = uniform(-radians(ROTATION), radians(ROTATION), 1)
    side = example.side[None] / uniform(*SCALE, 1)
    centre = example.centre[None] + uniform(-TRANSLATION, TRANSLATION, 1, 2) * side
    crops, points = cut(example, centre, side, angle)
    crops = (crops * uniform(*CHANNELS, 1, 3, 1, 1)).clamp(0, 1)
    return Batch(occlude(crops, draws, OCCLUSION), points[:, :-68], points[:, -68:])


def undisturbed(example: Example) -> Batch:
    """The sample as a batch of one, without augmentation."""
    crops, points = cut(example, example.centre[None], example.side[None], torch.zeros(1))
    return Batch(crops, points[:, :-68], points[:, -68:])


def cut(example: Example, centre: Tensor, side: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Crops (1, 3, 256, 256) and points (1, P + 68, 3) in their pixels."""
    return similarity_crops(
        example.image[None],
        example.points[None],
        centre,
        side,
        angle,
        torch.zeros(1, dtype=torch.bool),
        crop_size=CROP_SIZE,
        padding="zeros",
    )


class PaperLoss:
    """Weighted squared error of the map (section 3.2), positions in units of the network's range.

    Mean over the weights: pixels outside the region count nothing.
    """

    def __init__(
        self, layout: UVLayout, weights: NDArray[np.float32], device: torch.device
    ) -> None:
        self._inside = torch.from_numpy(layout.region).to(device)
        self._weights = torch.from_numpy(weights / weights.sum()).to(device)
        self._landmarks = torch.from_numpy(2 * (layout.landmarks + 0.5) / layout.size - 1).to(
            device
        )

    def __call__(self, maps: Tensor, grid: Tensor) -> dict[str, Tensor]:
        """Maps (B, 3, 256, 256), true positions (B, P, 3), both in crop pixels -> "total", and
        "pixels", the weighted mean distance."""
        difference = maps[:, :, self._inside].transpose(1, 2) - grid
        squared = (difference**2).sum(dim=-1)
        total = (squared @ self._weights).mean() / POSITION_RANGE**2
        return {"total": total, "pixels": (squared.detach().sqrt() @ self._weights).mean()}

    def predict(self, network: nn.Module, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (B, 3, 256, 256) -> positions (B, P, 3) and landmarks (B, 68, 3) in crop pixels, z
        zero at the landmarks' mean."""
        maps = network(crops)
        places = self._landmarks.expand(len(maps), 1, -1, -1)
        landmarks = F.grid_sample(maps, places, align_corners=False)[:, :, 0].transpose(1, 2)
        origin = landmarks[..., 2:].mean(dim=1, keepdim=True) * maps.new_tensor([0, 0, 1])
        return maps[:, :, self._inside].transpose(1, 2) - origin, landmarks - origin
