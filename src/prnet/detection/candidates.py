"""Rows of candidates: what both steps of the detector give, and which of them are one face.

A row is 17 float32: score; centre x, y; width, height; cosine and sine of the roll; five points
(10). Lengths are pixels, in the frame that the caller says.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.boxes import Box

WIDTH = 17
STRIDES, UNIT = (8, 16, 32), 4
"""Cells of the first step, in pixels, and the strides that lengths are predicted in."""

MAX_OVERLAP = 0.4
"""Two boxes are one face when their intersection is more than this part of their union ..."""
MAX_COVER = 0.65
"""... or more than this part of the smaller one."""
CLOSE = 0.6
"""With more of the union than this in common, boxes are averaged."""
MAX_CANDIDATES = 1000
LOOKED_AT = 8
"""Sizes of pictures whose cells are kept, at most some megabytes each."""

Floats = NDArray[np.float32]


def decode_grids(outputs: Floats, high: int, wide: int, min_score: float) -> Floats:
    """The first step's outputs (17, N) for an input of ``high`` x ``wide`` -> rows of at least
    ``min_score``, in input pixels."""
    chosen = np.flatnonzero(outputs[0] >= logit(min_score))
    if len(chosen) > MAX_CANDIDATES:
        chosen = chosen[np.argsort(-outputs[0, chosen])[:MAX_CANDIDATES]]
    values = outputs[:, chosen].T
    values[:, 1:3] /= UNIT
    at, unit = _cells(high, wide)
    return decode(values, at[chosen], unit[chosen])


@lru_cache(maxsize=LOOKED_AT)
def _cells(high: int, wide: int) -> tuple[Floats, Floats]:
    """Centres (N, 2) of the first step's cells and their units (N,), input pixels."""
    centres, units = [], []
    for stride in STRIDES:
        rows, columns = np.indices((high // stride, wide // stride), np.float32).reshape(2, -1)
        centres.append(np.stack([columns, rows], axis=1) * stride + (stride - 1) / 2)
        units.append(np.full(len(rows), stride * UNIT, np.float32))
    return np.concatenate(centres), np.concatenate(units)


def decode(values: Floats, at: NDArray[np.floating], unit: NDArray[np.floating]) -> Floats:
    """Network values (N, 17) -> rows. Centres and points are ``unit`` (N,) pixels from ``at``
    (N, 2), sizes the exponential of units."""
    rows = np.empty((len(values), WIDTH), np.float32)
    unit = np.asarray(unit)[:, None]
    rows[:, 0] = 1 / (1 + np.exp(-values[:, 0]))
    rows[:, 1:3] = at + values[:, 1:3] * unit
    rows[:, 3:5] = np.exp(np.clip(values[:, 3:5], -8, 8)) * unit
    length = np.maximum(np.hypot(values[:, 5], values[:, 6]), 1e-6)
    rows[:, 5:7] = values[:, 5:7] / length[:, None]
    points = at[:, None] + values[:, 7:].reshape(-1, 5, 2) * unit[..., None]
    rows[:, 7:] = points.reshape(-1, 10)
    return rows


def placed(local: Floats, frames: Floats) -> Floats:
    """Rows in the frames of other rows (their centre, longer side and roll) -> rows of the picture
    that those are of."""
    rows = local.copy()
    side = frames[:, 3:5].max(axis=1)
    cosine, sine = frames[:, 5], frames[:, 6]
    turn = np.stack([np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)], axis=1)
    scaled = turn * side[:, None, None]
    centre = frames[:, None, 1:3]
    rows[:, 1:3] = np.einsum("nij,nj->ni", scaled, local[:, 1:3]) + frames[:, 1:3]
    rows[:, 3:5] = local[:, 3:5] * side[:, None]
    rows[:, 5:7] = np.einsum("nij,nj->ni", turn, local[:, 5:7])
    points = local[:, 7:].reshape(-1, 5, 2)
    rows[:, 7:] = (np.einsum("nij,npj->npi", scaled, points) + centre).reshape(-1, 10)
    return rows


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def rescaled(rows: Floats, ratio: NDArray[np.floating], margin: tuple[int, int]) -> Floats:
    """Rows of a picture with a frame of ``margin`` (x, y) pixels -> rows of the picture before it
    was resized to 1 / ``ratio`` (2,) and framed."""
    moved = rows.copy()
    moved[:, 1:3] = (rows[:, 1:3] - margin + 0.5) * ratio - 0.5
    moved[:, 3:5] *= float(np.mean(ratio))
    points = rows[:, 7:].reshape(-1, 5, 2)
    moved[:, 7:] = ((points - margin + 0.5) * ratio - 0.5).reshape(-1, 10)
    return moved


def distinct(rows: Floats) -> Floats:
    """The best rows, one a face, best first, each the score-weighted mean of itself and those that
    lie close to it."""
    if len(rows) < 2:
        return rows
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    low, high, area = squares(rows)
    shared = _shared(low[:, None], high[:, None], low, high)
    overlap = shared / (area + area[:, None] - shared)
    same = (overlap > MAX_OVERLAP) | (shared > MAX_COVER * np.minimum(area, area[:, None]))
    close = same & (overlap > CLOSE)
    free = np.ones(len(rows), bool)
    kept = []
    for i, row in enumerate(rows):
        if not free[i]:
            continue
        mean = row
        near = free & close[i]
        if near.sum() > 1:
            weights = rows[near, 0]
            mean = weights @ rows[near] / weights.sum()
            mean[0] = row[0]
        free &= ~same[i]
        kept.append(mean)
    return np.array(kept, np.float32)


def among(rows: Floats, others: Floats) -> NDArray[np.bool_]:
    """(N,): whether one of the other rows is the same face."""
    (low, high, area), (low2, high2, area2) = squares(rows[:, None]), squares(others[None])
    shared = _shared(low, high, low2, high2)
    same = shared > MAX_OVERLAP * (area + area2 - shared)
    return np.asarray(same.any(axis=1))


def _shared(low: Floats, high: Floats, low2: Floats, high2: Floats) -> Floats:
    """Area that squares, corners (..., 2), have in common."""
    sides = np.maximum(np.minimum(high, high2) - np.maximum(low, low2), 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def squares(rows: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest corners (..., 2) and areas (...) of rows (..., 17) with sides as long as
    the longer ones, as roll is uncertain."""
    side = rows[..., 3:5].max(axis=-1, keepdims=True)
    centre = rows[..., 1:3]
    return centre - side / 2, centre + side / 2, side[..., 0] ** 2


def to_box(row: Floats) -> Box:
    score, x, y, w, h, cosine, sine = (float(value) for value in row[:7])
    roll = float(np.degrees(np.arctan2(sine, cosine)))
    points = row[7:].reshape(5, 2)
    return Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, roll=roll, points=points)
