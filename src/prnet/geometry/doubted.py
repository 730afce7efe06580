"""Where a face is looked for once more that is not believed where the detector saw it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prnet.geometry.boxes import Box

ASIDE = 0.25
"""Longer sides. On the test split of `scenes` 22 faces and 1 wrong place more beside 718 and 8,
none in 150 pictures without a face; docs/experiments.md has others."""
QUARTER_TURNS = 90.0, 180.0, 270.0
"""Degrees; at each the network sees upright what is turned by up to 45 beside it."""
TURNED_FROM = 48.0
"""Pixels of the longer side; smaller ones are turned over alone, as quarter turns of all that is
doubted take street scenes a fifth more time."""
SAME = 0.4
"""What is found there is one of the faces when its centre is nearer to theirs than this part of the
longest side."""
TWICE = 0.25
"""Of what is believed at once, faces nearer than this are one: of 2,717 of the test split of
`scenes` in four turns 6 had slid onto a neighbour, to 0.1; others are 0.48 and more apart."""
OPPOSITE, OVER, ALIKE, LESS_SURE = 0.65, 150.0, 0.8, 1.2
"""So are faces nearer than this, turned over against each other by so many degrees and more, of
sizes up to this ratio apart, where the network is so many times less sure of the one. 14 pairs
there are one face, upside down the second time, forehead for chin: 0.48 to 0.64 apart, turned by
175 and more, sizes within a tenth, deviations over size 1.3 to 3 times as large in 12. Two people
of like sizes, pasted so over each other, differ by up to 1.12."""
NEAR_GIVEN = 0.6
"""So near may a face's centre be to that of a box that is given for it."""


def elsewhere(box: Box) -> tuple[Box, ...]:
    """The box in quarter turns, as the roll of some faces is taken wrongly, and to its left and
    right, as boxes of profiles lie too far back."""
    turns = QUARTER_TURNS if max(box.width, box.height) >= TURNED_FROM else (180.0,)
    return *map(box.turned, turns), box.aside(-ASIDE), box.aside(ASIDE)


def around(box: Box) -> tuple[Box, ...]:
    """A caller's box in quarter turns, and moved to all four sides."""
    sides = (box.turned(turn).aside(ASIDE).turned(-turn) for turn in (0.0, *QUARTER_TURNS))
    return *map(box.turned, QUARTER_TURNS), *sides


def middle(box: Box) -> Box:
    """The middle of a caller's box, half as wide and high."""
    (x, y), wide, high = box.centre, box.width / 4, box.height / 4
    return Box(x - wide, y - high, x + wide, y + high, box.score, box.roll)


def apart(
    points: NDArray[np.floating], others: Sequence[NDArray[np.floating]]
) -> NDArray[np.floating]:
    """(K,): how far the centres of K other faces' boxes are from a face's, over the longest side of
    both. Boxes are those of their points (N, 2 or 3)."""
    if not others:
        return np.zeros(0)
    (low, high), (lows, highs) = _ends(points), _ends(np.stack(others))
    side = np.maximum((high - low).max(), (highs - lows).max(axis=1))
    away = (lows + highs - low - high) / 2
    return np.asarray(np.hypot(away[:, 0], away[:, 1]) / side)


def _ends(points: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    return points[..., :2].min(axis=-2), points[..., :2].max(axis=-2)
