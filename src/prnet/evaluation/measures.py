"""What is measured of one image, by protocol; and each measure's points and normaliser in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.evaluation.predictions import Prediction
from prnet.evaluation.protocols import (
    YAW_EDGES,
    Align,
    Match,
    alignment,
    nme,
    outer_interocular,
    reconstruction_nme,
    with_zero_mean_z,
)
from prnet.evaluation.samples import Sample

Points = NDArray[np.floating]
Protocol = Literal[
    "sparse-2d", "sparse-3d", "dense-2d", "dense-3d", "reconstruction", "pose", "deviations"
]
PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)
NEEDS_DEPTH: Final = {"sparse-3d", "dense-3d", "reconstruction"}
NEEDS_DENSE: Final = {"dense-2d", "dense-3d", "reconstruction"}


@dataclass(frozen=True)
class Settings:
    """What is measured, and how.

    ``align``, ``match``: of the reconstruction (`protocols.reconstruction_nme`).  ``dense_box``:
    the normaliser of dense errors is the box of the true dense "points", or of the true 68
    "landmarks".  ``wrap_yaw``: 351 degrees of yaw count as -9.  ``limit``: the area under the
    cumulative curve ends there, and errors above it count as failures; per cent.  ``exact``: the
    only landmarks that sparse-2d scores, by default all.  ``yaw_edges``: degrees of |yaw| between
    the bins.
    """

    protocols: tuple[Protocol, ...] = ("sparse-2d",)
    align: Align = "similarity"
    match: Match = "known"
    dense_box: Literal["points", "landmarks"] = "points"
    wrap_yaw: bool = False
    limit: float = 7.0
    exact: tuple[int, ...] = ()
    yaw_edges: tuple[float, ...] = YAW_EDGES


def score(
    protocol: Protocol, prediction: Prediction, sample: Sample, settings: Settings
) -> dict[str, float]:
    """Errors of one image by the measure's name, in per cent; none for "pose" and "deviations",
    which count over all images. Raises PrnetError for what cannot be scored."""
    scorer = _SCORERS.get(protocol)
    return scorer(prediction, sample, settings) if scorer else {}


def describe(settings: Settings, vertices: int | None) -> Iterator[tuple[str, str, str]]:
    """Name, points and normaliser of every measure, in words; ``vertices``: how many, if known."""
    every = "all vertices" if vertices is None else f"all {vertices:,} vertices"
    box = "sqrt(w*h) of the box, in x and y, of the"
    dense = {"points": "true dense points", "landmarks": "68 true points"}[settings.dense_box]
    aligned, raw = "both with mean z 0", "z as given, whose origin is arbitrary"
    moved = {
        "none": "not moved",
        "rigid": "aligned to the truth by rotation and translation",
        "similarity": "aligned to the truth by rotation, translation and scale",
    }[settings.align]
    partners = {"known": "point by point", "icp": "each to its nearest after ICP"}[settings.match]
    words: dict[Protocol, list[tuple[str, str, str]]] = {
        "sparse-2d": [
            ("sparse 2D", "68 points, x and y", f"{box} 68 true points"),
            ("sparse 2D, inner 51", "51 points, no jaw, x and y", f"{box} 68 true points"),
        ],
        "sparse-3d": [
            ("sparse 3D", f"68 points, x y z, {aligned}", f"{box} 68 true points"),
            ("sparse 3D, raw z", f"68 points, x y z, {raw}", f"{box} 68 true points"),
        ],
        "dense-2d": [("dense 2D", f"{every}, x and y", f"{box} {dense}")],
        "dense-3d": [
            ("dense 3D", f"{every}, x y z, {aligned}", f"{box} {dense}"),
            ("dense 3D, raw z", f"{every}, x y z, {raw}", f"{box} {dense}"),
        ],
        "reconstruction": [
            (
                "reconstruction",
                f"all true dense points, {partners}, the prediction {moved}",
                "3D distance of the true outer eye corners (points 36 and 45 from zero)",
            )
        ],
        "pose": [],
        "deviations": [],
    }
    if settings.exact:
        count = f"{len(settings.exact)} points, those that are exact, x and y"
        words["sparse-2d"] = [("sparse 2D, exact", count, f"{box} 68 true points")]
    for protocol in settings.protocols:
        yield from words[protocol]


def _sparse_2d(prediction: Prediction, sample: Sample, settings: Settings) -> dict[str, float]:
    predicted, true = prediction.landmarks[:, :2], _landmarks(sample)[:, :2]
    if settings.exact:
        points = np.array(settings.exact)
        return {"sparse 2D, exact": float(nme(predicted[points], true[points], box_of=true))}
    inner = nme(predicted[17:], true[17:], box_of=true)
    return {"sparse 2D": float(nme(predicted, true)), "sparse 2D, inner 51": float(inner)}


def _sparse_3d(prediction: Prediction, sample: Sample, _: Settings) -> dict[str, float]:
    true = _with_depth(_landmarks(sample))
    return _in_3d("sparse 3D", _with_depth(prediction.landmarks), true, true)


def _in_3d(name: str, predicted: Points, true: Points, box_of: Points) -> dict[str, float]:
    aligned = nme(with_zero_mean_z(predicted), with_zero_mean_z(true), box_of=box_of)
    return {name: float(aligned), f"{name}, raw z": float(nme(predicted, true, box_of=box_of))}


def _dense_2d(prediction: Prediction, sample: Sample, settings: Settings) -> dict[str, float]:
    predicted, true, box = _dense(prediction, sample, settings)
    return {"dense 2D": float(nme(predicted[:, :2], true[:, :2], box_of=box))}


def _dense_3d(prediction: Prediction, sample: Sample, settings: Settings) -> dict[str, float]:
    return _in_3d("dense 3D", *_dense(prediction, sample, settings))


def _reconstruction(prediction: Prediction, sample: Sample, settings: Settings) -> dict[str, float]:
    pointwise = settings.match == "known"
    predicted, true, _ = _dense(prediction, sample, settings, pointwise=pointwise)
    landmarks, start = _with_depth(_landmarks(sample)), None
    if prediction.landmarks.shape[1] == 3:
        scaled = settings.align == "similarity"
        start = alignment(prediction.landmarks, landmarks, scaled=scaled)
    error = reconstruction_nme(
        predicted,
        true,
        interocular=outer_interocular(landmarks),
        align=settings.align,
        match=settings.match,
        start=start,
    )
    return {"reconstruction": error}


def _pose(prediction: Prediction, _: Sample, __: Settings) -> dict[str, float]:
    if prediction.angles is None:
        raise PrnetError("expected a prediction with a pose, got none")
    return {}


def _dense(
    prediction: Prediction, sample: Sample, settings: Settings, *, pointwise: bool = True
) -> tuple[Points, Points, Points]:
    """Predicted and true dense points, and the points whose box normalises."""
    if prediction.vertices is None:
        raise PrnetError("expected a prediction with vertices, got landmarks alone")
    if sample.read_dense is None:
        raise PrnetError("expected true dense points, got none")
    predicted, true = prediction.vertices, sample.read_dense()
    if pointwise and predicted.shape != true.shape:
        raise PrnetError(
            f"expected {len(true)} vertices to compare one by one, got {len(predicted)} "
            '(match="icp", --match icp, takes nearest points)'
        )
    return predicted, true, true if settings.dense_box == "points" else _landmarks(sample)


def _landmarks(sample: Sample) -> Points:
    if sample.landmarks is None:
        raise PrnetError(sample.problem or "expected true landmarks, got none")
    return sample.landmarks


def _with_depth(landmarks: Points) -> Points:
    if landmarks.shape[1] != 3:
        raise PrnetError("expected landmarks with z, got x and y alone")
    return landmarks


_SCORERS: Final[dict[Protocol, Callable[[Prediction, Sample, Settings], dict[str, float]]]] = {
    "sparse-2d": _sparse_2d,
    "sparse-3d": _sparse_3d,
    "dense-2d": _dense_2d,
    "dense-3d": _dense_3d,
    "reconstruction": _reconstruction,
    "pose": _pose,
}
