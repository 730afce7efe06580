"""What a test set is: faces with their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """One face of a test set.

    ``landmarks``: (68, 2 or 3) float64, zero-based pixels; None with ``problem`` saying why.
    ``angles``: pitch, yaw, roll (3,) in degrees (`protocols.euler_angles`), as the set gives
    them, not wrapped; NaN where unknown.
    ``read_photo``: -> RGB uint8 (H, W, 3); raises PrnetError.
    ``source``: where the face's description is: a file, or a row of the labels.
    ``read_dense``: -> true dense points (P, 3) in the image frame, where there are any.
    """

    name: str
    landmarks: Floats | None
    problem: str | None
    angles: Floats
    read_photo: Callable[[], NDArray[np.uint8]]
    source: Path | int | None = None
    read_dense: Callable[[], NDArray[np.floating]] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """A test set: what it is and its samples, unreadable ones included, sorted by name.

    ``path``: the folder or file read.  ``points`` says in words which landmarks are the truth, and
    how they were counted, ``yaw`` where the angles come from.  ``exact``: the landmarks that are
    truth where not all are.  ``photos``: all that a table names, those not asked for as well.
    """

    path: Path
    format: str
    points: str
    yaw: str
    samples: tuple[Sample, ...] = field(repr=False)
    exact: tuple[int, ...] = ()
    photos: tuple[Path, ...] = field(default=(), repr=False)

    def evenly(self, count: int) -> Dataset:
        """At most ``count`` samples, spread evenly over all."""
        rows = np.linspace(0, len(self.samples) - 1, min(count, len(self.samples)))
        picked = tuple(self.samples[row] for row in rows.round().astype(int))
        return replace(self, samples=picked)
