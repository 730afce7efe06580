"""The five points that the detector learns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POINTS = (range(36, 42), range(42, 48), (30,), (48,), (54,))
"""iBUG landmarks whose means are the five points: the eye at the image's left of an upright face,
the other eye, nose tip, mouth corners."""
MIRRORED_POINTS = np.array([1, 0, 2, 4, 3])

Floats = NDArray[np.float32]


def five_points(landmarks: NDArray[np.floating]) -> Floats:
    """(68, 2 or 3) -> (5, 2)."""
    return np.array([landmarks[list(rows), :2].mean(axis=0) for rows in POINTS], np.float32)
