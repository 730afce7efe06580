"""The last part of a run: the network learns what to think of its own maps.

Its map is finished by then and stays as it is; a small head learns on its features
(`prnet.training.networks.judge`): presence from crops that show a face where a detector would put
it, against crops beside faces, far too large or small, upside down, and of photos without faces,
and, where the folder has them, from what a detector found in photos in which people drew boxes;
deviation from the likelihood of the map's own errors beside the labels, under a normal
distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from prnet.training.data.augment import (
    Augmentation,
    augment_colours,
    cut_by_frame,
    flattened,
    occlude,
    similarity_crops,
)
from prnet.training.data.dataset import Batch, Kind, PreparedData, as_images, crop_squares
from prnet.training.data.draws import Draws
from prnet.training.data.prepared_files import MARGIN
from prnet.training.losses import PositionMapLoss
from prnet.training.networks.compact import CROP_SIZE, CompactNetwork
from prnet.training.progress import progress

LEARNING_RATE = 2e-3
DISTURBED = Augmentation(channels=0.7, blur=0.6, coarsest=0.1, occlusion=0.35)
"""More than in training: a face that is hard to see, small, or dark, is a face."""
CUT = 0.1
"""Share of the faces that the photo's frame cuts."""
FLAT = 0.2
"""Share of the crops that are dark or of little contrast."""
FARTHEST = 0.9
NEAREST = 0.5
"""A crop beside a face: its centre is off by so many of its sides."""
JITTER = 0.07
"""A detector's box is off by so much: its centre in sides, its side as a logarithm, half its turn
in radians."""
ONE_DEVIATION = 0.6827
"""Share of a normal distribution within one deviation."""


@dataclass(frozen=True)
class Judging:
    """How the heads are trained: samples in all, a step, shares of the kinds as in the run."""

    samples: int
    batch: int
    seed: int
    shares: Mapping[Kind, float]


def judge(
    network: CompactNetwork,
    data: PreparedData,
    loss: PositionMapLoss,
    settings: Judging,
    held_out: list[Batch],
) -> dict[str, float]:
    """Train the heads in place, scale the deviations so that 68 % of the errors of every other one
    of the ``held_out`` batches are within them, and score the heads on the rest: area under the
    curve of presence, shares of faces and of others that 0.5 keeps, share of the errors within
    their deviation, correlation of the deviation with the point's error."""
    network.eval()
    heads = network.judge.requires_grad_(True)
    errors, deviations, _ = _judged(network, loss, held_out[:1])
    heads.scale_deviation(float(np.sqrt((errors**2).mean()) / deviations.mean()))
    optimizer = torch.optim.Adam(heads.parameters(), lr=LEARNING_RATE)
    steps = max(1, settings.samples // settings.batch)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    device = next(network.parameters()).device
    bar = progress(steps, 0, quiet=False)
    for step in range(steps):
        draws = Draws(settings.seed, 1, step, device=data.device)
        faces, more, others = _batch(data, settings, draws)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(
            _loss(network, loss, faces.to(device), more.to(device), others.to(device))
        )
        optimizer.step()
        rates.step()
        bar.update()
    bar.close()
    heads.requires_grad_(False)
    errors, deviations, _ = _judged(network, loss, held_out[::2])
    heads.scale_deviation(float(np.quantile(np.abs(errors) / deviations[..., None], ONE_DEVIATION)))
    return _scores(network, data, loss, held_out[1::2] or held_out, settings)


def _batch(data: PreparedData, settings: Judging, draws: Draws) -> tuple[Batch, Tensor, Tensor]:
    """Half a batch of faces with their positions, half a batch (B, 3, S, S) of what is none; and of
    what a detector found, where there is such, half as many more of both; the faces apart."""
    count = max(1, settings.batch // 2)
    drawn = data.draw(draws, count, settings.shares)
    faces = data.batch(*drawn, draws, DISTURBED, crop_size=CROP_SIZE)
    faces = faces._replace(crops=flattened(cut_by_frame(faces.crops, draws, CUT), draws, FLAT))
    backgrounds = count // 2 if len(data.negatives) else 0
    drawn = data.draw(draws, count - backgrounds, settings.shares)
    others = misplaced(data, *drawn, draws)
    if backgrounds:
        others = torch.cat([others, _turned(_some(data.negatives, backgrounds, draws), draws)])
    others = occlude(augment_colours(others, draws, DISTURBED), draws, DISTURBED)
    if not (len(data.found_faces) and len(data.found_others)):
        return faces, others[:0], flattened(others, draws, FLAT)
    more, none = (
        _as_found(_some(stored, count // 2, draws), draws)
        for stored in (data.found_faces, data.found_others)
    )
    return faces, more, flattened(torch.cat([others, none]), draws, FLAT)


def _some(stored: NDArray[np.uint8], count: int, draws: Draws) -> Tensor:
    """Random ones of stored crops (N, H, H, 3) as images (count, 3, H, H)."""
    rows = draws.numbers.integers(0, len(stored), count)
    return as_images(torch.from_numpy(stored[rows]).to(draws.device))


def misplaced(data: PreparedData, crops: Tensor, labels: list[Tensor], draws: Draws) -> Tensor:
    """Stored crops -> crops (B, 3, S, S) that do not show their face as a crop should: beside it,
    three times too far away or too near, or turned by more than 75 degrees."""
    images = as_images(crops)
    points = data.positions(labels)
    centre, side = crop_squares(points)
    count = len(images)
    number, kind = draws.uniform(5, count), draws.integers(3, count)
    direction = 2 * torch.pi * number[0]
    distance = (NEAREST + (FARTHEST - NEAREST) * number[1]) * (kind == 0) * side
    off = torch.stack([torch.cos(direction), torch.sin(direction)], dim=1) * distance[:, None]
    grown = torch.where(number[2] < 0.5, 0.3 + 0.15 * number[3], 2.2 + 1.3 * number[3])
    side = side * torch.where(kind == 1, grown, 1.0)
    sign = torch.where(number[2] < 0.5, 1.0, -1.0)
    angle = torch.where(kind == 2, sign * torch.deg2rad(75 + 105 * number[3]), number[4] - 0.5)
    wrong, _ = similarity_crops(
        images, points, centre + off, side, angle, number[4] < 0.5, crop_size=CROP_SIZE,
        padding="border",
    )  # fmt: skip
    return wrong


def _turned(images: Tensor, draws: Draws) -> Tensor:
    """Images (N, 3, H, H) without faces -> crops (N, 3, S, S), every other one turned."""
    count, size = len(images), images.shape[-1]
    number = draws.uniform(3, count)
    angle = 2 * torch.pi * number[1] * (number[2] < 0.5)
    off, side = images.new_zeros(count, 2), size * (0.4 + 0.6 * number[0])
    return _cut(images, off, side, angle, number[1] < 0.5)


def _as_found(images: Tensor, draws: Draws) -> Tensor:
    """Images (N, 3, H, H) around a detector's boxes -> crops (N, 3, S, S), a little off."""
    side, number = images.shape[-1] / MARGIN, draws.within(1, 5, len(images))
    crops = _cut(
        images, JITTER * side * number[:2].T, side * torch.exp(JITTER * number[2]),
        JITTER * 2 * number[3], number[4] < 0,
    )  # fmt: skip
    return augment_colours(crops, draws, Augmentation())


def _cut(images: Tensor, off: Tensor, side: Tensor, angle: Tensor, mirrored: Tensor) -> Tensor:
    """As `similarity_crops`, ``off`` (N, 2) from the images' middle."""
    centre = off + (images.shape[-1] - 1) / 2
    crops, _ = similarity_crops(
        images, centre[:, None], centre, side, angle, mirrored,
        crop_size=CROP_SIZE, padding="border",
    )  # fmt: skip
    return crops


def _loss(
    network: CompactNetwork, loss: PositionMapLoss, faces: Batch, more: Tensor, others: Tensor
) -> Tensor:
    with torch.no_grad():
        features = network.features(torch.cat([faces.crops, more, others]))
        grid, _ = loss.evaluate(network.placed(faces.crops, features[2][: len(faces.crops)]))
    presence, deviation = network.judge(*features[:2])
    shown = torch.zeros_like(presence)
    shown[: len(faces.crops) + len(more)] = 1
    spread = _at_grid(deviation[: len(faces.crops)], loss)
    squares = ((grid - faces.grid) ** 2).mean(dim=2)
    likelihood = (torch.log(spread) + squares / (2 * spread**2)).mean()
    return F.binary_cross_entropy_with_logits(presence, shown) + likelihood


def _at_grid(deviation: Tensor, loss: PositionMapLoss) -> Tensor:
    """Deviations (B, h, w) of the whole map -> (B, P) at the grid's points."""
    size = loss.grid_size
    wide = F.interpolate(deviation[:, None], size=size, mode="bilinear", align_corners=False)
    return loss.at_grid(wide[:, 0])


@torch.no_grad()
def _judged(
    network: CompactNetwork, loss: PositionMapLoss, batches: list[Batch]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Of batches: errors (N, P, 3), deviations (N, P), presence as a logit (N,)."""
    rows: list[tuple[Tensor, ...]] = []
    device = next(network.parameters()).device
    for batch in (each.to(device) for each in batches):
        features = network.features(batch.crops)
        presence, deviation = network.judge(*features[:2])
        grid, _ = loss.evaluate(network.placed(batch.crops, features[2]))
        rows.append((grid - batch.grid, _at_grid(deviation, loss), presence))
    errors, deviations, presence = (
        torch.cat(part).cpu().numpy() for part in zip(*rows, strict=True)
    )
    return errors, deviations, presence


def _scores(
    network: CompactNetwork,
    data: PreparedData,
    loss: PositionMapLoss,
    batches: list[Batch],
    settings: Judging,
) -> dict[str, float]:
    errors, deviations, faces = _judged(network, loss, batches)
    draws = Draws(settings.seed, device=data.device)
    rows = data.rows(0, data.held_out_photos[: len(faces)])
    with torch.no_grad():
        crops = misplaced(data, *data.gather(rows), draws)
        features = network.features(crops.to(next(network.parameters()).device))
        others = network.judge(*features[:2])[0].cpu().numpy()
    distance = np.sqrt((errors**2).mean(axis=2))
    scores = {
        "presence": float((faces[:, None] > others[None]).mean()),
        "faces kept": float((faces > 0).mean()),
        "others kept": float((others > 0).mean()),
        "within deviation": float((np.abs(errors) <= deviations[..., None]).mean()),
        "deviation correlation": float(np.corrcoef(distance.ravel(), deviations.ravel())[0, 1]),
    }
    return {name: round(score, 4) for name, score in scores.items()}
