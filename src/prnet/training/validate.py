"""Validation during training: held-out people, crops as a detector would give them."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from prnet.evaluation.protocols import nme
from prnet.training.data.augment import NO_AUGMENTATION, Augmentation
from prnet.training.data.dataset import PreparedData
from prnet.training.data.draws import Draws

DETECTOR_JITTER = Augmentation(
    **{**NO_AUGMENTATION.__dict__, "rotation": 5.0, "translation": 0.05, "scale": 0.08}
)
YAW_BINS = (0, 30, 60, 90)


class Predictor(Protocol):
    """A loss that knows how to ask its network."""

    def predict(self, network: torch.nn.Module, crops: Tensor) -> tuple[Tensor, Tensor]: ...


class Validation:
    """A fixed set of held-out photos and views, the same crops every time."""

    def __init__(
        self, data: PreparedData, loss: Predictor, *, crop_size: int, count: int = 384
    ) -> None:
        self._loss = loss
        random = np.random.default_rng(1)
        annotated = ~np.isnan(data.annotated[:, 0, 0]) & data.held_out
        photos = np.flatnonzero(data.held_out & ~annotated)
        known = np.flatnonzero(annotated)
        picks = [(0, random.permutation(which)[:count]) for which in (photos, known)]
        for part, views in enumerate(data.views[:2], start=1):
            picks.append((part, np.flatnonzero(data.held_out[views.sample])[:count]))
        draws = Draws(1, device=data.device)
        rows = torch.cat([data.rows(part, which) for part, which in picks])
        self.batches = [
            data.batch(*data.gather(some), draws, DETECTOR_JITTER, crop_size=crop_size)
            for some in torch.split(rows, 64)
        ]
        yaws = [data.parts[part].yaw[which] for part, which in picks]
        self._yaw = np.abs(np.concatenate(yaws))
        self._is_photo = np.concatenate([np.full(len(which), part == 0) for part, which in picks])

    def __call__(self, network: torch.nn.Module) -> dict[str, float]:
        """NME (68 points, 2D, label landmarks) of photos and of views by yaw, dense 3D NME, and the
        correlation of lid and lip openings, in the picture, over their width in space: in the
        picture a profile's is nearly 0."""
        device = next(network.parameters()).device
        was_training = network.training
        network.eval()
        predicted, true, dense = [], [], []
        with torch.no_grad():
            for batch in self.batches:
                grid, landmarks = self._loss.predict(network, batch.crops.to(device))
                predicted.append(landmarks)
                true.append(batch.landmarks)
                dense.append(_dense_nme(grid, batch.grid.to(device)))
        network.train(was_training)
        points, truth = (torch.cat(parts).cpu().numpy() for parts in (predicted, true))
        errors = nme(points[..., :2], truth[..., :2])
        result = {"photos": float(errors[self._is_photo].mean())}
        for low, high in pairwise(YAW_BINS):
            chosen = ~self._is_photo & (self._yaw >= low) & (self._yaw <= high)
            if chosen.any():
                result[f"views {low}-{high}"] = float(errors[chosen].mean())
        result["dense 3D"] = float(torch.cat(dense).mean())
        for name, upper, lower, left, right in (
            ("lids", [37, 38, 43, 44], [41, 40, 47, 46], 36, 39),
            ("lips", [61, 62, 63], [67, 66, 65], 48, 54),
        ):
            values = []
            for landmarks in (points[self._is_photo], truth[self._is_photo]):
                opening = (landmarks[:, lower, :2] - landmarks[:, upper, :2]).mean(axis=1)
                width = np.linalg.norm(landmarks[:, left] - landmarks[:, right], axis=1)
                values.append(np.linalg.norm(opening, axis=1) / width)
            if min(np.std(opening) for opening in values) > 0:  # not with a single photo
                result[f"{name} correlation"] = float(np.corrcoef(*values)[0, 1])
        return {key: round(value, 4) for key, value in result.items()}


def _dense_nme(predicted: Tensor, true: Tensor) -> Tensor:
    """Positions (B, P, 3) -> (B,) per cent of sqrt(w * h) of the true points, mean z aligned."""
    centre = torch.tensor([0.0, 0.0, 1.0], device=true.device)
    predicted = predicted - predicted[..., 2:].mean(dim=1, keepdim=True) * centre
    true = true - true[..., 2:].mean(dim=1, keepdim=True) * centre
    size = true[..., :2].amax(dim=1) - true[..., :2].amin(dim=1)
    error: Tensor = 100 * (predicted - true).norm(dim=-1).mean(dim=1) / size.prod(dim=-1).sqrt()
    return error
