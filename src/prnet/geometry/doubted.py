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
"""Two faces are one when their centres are nearer than this part of the longest side."""
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


def is_among(
    landmarks: NDArray[np.floating], others: Sequence[NDArray[np.floating]], *, near: float = SAME
) -> bool:
    """Whether landmarks (68, 2 or 3) are of the same face as some of the others: centres nearer
    than ``near`` of the longest side."""
    box = Box.around(landmarks)
    for other in map(Box.around, others):
        side = max(box.width, box.height, other.width, other.height)
        if np.hypot(*np.subtract(box.centre, other.centre)) < near * side:
            return True
    return False
