"""The morphable model at some points of its surface, for fitting."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.expression import ExpressionModel
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.point_basis import Floats, PointBasis
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.layout.uv_layout import default_layout

_NOT_OF_SKIN: Final = "PupilDilate"
_STEP: Final = 16
"""One pixel of the region in so many is enough for an expression."""


def basis_at(
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
    modes = [(shape[:, vertices].astype(np.float32) * mix).sum(2) for shape in shapes]
    mean = (model.neutral[vertices] * mix).sum(1)
    basis = PointBasis.plain(mean, np.concatenate(modes), names)
    return replace(
        basis,
        openings=basis.openings if openings is None else openings,
        fading=basis.fading if fading is None else fading,
    )


def basis_at_pixels(model: MorphableModel, chart: Chart, pixels: NDArray[np.intp]) -> PointBasis:
    """At flat row-major ``pixels`` of position maps (in the chart's region)."""
    names = fitted_expressions(model)
    at_map = MapBasis.from_model(model, chart, names, pixels)
    return PointBasis.plain(at_map.mean, at_map.offsets, names)


def expression_model(model: MorphableModel) -> ExpressionModel:
    """ICT-FaceKit's model -> its basis at every 16th pixel of our layout's region."""
    chart = Chart.load()
    if len(model.neutral) != len(chart.rigid):
        raise PrnetError(
            f"expected ICT-FaceKit's model of {len(chart.rigid)} vertices, got {len(model.neutral)}"
        )
    pixels = np.flatnonzero(chart.region)[::_STEP]
    return ExpressionModel(default_layout().name, pixels, basis_at_pixels(model, chart, pixels))


def fitted_expressions(model: MorphableModel) -> tuple[str, ...]:
    """All but the pupils' size, which no point shows."""
    return tuple(name for name in model.expression_names if not name.startswith(_NOT_OF_SKIN))
