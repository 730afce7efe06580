"""True dense points for test sets that give face-model coefficients instead of vertices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.evaluation.protocols import Match
from prnet.evaluation.samples import Dataset, Sample
from prnet.layout.uv_layout import UVLayout

Points = NDArray[np.floating]

ZERO_BASED_FROM_FIT = np.array([-1.0, 1.0, 0.0])
"""The fits count x and y from one, and y from the bottom: the first pixel's centre is height + 1 -
y = 1 from the top, where `image_vertices` (as the 2018 release) says height - 1 - y."""


def with_dense_truth(
    dataset: Dataset, face_model: Path, *, layout: UVLayout, match: Match
) -> Dataset:
    """Samples that can read their dense points, in the order of the layout's vertices.

    ``.mat`` samples need the Basel face model's folder; with ``match`` "known" also the 2018
    layout, into which the fitted face is rendered (else: all the model's vertices). Labels need
    the ``.npz`` of ``prnet facemodel`` and our layout.
    """
    if dataset.format == "mat":
        read = _basel_truth(face_model, layout, match)
    elif dataset.format == "labels":
        read = _label_truth(face_model, layout, dataset)
    else:
        raise PrnetError(
            f"expected .mat files or labels to make dense points of, got {dataset.format}"
        )

    def with_reader(sample: Sample) -> Sample:
        return replace(sample, read_dense=lambda: read(sample))

    return replace(dataset, samples=tuple(map(with_reader, dataset.samples)))


def _basel_truth(folder: Path, layout: UVLayout, match: Match) -> Callable[[Sample], Points]:
    from prnet.facemodel.basel import BaselFaceModel
    from prnet.facemodel.fits300w import FaceFit, PositionMapRenderer, image_vertices

    if match == "known" and layout.name != "prnet-2018":
        raise PrnetError(
            "expected a model with the 2018 layout to compare point by point with the Basel face, "
            f"got layout '{layout.name}' (match=\"icp\", --match icp, needs none)"
        )
    model = BaselFaceModel.load(folder)
    render = PositionMapRenderer(model) if match == "known" else None

    def read(sample: Sample) -> Points:
        if not isinstance(sample.source, Path):
            raise PrnetError("no .mat file beside the photo")
        fit = FaceFit.read(sample.source)
        vertices = image_vertices(model, fit, len(sample.read_photo())) + ZERO_BASED_FROM_FIT
        return vertices if render is None else render(vertices)[layout.region]

    return read


def _label_truth(path: Path, layout: UVLayout, dataset: Dataset) -> Callable[[Sample], Points]:
    from prnet.facemodel.labels import check_coefficients, read_labels, shape_arguments
    from prnet.facemodel.morphable import MorphableModel
    from prnet.facemodel.position_map import Chart, MapBasis
    from prnet.geometry.camera import project_head

    camera = ("scale", "rotation", "translation")
    table = read_labels(
        dataset.path, "expression_names", "identity", "expression", "plane", *camera
    )
    names, shapes = tuple(map(str, table["expression_names"])), shape_arguments(table)
    basis = MapBasis.from_model(
        MorphableModel.load(path), Chart.load(), names, np.flatnonzero(layout.region)
    )
    check_coefficients(dataset.path, shapes[0], basis.offsets)

    def read(sample: Sample) -> Points:
        row = sample.source
        assert isinstance(row, int)
        positions = basis.positions(*(values[row : row + 1] for values in shapes))[0]
        return project_head(positions, *(table[key][row] for key in camera))

    return read
