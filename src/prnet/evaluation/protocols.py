"""The field's measures, as functions on arrays. Image frame: x right, y down, z nearer = larger.

An image's error is per cent of a normaliser, or degrees; ``inf`` marks a failed image (nothing
was predicted, or the truth could not be read), NaN one that the measure does not apply to. Means
are over the finite errors; cumulative curves count failures as above every threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prnet.errors import missing
from prnet.geometry.camera import align_similarity

Points = NDArray[np.floating]
Floats = NDArray[np.float64]
Align = Literal["none", "rigid", "similarity"]
Match = Literal["known", "icp"]
Transform = tuple[float, Floats, Floats]
"""Scale, rotation (3, 3), translation (3,), as :func:`prnet.align_similarity` gives."""

YAW_EDGES = (30.0, 60.0)
"""Bins of |yaw|, in degrees: up to 30, above 30 up to 60, all above 60 (also above 90)."""

OUTER_EYE_CORNERS = (36, 45)
"""Zero-based; they are landmarks 37 and 46 of the one-based iBUG numbering."""

POSE_LIMIT = 99.0
"""Images with an angle outside +-99 degrees are left out of the pose error, as is usual on
AFLW2000-3D (31 of its 2,000)."""

ONE_DEVIATION = 0.6827
"""Share of normal errors within one standard deviation."""

ICP_ITERATIONS, ICP_TOLERANCE = 100, 1e-5
"""ICP ends when the mean distance falls by less than this share, or after so many steps."""

ICP_POINTS = 4000
"""Beyond so many true points, ICP moves by an even choice of them; all get a partner."""


def nme(predicted: Points, true: Points, *, box_of: Points | None = None) -> Floats:
    """Points (..., L, 2 or 3) -> NME (...,) in per cent: the mean distance over sqrt(w * h) of
    the box, in x and y, of the true points (or of the points ``box_of``).

    Source: Zhu et al., "Face alignment across large poses", CVPR 2016; 3DDFA's benchmark.
    """
    distance = np.linalg.norm(predicted - true, axis=-1).mean(axis=-1)
    return np.asarray(100 * distance / box_size(true if box_of is None else box_of), np.float64)


def box_size(points: Points) -> Floats:
    """Points (..., L, 2 or 3) -> sqrt(w * h) (...,) of their box in x and y."""
    return np.asarray(np.sqrt(np.ptp(points[..., :2], axis=-2).prod(axis=-1)), np.float64)


def with_zero_mean_z(points: Points) -> Floats:
    """Points (..., L, 3) with z shifted so that its mean is 0: a monocular z has no origin."""
    shifted = np.array(points, np.float64)
    shifted[..., 2] -= shifted[..., 2].mean(axis=-1, keepdims=True)
    return shifted


@dataclass(frozen=True)
class YawBins:
    """Errors by |yaw|: count and mean of each bin, the plain mean and standard deviation (over n,
    not n - 1) of the bins' means, which weighs all bins alike.

    ``unknown`` images have no yaw; ``beyond_180`` ones an angle that was never wrapped.
    """

    counts: tuple[int, ...]
    means: tuple[float, ...]
    mean: float
    std: float
    unknown: int
    beyond_180: int


def by_yaw(errors: Floats, yaw: Floats, edges: tuple[float, ...] = YAW_EDGES) -> YawBins:
    """Errors (N,) and yaw (N,) in degrees -> means by |yaw|: up to the first edge, above it up to
    the second, and so on.

    Angles are taken as they are: 351 degrees, which AFLW2000-3D's fitted poses hold, is in the
    last bin as in the published numbers. :func:`wrap_degrees` first puts it at -9.
    """
    bins = np.digitize(np.abs(yaw), edges, right=True)
    scored = np.isfinite(errors)
    known = scored & np.isfinite(yaw)
    parts = [errors[known & (bins == i)] for i in range(len(edges) + 1)]
    means = [float(part.mean()) if len(part) else np.nan for part in parts]
    present = [mean for mean in means if not np.isnan(mean)]
    return YawBins(
        counts=tuple(len(part) for part in parts),
        means=tuple(means),
        mean=float(np.mean(present)) if present else np.nan,
        std=float(np.std(present)) if present else np.nan,
        unknown=int((scored & ~known).sum()),
        beyond_180=int((known & (np.abs(yaw) > 180)).sum()),
    )


def wrap_degrees(angles: Floats) -> Floats:
    """Angles in degrees -> the same angles in -180..180."""
    return (angles + 180) % 360 - 180


def outer_interocular(landmarks: Points) -> float:
    """Distance of the outer eye corners of 68 landmarks (68, 3)."""
    right, left = OUTER_EYE_CORNERS
    return float(np.linalg.norm(landmarks[right] - landmarks[left]))


def reconstruction_nme(
    predicted: Points,
    true: Points,
    *,
    interocular: float,
    align: Align = "similarity",
    match: Match = "known",
    start: Transform | None = None,
) -> float:
    """Predicted points (P, 3) and true ones (T, 3) -> the mean distance of the true points to
    their partners, in per cent of ``interocular``.

    ``match``: "known", row by row (P = T); "icp", nearest points after iterative alignment, which
    begins with ``start`` (predicted -> true; None: the centres meet).
    ``align``: how the prediction is moved onto the truth before the distances are taken, from the
    matched points: "none", "rigid" (rotation and translation) or "similarity" (scale, too). With
    "none", ICP moves rigidly to find partners and the distances are those of the unmoved mesh.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if match == "icp":
        predicted = predicted[
            icp_partners(predicted, true, scaled=align == "similarity", start=start)
        ]
    if align != "none":
        moved = alignment(predicted, true, scaled=align == "similarity")
        predicted = apply(moved, predicted)
    return float(100 * np.linalg.norm(predicted - true, axis=1).mean() / interocular)


def alignment(source: Points, target: Points, *, scaled: bool) -> Transform:
    """The least-squares similarity, or rigid motion, from ``source`` (N, 3) to ``target``."""
    scale, rotation, translation = align_similarity(source, target)
    if not scaled:  # the best rotation is the same
        scale, translation = 1.0, target.mean(axis=0) - rotation @ source.mean(axis=0)
    return scale, rotation, translation


def apply(transform: Transform, points: Points) -> Floats:
    """Points (N, 3), moved."""
    scale, rotation, translation = transform
    return np.asarray(scale * points @ rotation.T + translation, np.float64)


def icp_partners(
    predicted: Points, true: Points, *, scaled: bool, start: Transform | None = None
) -> NDArray[np.intp]:
    """For each true point (T, 3) the nearest predicted one: (T,) rows of ``predicted`` (P, 3),
    once the prediction was moved onto the truth by iterated closest points.

    Source: Besl, McKay, "A method for registration of 3-D shapes", PAMI 1992.
    """
    try:
        from scipy.spatial import cKDTree
    except ModuleNotFoundError as error:
        raise missing("scipy", "evaluate") from error

    tree = cKDTree(predicted)  # stays: the truth is moved to it, which keeps the nearest nearest
    centres_meet = 1.0, np.eye(3), true.mean(axis=0) - predicted.mean(axis=0)
    scale, rotation, translation = start or centres_meet
    some = true[:: -(-len(true) // ICP_POINTS)]
    last = np.inf
    for _ in range(ICP_ITERATIONS):
        distances, partners = tree.query((some - translation) @ rotation / scale)
        mean = scale * float(distances.mean())
        if mean >= last * (1 - ICP_TOLERANCE):
            break
        last = mean
        scale, rotation, translation = alignment(predicted[partners], some, scaled=scaled)
    return np.asarray(tree.query((true - translation) @ rotation / scale)[1], np.intp)


@dataclass(frozen=True, eq=False)
class PoseErrors:
    """Absolute errors (N, 3) of pitch, yaw, roll in degrees: NaN where the truth is out of range.

    ``mae``, ``bias``: (3,) mean of the absolute and of the signed differences over the scored
    images; ``mean``: of the three ``mae``.  ``excluded``: images out of range.  ``short`` (N,):
    by how much the head seems less turned than it is, true |yaw| - predicted yaw to that side.
    """

    errors: Floats
    mae: Floats
    bias: Floats
    mean: float
    excluded: int
    short: Floats


def pose_errors(predicted: Floats, true: Floats, *, limit: float = POSE_LIMIT) -> PoseErrors:
    """Pitch, yaw, roll (N, 3) in degrees, predicted (inf: failed) and true (NaN: unknown).

    Images with a true angle outside +-``limit`` are excluded and counted, as in the published
    numbers; nothing is wrapped.
    """
    known = np.asarray(np.isfinite(true).all(axis=1))
    inside = np.asarray((np.abs(true) <= limit).all(axis=1))
    differences = np.where(inside[:, None], predicted, np.nan) - true
    scored = differences[np.isfinite(differences).all(axis=1)]
    unknown = np.full(3, np.nan)
    mae = np.abs(scored).mean(axis=0) if len(scored) else unknown
    bias = scored.mean(axis=0) if len(scored) else unknown
    excluded = int((known & ~inside).sum())
    short = np.where(true[:, 1] < 0, 1.0, -1.0) * differences[:, 1]
    return PoseErrors(np.abs(differences), mae, bias, float(mae.mean()), excluded, short)


@dataclass(frozen=True, eq=False)
class DeviationScores:
    """How far off points are beside how far off they were told to be.

    ``shares`` (N,): of each image's errors in x and in y, those within one deviation, 0..1 (NaN:
    no deviations were told, or nothing predicted); ``within``: of all; were they normal, it would
    be 0.683, `ONE_DEVIATION`.  ``wide``: so many deviations hold that share.  ``correlation``: of
    all points' errors with their deviations, both over the face's size.  NaN: of no image.
    """

    shares: Floats
    within: float
    wide: float
    correlation: float


def deviation_scores(errors: Floats, deviations: Floats) -> DeviationScores:
    """Errors (N, L, 2) in x and y and deviations (N, L), both over the face's size; NaN in images
    without."""
    inside = np.where(np.isnan(errors), np.nan, np.abs(errors) <= deviations[..., None])
    shares = np.asarray(inside.mean(axis=(1, 2)))
    told = np.isfinite(shares)
    if not told.any():
        return DeviationScores(shares, np.nan, np.nan, np.nan)
    errors, deviations = errors[told], deviations[told]
    lengths = np.sqrt((errors**2).mean(axis=-1))
    with np.errstate(invalid="ignore"):  # deviations that are all alike go with nothing
        correlation = float(np.corrcoef(lengths.ravel(), deviations.ravel())[0, 1])
    wide = float(np.quantile(np.abs(errors) / deviations[..., None], ONE_DEVIATION))
    return DeviationScores(shares, float(shares[told].mean()), wide, correlation)


def euler_angles(rotation: Points) -> Floats:
    """Rotation (3, 3) of head axes (x right, y up, z out of the face) -> pitch, yaw, roll (3,) in
    degrees as 300W-LP and AFLW2000-3D count them: R = Rx(-pitch) Ry(-yaw) Rz(-roll) of
    right-handed turns. Yaw is within +-90."""
    r = np.asarray(rotation, np.float64)
    pitch = np.arctan2(r[1, 2], r[2, 2])
    yaw = np.arcsin(np.clip(-r[0, 2], -1, 1))
    roll = np.arctan2(r[0, 1], r[0, 0])
    return np.asarray(np.degrees([pitch, yaw, roll]), np.float64)


def cumulative_shares(errors: Floats, thresholds: Floats) -> Floats:
    """Errors (N,), failures ``inf`` -> share of the images at or below each threshold (T,)."""
    counted = np.sort(errors[~np.isnan(errors)])
    below = np.searchsorted(counted, thresholds, side="right")
    return np.asarray(below / max(len(counted), 1), np.float64)


def area_under_curve(errors: Floats, limit: float) -> float:
    """Area under the cumulative curve from 0 to ``limit``, over ``limit``: 0..1, exactly."""
    counted = errors[~np.isnan(errors)]
    return float(np.clip(1 - counted / limit, 0, 1).mean()) if len(counted) else np.nan


def failure_rate(errors: Floats, limit: float) -> float:
    """Share of the images whose error is above ``limit``, failed ones included."""
    counted = errors[~np.isnan(errors)]
    return float((counted > limit).mean()) if len(counted) else np.nan
