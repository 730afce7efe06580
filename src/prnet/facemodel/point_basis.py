"""A linear face model at some points of its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class PointBasis:
    """A face model at K points: mean (K, 3), modes (I + E, K, 3), float32, model units, y up.

    ``openings`` (M, 2): pairs of points whose difference is fitted too (upper and lower lip or
    lid). ``fading`` (K,): points that are trusted less when the head is turned far.
    """

    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    identities: int
    expression_names: tuple[str, ...]
    openings: NDArray[np.integer]
    fading: NDArray[np.bool_]

    @classmethod
    def plain(
        cls,
        mean: NDArray[np.float32],
        modes: NDArray[np.float32],
        expression_names: tuple[str, ...],
    ) -> PointBasis:
        """Without openings, every point trusted at every yaw."""
        return cls(
            mean=mean,
            modes=modes,
            identities=len(modes) - len(expression_names),
            expression_names=expression_names,
            openings=np.zeros((0, 2), np.intp),
            fading=np.zeros(len(mean), bool),
        )

    def points(self, coefficients: Floats) -> NDArray[np.float32]:
        """Coefficients (B, I + E) -> points (B, K, 3) in model units."""
        flat = self.modes.reshape(len(self.modes), -1)
        offsets = np.matmul(coefficients[:, None].astype(np.float32), flat)
        return np.asarray(self.mean + offsets.reshape(-1, *self.mean.shape), np.float32)
