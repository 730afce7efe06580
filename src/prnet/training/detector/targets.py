"""What each cell of the detector should say about a picture, and how far off it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from prnet.detection.candidates import STRIDES, UNIT
from prnet.training.detector.mosaics import Picture

BOUNDS = (0.0, 44.0, 104.0, 1e9)
"""Longer sides in pixels of the faces of each stride."""
BAND = 1.18
"""Within this factor of a bound the other stride is neither asked for a face nor forbidden it."""
NEAR = 0.14
"""Cells within this x the longer side of the centre are positive; always the nearest one."""
SPREAD = 0.16
"""Standard deviation of the falling penalty around it, in longer sides."""
WEIGHTS = {"score": 1.0, "centre": 1.0, "size": 1.0, "roll": 0.4, "points": 0.4}
"""Roll and points are the second step's to get right (`prnet.training.detector.refine`)."""


class Targets(NamedTuple):
    """One stride of a batch, each (B, ..., h, w).

    heat (B, h, w): 1 at positives, the relief of the penalty elsewhere. care (B, h, w): 0 where
    the score is not judged. values (B, 16, h, w), weights of the box and of roll and points
    (B, 2, h, w).
    """

    heat: Tensor
    care: Tensor
    values: Tensor
    weights: Tensor


def make_targets(pictures: list[Picture]) -> list[Targets]:
    size = len(pictures[0].canvas)
    return [
        Targets(*(torch.from_numpy(np.stack(each)) for each in zip(*(
            _one(picture, stride, BOUNDS[i], BOUNDS[i + 1], size // stride) for picture in pictures
        ), strict=True)))
        for i, stride in enumerate(STRIDES)
    ]  # fmt: skip


def _one(
    picture: Picture, stride: int, low: float, high: float, cells: int
) -> tuple[np.ndarray, ...]:
    heat, best = np.zeros((cells, cells), np.float32), np.full((cells, cells), np.inf, np.float32)
    values = np.zeros((16, cells, cells), np.float32)
    weights = np.zeros((2, cells, cells), np.float32)
    half = stride // 2
    care = ~picture.ignored[half::stride, half::stride]
    at = np.arange(cells, dtype=np.float32) * stride + (stride - 1) / 2
    for face in picture.faces:
        x, y, w, h, roll = face[:5].tolist()
        side = max(w, h)
        if not low / BAND <= side < high * BAND:
            continue
        distance = np.maximum((at - x) ** 2, 0)[None] + ((at - y) ** 2)[:, None]
        if not low <= side < high:
            care &= distance > (0.4 * side) ** 2
            continue
        near = distance <= max((NEAR * side) ** 2, distance.min())
        np.maximum(heat, np.exp(-distance / (2 * (SPREAD * side) ** 2)) * 0.98, out=heat)
        near &= distance < best
        best[near] = distance[near]
        rows, columns = np.nonzero(near)
        dx, dy = x - at[columns], y - at[rows]
        unit, turn = stride * UNIT, np.radians(roll)
        values[0, rows, columns], values[1, rows, columns] = dx / stride, dy / stride
        values[2, rows, columns], values[3, rows, columns] = np.log(w / unit), np.log(h / unit)
        values[4, rows, columns], values[5, rows, columns] = np.cos(turn), np.sin(turn)
        values[6::2, rows, columns] = (face[5:15:2, None] - at[columns]) / unit
        values[7::2, rows, columns] = (face[6:15:2, None] - at[rows]) / unit
        weights[:, rows, columns] = face[15:17, None]
    positive = np.isfinite(best)
    heat[positive] = 1
    care |= positive
    return heat, care.astype(np.float32), values, weights


def losses(outputs: list[Tensor], targets: list[Targets]) -> dict[str, Tensor]:
    """Mean losses by name; "total" is what to minimise."""
    sums = dict.fromkeys(("score", "centre", "size", "roll", "points"), torch.zeros(()))
    positives, boxed, pointed = torch.zeros(()), torch.zeros(()), torch.zeros(())
    for output, (heat, care, values, weights) in zip(outputs, targets, strict=True):
        logit = output[:, 0]
        probability = torch.sigmoid(logit)
        positive = heat == 1
        hit = F.logsigmoid(logit) * (1 - probability) ** 2
        miss = F.logsigmoid(-logit) * probability**2 * (1 - heat) ** 4
        # A large face has few positive cells, a small one has one; weigh faces, not cells.
        sums["score"] = sums["score"] - (torch.where(positive, hit, miss) * care).sum()
        positives = positives + positive.sum()
        at = positive.nonzero(as_tuple=True)
        got = output.permute(0, 2, 3, 1)[at][:, 1:]
        wanted = values.permute(0, 2, 3, 1)[at]
        of_box, of_points = weights.permute(0, 2, 3, 1)[at].unbind(dim=1)
        apart = F.smooth_l1_loss(got, wanted, reduction="none", beta=0.1)
        # The offset counts in box sides, as the size does.
        side = wanted[:, 2:4].amax(dim=1).exp() * UNIT
        sums["centre"] = (
            sums["centre"] + (apart[:, :2].sum(dim=1) / side.clamp(min=1) * 4 * of_box).sum()
        )
        sums["size"] = sums["size"] + (apart[:, 2:4].sum(dim=1) * of_box).sum()
        # Squared: what is far off must pull hardest, or all faces stay upright.
        turn = (got[:, 4:6] - wanted[:, 4:6]).square().sum(dim=1)
        sums["roll"] = sums["roll"] + (1.5 * turn * of_points).sum()
        points = F.smooth_l1_loss(got[:, 6:], wanted[:, 6:], reduction="none", beta=0.05).sum(dim=1)
        sums["points"] = sums["points"] + (points * 4 / side * of_points).sum()
        boxed, pointed = boxed + of_box.sum(), pointed + of_points.sum()
    counts = {
        "score": positives,
        "centre": boxed,
        "size": boxed,
        "roll": pointed,
        "points": pointed,
    }
    result = {name: total / counts[name].clamp(min=1) for name, total in sums.items()}
    weighted = (WEIGHTS[name] * loss for name, loss in result.items())
    result["total"] = sum(weighted, torch.zeros(()))
    return result
