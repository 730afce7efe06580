"""The last part of a run: the network learns what to think of its own maps.

Its map is finished by then and stays as it is; a small head learns on its features
(`prnet.training.networks.judge`): presence from crops that show a face where a detector would put
it, against crops beside faces, far too large or small, upside down, and of photos without faces,
and, where the folder has them, from what a detector found in photos in which people drew boxes;
deviation from the likelihood of the map's own errors under a normal distribution.
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
from prnet.training.data.dataset import Batch, Kind, PreparedData, crop_squares
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
        random = np.random.default_rng([settings.seed, 1, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        faces, more, others = _batch(data, settings, random, generator)
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


def _batch(
    data: PreparedData,
    settings: Judging,
    random: np.random.Generator,
    generator: torch.Generator,
) -> tuple[Batch, Tensor, Tensor]:
    """Half a batch of faces with their positions, half a batch (B, 3, S, S) of what is none; and of
    what a detector found, where there is such, half as many more of both; the faces apart."""
    count = settings.batch // 2
    drawn = data.draw(random, count, settings.shares)
    faces = data.batch(*drawn, generator, DISTURBED, crop_size=CROP_SIZE)
    shown = flattened(cut_by_frame(faces.crops, generator, CUT), generator, FLAT)
    faces = faces._replace(crops=shown)
    backgrounds = count // 2 if len(data.negatives) else 0
    crops, labels = data.draw(random, count - backgrounds, settings.shares)
    others = misplaced(data, crops, labels, generator)
    if backgrounds:
        rows = random.integers(0, len(data.negatives), backgrounds)
        others = torch.cat([others, _turned(data.negatives[rows], generator).to(others)])
    others = occlude(augment_colours(others, generator, DISTURBED), generator, DISTURBED)
    if not (len(data.found_faces) and len(data.found_others)):
        return faces, others[:0], flattened(others, generator, FLAT)
    more, none = (
        _as_found(stored[random.integers(0, len(stored), count // 2)], generator).to(others)
        for stored in (data.found_faces, data.found_others)
    )
    return faces, more, flattened(torch.cat([others, none]), generator, FLAT)


def misplaced(
    data: PreparedData,
    crops: NDArray[np.uint8],
    labels: list[Tensor],
    generator: torch.Generator,
) -> Tensor:
    """Stored crops -> crops (B, 3, S, S) that do not show their face as a crop should: beside it,
    three times too far away or too near, or turned by more than 75 degrees."""
    images = torch.from_numpy(crops).to(data.device).permute(0, 3, 1, 2).float() / 255
    points = data.positions(labels)
    centre, side = crop_squares(points)
    count = len(images)
    number = torch.rand(5, count, generator=generator).to(side)
    kind = torch.randint(3, (count,), generator=generator).to(side.device)
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


def _turned(stored: NDArray[np.uint8], generator: torch.Generator) -> Tensor:
    """Stored crops (N, H, H, 3) without faces -> crops (N, 3, S, S), every other one turned."""
    images = torch.from_numpy(stored).permute(0, 3, 1, 2).float() / 255
    count, size = len(images), images.shape[-1]
    number = torch.rand(3, count, generator=generator)
    angle = 2 * torch.pi * number[1] * (number[2] < 0.5)
    crops, _ = similarity_crops(
        images, torch.zeros(count, 1, 3), torch.full((count, 2), (size - 1) / 2),
        size * (0.4 + 0.6 * number[0]), angle, number[1] < 0.5,
        crop_size=CROP_SIZE, padding="border",
    )  # fmt: skip
    return crops


def _as_found(stored: NDArray[np.uint8], generator: torch.Generator) -> Tensor:
    """Stored crops (N, H, H, 3) around a detector's boxes -> crops (N, 3, S, S), a little off."""
    images = torch.from_numpy(stored).permute(0, 3, 1, 2).float() / 255
    count, size = len(images), images.shape[-1]
    side = size / MARGIN
    number = 2 * torch.rand(5, count, generator=generator) - 1
    centre = (size - 1) / 2 + JITTER * side * number[:2].T
    crops, _ = similarity_crops(
        images, torch.zeros(count, 1, 3), centre, side * torch.exp(JITTER * number[2]),
        JITTER * 2 * number[3], number[4] < 0, crop_size=CROP_SIZE, padding="border",
    )  # fmt: skip
    return augment_colours(crops, generator, Augmentation())


def _loss(
    network: CompactNetwork, loss: PositionMapLoss, faces: Batch, more: Tensor, others: Tensor
) -> Tensor:
    with torch.no_grad():
        features = network.features(torch.cat([faces.crops, more, others]))
        grid, _ = loss.evaluate(network.placed(features[2][: len(faces.crops)]))
    presence, deviation = network.judge(*features[:2])
    shown = torch.zeros_like(presence)
    shown[: len(faces.crops) + len(more)] = 1
    spread = _at_grid(deviation[: len(faces.crops)], loss)
    squares = ((grid - faces.grid) ** 2).mean(dim=2)
    likelihood = (torch.log(spread) + squares / (2 * spread**2)).mean()
    return F.binary_cross_entropy_with_logits(presence, shown) + likelihood


def _at_grid(deviation: Tensor, loss: PositionMapLoss) -> Tensor:
    """Deviations (B, h, w) of the whole map -> (B, P) at the grid's points."""
    size = loss.inside.shape
    wide = F.interpolate(deviation[:, None], size=size, mode="bilinear", align_corners=False)
    return wide[:, 0][:, loss.inside]


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
        grid, _ = loss.evaluate(network.placed(features[2]))
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
    generator = torch.Generator().manual_seed(settings.seed)
    rows = [(0, int(row)) for row in data.held_out_photos[: len(faces)]]
    with torch.no_grad():
        crops = misplaced(data, *data.gather(rows), generator)
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
