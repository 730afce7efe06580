"""The morphable model at some points of its surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.training.morphable import MorphableModel
from prnet.training.position_map import Chart, MapBasis

Floats = NDArray[np.floating]

_NOT_OF_SKIN: Final = "PupilDilate"


@dataclass(frozen=True)
class PointBasis:
    """A morphable model at K points: mean (K, 3), modes (I + E, K, 3), float32, model frame.

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
    def at(
        cls,
        model: MorphableModel,
        vertices: NDArray[np.integer],
        weights: Floats,
        *,
        openings: NDArray[np.integer] | None = None,
        fading: NDArray[np.bool_] | None = None,
    ) -> PointBasis:
        """At the points that mix the model's ``vertices`` (K, 3) by ``weights`` (K, 3)."""
        names = fitted_expressions(model)
        shapes = [model.identity, model.expression_basis(names)]
        mix = np.asarray(weights, np.float32)[:, :, None]
        return cls(
            mean=(model.neutral[vertices] * mix).sum(1),
            modes=np.concatenate(
                [(shape[:, vertices].astype(np.float32) * mix).sum(2) for shape in shapes]
            ),
            identities=len(model.identity),
            expression_names=names,
            openings=np.zeros((0, 2), np.intp) if openings is None else openings,
            fading=np.zeros(len(vertices), bool) if fading is None else fading,
        )

    @classmethod
    def at_pixels(cls, model: MorphableModel, chart: Chart, pixels: NDArray[np.intp]) -> PointBasis:
        """At flat row-major ``pixels`` of position maps (in the chart's region)."""
        names = fitted_expressions(model)
        at_map = MapBasis.from_model(model, chart, names, pixels)
        return cls(
            mean=at_map.mean,
            modes=at_map.offsets,
            identities=len(model.identity),
            expression_names=names,
            openings=np.zeros((0, 2), np.intp),
            fading=np.zeros(len(pixels), bool),
        )

    def points(self, coefficients: Floats) -> NDArray[np.float32]:
        """Coefficients (B, I + E) -> points (B, K, 3) in model units."""
        flat = self.modes.reshape(len(self.modes), -1)
        offsets = np.matmul(coefficients[:, None].astype(np.float32), flat)
        return np.asarray(self.mean + offsets.reshape(-1, *self.mean.shape), np.float32)


def fitted_expressions(model: MorphableModel) -> tuple[str, ...]:
    """All but the pupils' size, which no point shows."""
    return tuple(name for name in model.expression_names if not name.startswith(_NOT_OF_SKIN))
