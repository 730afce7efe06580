"""What a preset trains: a network, on some data, with a loss. The loop is in train.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prnet.errors import PrnetError
from prnet.geometry.crop import CropRule, CropTransform
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.training.config import Setting, TrainConfig, loaders
from prnet.training.data.augment import Augmentation
from prnet.training.data.dataset import Batch, Kind, PreparedData
from prnet.training.data.draws import Draws
from prnet.training.judging import Judging, judge
from prnet.training.losses import PositionMapLoss
from prnet.training.networks.compact import CROP_SIZE, CompactNetwork
from prnet.training.paper.recipe import PaperRecipe
from prnet.training.paper.sources import Lp300wMaps, PreparedMaps
from prnet.training.schedule import optimiser
from prnet.training.validate import Validation

JUDGED = 40_000
"""Samples from which a finished network learns to judge itself; at most half of the run's."""


class Recipe(Protocol):
    """``epoch``: samples after which the data repeat. ``crop_rules``: by detector."""

    layout: UVLayout
    crop_size: int
    epoch: int
    crop_rules: Mapping[str, CropRule]

    def settings(self) -> list[Setting]: ...

    def network(self) -> nn.Module:
        """The network before its first step."""

    def batch(self, step: int, share: slice) -> Batch:
        """A share of the batch of a step, a function of seed and step alone."""

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """ "total" is what training lowers; the others are logged, too."""

    def validation(self) -> Callable[[nn.Module], dict[str, float]]: ...

    def judge(self, averaged: nn.Module, samples: int) -> dict[str, float]:
        """Teach a network, finished after so many samples, what to think of its maps; scores, none
        where it cannot learn that."""


def make_recipe(config: TrainConfig, device: torch.device) -> Recipe:
    """The recipe that ``config.preset`` names."""
    if config.preset == "compact":
        return CompactRecipe(config, device)
    if config.precision != "float32":
        raise PrnetError(
            f"expected --precision float32 for preset {config.preset}, whose last layers would "
            f"round positions to whole pixels, got {config.precision}"
        )
    source = Lp300wMaps(config) if config.preset == "paper" else PreparedMaps(config)
    return PaperRecipe(config, source, device)


class CompactRecipe:
    """The package's own network: B-spline maps, prepared photos and views, our loss."""

    crop_size = CROP_SIZE
    crop_rules: Mapping[str, CropRule] = {}

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self._config, self.layout = config, default_layout()
        # CUDA does not survive the fork of loader processes.
        data_device = torch.device("cpu") if loaders(config) else device
        self.data = PreparedData(config.data, device=data_device)
        self.epoch = sum(len(self.data.training_rows(part)) for part in range(len(self.data.parts)))
        self._shares: dict[Kind, float] = {
            "views": config.turned,
            "heads": config.heads,
            "profiles": config.profiles,
        }
        self._loss = PositionMapLoss(
            self.layout,
            self.data.grid_inside,
            landmark_weight=config.landmark_weight,
            depth_weight=config.depth_weight,
            opening_weight=config.opening_weight,
            shape_weight=config.shape_weight,
            edge_weight=config.edge_weight,
            device=device,
        )

    def settings(self) -> list[Setting]:
        config, ours = self._config, "ours"
        return [
            Setting("network", "compact, 128x128 to 64x64 points, eyes and mouth twice", ours),
            Setting("data", f"{self.epoch} photos and views in {config.data}", ours),
            Setting("crops", str(self.data.stored), ours),
            Setting("loss", "weighted distances; landmarks, openings beside the map", ours),
            Setting("augmentation", "rotation +-45 degrees, channels x 0.6..1.4", "section 3.3"),
            Setting("optimiser", optimiser(config), ours),
            Setting("batch", str(config.batch), ours),
        ]

    def network(self) -> nn.Module:
        network = CompactNetwork()
        network.start_from(mean_map_in_crop(self.layout))
        return network

    def batch(self, step: int, share: slice) -> Batch:
        """Samples are mixed in augmentation: each process makes them all and keeps its share."""
        draws = Draws(self._config.seed, step, device=self.data.device)
        drawn = self.data.draw(draws, self._config.batch, self._shares)
        whole = self.data.batch(*drawn, draws, Augmentation(), crop_size=CROP_SIZE)
        return whole.part(share)

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        half = self._config.precision == "bfloat16"
        with torch.autocast(batch.crops.device.type, torch.bfloat16, enabled=half):
            control = network.control_points(batch.crops)  # type: ignore[operator]
        losses = self._loss(control, batch.grid, batch.landmarks)
        return vars(losses)

    def validation(self) -> Callable[[nn.Module], dict[str, float]]:
        return Validation(self.data, self._loss, crop_size=CROP_SIZE)

    def judge(self, averaged: nn.Module, samples: int) -> dict[str, float]:
        assert isinstance(averaged, CompactNetwork)
        count = min(JUDGED, samples // 2)
        settings = Judging(count, self._config.batch, self._config.seed, self._shares)
        held_out = Validation(self.data, self._loss, crop_size=CROP_SIZE).batches
        return judge(averaged, self.data, self._loss, settings, held_out)


def mean_map_in_crop(layout: UVLayout) -> NDArray[np.float32]:
    """The canonical face as large and where a frontal face is in a crop: (256, 256, 3); outside the
    region its edge goes on."""
    crop = CropTransform.from_landmarks(layout.canonical_landmarks, size=CROP_SIZE)
    placed: NDArray[Any] = np.asarray(crop.to_crop(layout.canonical), np.float32)
    return layout.extended(layout.with_z_origin(placed))
