"""Scoring a test set: samples and predictions -> measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, in_words
from prnet.evaluation.measures import NEEDS_DENSE, NEEDS_DEPTH, Settings, describe, score
from prnet.evaluation.predictions import Prediction, Predictor
from prnet.evaluation.protocols import (
    DeviationScores,
    PoseErrors,
    box_size,
    deviation_scores,
    pose_errors,
    wrap_degrees,
)
from prnet.evaluation.samples import Dataset, Sample

Floats = NDArray[np.float64]
ALL_LANDMARKS = range(68)


@dataclass(frozen=True, eq=False)
class Measure:
    """One number an image: errors (N,) in per cent, ``inf`` where it failed; its points and its
    normaliser in words."""

    name: str
    points: str
    normaliser: str
    errors: Floats


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that a report is made of; images in the data set's order.

    ``words``: what was scored; ``crop``: how its crops were made.  ``yaw``: (N,) degrees, NaN
    where unknown.  ``failures``: name -> why a measure, or all, of that image failed.
    ``landmarks``: what was predicted, None where nothing was.
    """

    dataset: Dataset
    settings: Settings
    words: str
    crop: str
    yaw: Floats
    measures: tuple[Measure, ...]
    pose: PoseErrors | None
    deviations: DeviationScores | None
    failures: dict[str, str]
    landmarks: tuple[NDArray[np.floating] | None, ...]

    @property
    def any_scored(self) -> bool:
        parts = [measure.errors for measure in self.measures]
        parts += [] if self.pose is None else [self.pose.errors]
        parts += [] if self.deviations is None else [self.deviations.shares]
        return any(bool(np.isfinite(errors).any()) for errors in parts)


def evaluate(
    dataset: Dataset,
    predict: Predictor,
    settings: Settings,
    *,
    progress: Callable[[Iterable[Sample]], Iterable[Sample]] = iter,
) -> Evaluation:
    """Score every sample; what fails is scored ``inf`` and named in ``failures``.

    Raises PrnetError when no sample has the truth that a protocol needs.
    """
    _check_truth(dataset, settings)
    rows: list[dict[str, float]] = []
    predictions: list[Prediction | None] = []
    failures: dict[str, str] = {}
    vertices = None
    for sample in progress(dataset.samples):
        predictions.append(None)
        rows.append({})
        try:
            prediction = _predicted(predict, sample)
            predictions[-1] = replace(prediction, vertices=None)  # one by one they fit in memory
            rows[-1], reasons = _scores(prediction, sample, settings)
            if prediction.vertices is not None and not reasons:
                vertices = len(prediction.vertices)
        except Exception as error:  # whatever it is, the other samples go on
            reasons = [in_words(error)]
        if reasons:
            failures[sample.name] = "; ".join(dict.fromkeys(reasons))
    yaw = np.array([sample.angles[1] for sample in dataset.samples])
    return Evaluation(
        dataset=dataset,
        settings=settings,
        words=predict.words,
        crop=predict.crop,
        yaw=wrap_degrees(yaw) if settings.wrap_yaw else yaw,
        measures=tuple(
            Measure(name, points, normaliser, np.array([row.get(name, np.inf) for row in rows]))
            for name, points, normaliser in describe(settings, vertices)
        ),
        pose=_pose_errors(predictions, dataset) if "pose" in settings.protocols else None,
        deviations=(
            _deviation_scores(predictions, dataset, settings.exact or ALL_LANDMARKS)
            if "deviations" in settings.protocols
            else None
        ),
        failures=failures,
        landmarks=tuple(each.landmarks if each else None for each in predictions),
    )


def _check_truth(dataset: Dataset, settings: Settings) -> None:
    wanted, samples, path = set(settings.protocols), dataset.samples, dataset.path
    known = [sample.landmarks for sample in samples if sample.landmarks is not None]
    if not known:
        raise PrnetError(f"{path}: expected true landmarks, got none: {samples[0].problem}")
    for protocol in sorted(wanted & NEEDS_DEPTH):
        if not any(points.shape[1] == 3 for points in known):
            raise PrnetError(f"{path}: expected 3D landmarks for {protocol}, got 2D ones")
    for protocol in sorted(wanted & NEEDS_DENSE):
        if not any(sample.read_dense for sample in samples):
            raise PrnetError(
                f"{path}: expected true dense points for {protocol}, got none "
                "(with_dense_truth, --face-model, makes them of .mat files and labels)"
            )
    if "pose" in wanted and all(np.isnan(sample.angles).any() for sample in samples):
        raise PrnetError(f"{path}: expected head poses, got none")


def _predicted(predict: Predictor, sample: Sample) -> Prediction:
    if sample.landmarks is None:
        raise PrnetError(sample.problem or "no true landmarks")
    return predict(sample)


def _scores(
    prediction: Prediction, sample: Sample, settings: Settings
) -> tuple[dict[str, float], list[str]]:
    """Errors by measure, and why some are missing."""
    if sample.read_dense is not None:
        sample = replace(sample, read_dense=cache(sample.read_dense))
    row: dict[str, float] = {}
    reasons = []
    for protocol in settings.protocols:
        try:
            row |= score(protocol, prediction, sample, settings)
        except PrnetError as error:
            reasons.append(str(error))
    return row, reasons


def _pose_errors(predictions: list[Prediction | None], dataset: Dataset) -> PoseErrors:
    failed = np.full(3, np.inf)
    predicted = [
        failed if each is None or each.angles is None else each.angles for each in predictions
    ]
    return pose_errors(np.stack(predicted), np.stack([each.angles for each in dataset.samples]))


def _deviation_scores(
    predictions: list[Prediction | None], dataset: Dataset, landmarks: Sequence[int]
) -> DeviationScores:
    points = list(landmarks)
    errors = np.full((len(predictions), len(points), 2), np.nan)
    deviations = np.full(errors.shape[:2], np.nan)
    for row, (each, sample) in enumerate(zip(predictions, dataset.samples, strict=True)):
        if each is not None and each.deviations is not None and sample.landmarks is not None:
            true = sample.landmarks[:, :2]
            size = box_size(true)
            errors[row] = (each.landmarks[:, :2] - true)[points] / size
            deviations[row] = each.deviations[points] / size
    return deviation_scores(errors, deviations)
