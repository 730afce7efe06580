"""Fitting a linear face model to points: weak-perspective pose, identity and expression at once.

Least squares with a normal prior on the coefficients (ridge), expressions bounded, Cauchy weights
against outliers (iteratively reweighted). Each iteration linearises the projection around the
current pose and coefficients and solves the bounded problem in closed form. Photos are
batched and independent of each other: the same photo gives the same bits in any batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.bounded import solve_bounded
from prnet.facemodel.point_basis import Floats, PointBasis
from prnet.geometry.camera import rotations_from_vectors, yaw_degrees

_TINY: Final = 1e-9
_HELD: Final = 1e8  # prior precision of an identity that is given
_DENSE_NOISE: Final = 2e-4
"""`FitSettings.noise` of K dense points over sqrt(K). Of 5e-4, 2e-4, 1e-4 and 5e-5 the one whose
coefficients come back best from made-up maps with half a pixel of white or of smooth error."""


@dataclass(frozen=True)
class FitSettings:
    """Lengths are shares of sqrt(w*h) of the points' box."""

    noise: float = 0.03
    """Standard deviation of one point, were the points independent; larger: stronger priors."""
    outlier: float = 0.03
    """Residual from which a point's weight falls below one half."""
    expression_deviation: float = 0.3
    """Prior standard deviation of an expression coefficient; that of an identity one is 1."""
    expression_range: tuple[float, float] = (0.0, 1.2)
    opening_weight: float = 10.0
    """Weight of an upper-minus-lower difference, of a point's 1."""
    trusted_yaw: float = 30.0
    """Degrees of yaw up to which the points have their full weight."""
    iterations: int = 8


@dataclass(frozen=True)
class Fits:
    """One row for each of B photos. The camera takes head points X, y up, to the image: x = scale
    * (R X)_x + t_x, y = -scale * (R X)_y + t_y, z = scale * (R X)_z, larger nearer.

    scale (B,), rotation (B, 3, 3), translation (B, 2 or 3) pixels, identity (B, I), expression
    (B, E), residuals (B, K): distance of each point in pixels, 0 where its weight is 0.
    """

    scale: NDArray[np.float64]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    residuals: NDArray[np.float64]

    @property
    def yaw(self) -> NDArray[np.float64]:
        """(B,) degrees, positive toward the image's right."""
        return yaw_degrees(self.rotation)


def fit(
    basis: PointBasis,
    points: Floats,
    *,
    weights: Floats | None = None,
    identity: Floats | None = None,
    settings: FitSettings | None = None,
) -> Fits:
    """Fit ``points`` (B, K, 2) or, with depths, (B, K, 3), image pixels, to ``basis``.

    ``weights`` (B, K): trust in each point, 1 by default; 0 leaves a point out (NaN allowed).
    ``identity`` (B, I), where it is known: pose and expression are fitted alone.
    """
    settings = settings or FitSettings()
    measured = np.asarray(points, np.float64)
    if (
        measured.ndim != 3
        or measured.shape[1] != len(basis.mean)
        or measured.shape[2] not in (2, 3)
    ):
        raise PrnetError(f"expected points (B, {len(basis.mean)}, 2 or 3), got {measured.shape}")
    trust = np.ones(measured.shape[:2]) if weights is None else np.asarray(weights, np.float64)
    targets, centre, size = _normalised(measured, trust)
    try:
        state = _State.start(basis, targets, trust)
        for _ in range(settings.iterations):
            state = _step(basis, targets, trust, state, settings, identity)
    except np.linalg.LinAlgError as error:
        raise PrnetError("expected a face model of some volume, got a flat one") from error
    moved = state.project(basis)
    return Fits(
        scale=state.scale * size,
        rotation=state.rotation,
        translation=state.shift * size[:, None] * _flip(targets.shape[2]) + centre,
        identity=state.coefficients[:, : basis.identities],
        expression=state.coefficients[:, basis.identities :],
        residuals=(trust > 0) * np.linalg.norm(moved - targets, axis=2) * size[:, None],
    )


def fit_expression(
    points: Floats, basis: PointBasis, *, settings: FitSettings | None = None
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Identity (I,) and expression values by name of dense points (K, 3) in image pixels.

    For a predicted position map: ``basis`` at some of its pixels, and the map there; one in 16
    is plenty. By default the values are within 0..1, and, so that many points do not drown the
    priors, ``noise`` grows with the root of their number.
    """
    if settings is None:
        noise = _DENSE_NOISE * float(np.sqrt(len(points)))
        settings = FitSettings(noise=noise, expression_range=(0.0, 1.0))
    found = fit(basis, np.asarray(points)[None], settings=settings)
    values = (float(value) for value in found.expression[0])
    return found.identity[0], dict(zip(basis.expression_names, values, strict=True))


@dataclass(frozen=True)
class _State:
    """Pose in the frame of the targets: y up, box size 1. Shapes as in `Fits`."""

    scale: NDArray[np.float64]
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    @classmethod
    def start(
        cls, basis: PointBasis, targets: NDArray[np.float64], trust: NDArray[np.float64]
    ) -> _State:
        """The pose of the mean face: the affine camera, then the rotation nearest to it."""
        count, _, axes = targets.shape
        mass = trust / trust.sum(1, keepdims=True)
        middle = (mass[:, None] @ basis.mean.astype(np.float64))[:, 0]
        head = basis.mean - middle[:, None]
        spread = np.swapaxes(head * mass[..., None], 1, 2) @ head
        goal = (mass[:, None] @ targets)[:, 0]
        cross = np.swapaxes((targets - goal[:, None]) * mass[..., None], 1, 2) @ head
        affine = np.swapaxes(np.linalg.solve(spread, np.swapaxes(cross, 1, 2)), 1, 2)[:, :2]
        left, values, right = np.linalg.svd(affine, full_matrices=False)
        rows = left @ right
        rotation = np.concatenate([rows, np.cross(rows[:, :1], rows[:, 1:])], axis=1)
        scale = values.mean(1)
        turned = (rotation @ middle[:, :, None])[:, :axes, 0]
        return cls(
            scale, rotation, goal - scale[:, None] * turned, np.zeros((count, len(basis.modes)))
        )

    def turned(self, basis: PointBasis) -> NDArray[np.float64]:
        """(B, K, 3): scale * R X."""
        camera = self.scale[:, None, None] * self.rotation
        return np.asarray(basis.points(self.coefficients) @ np.swapaxes(camera, 1, 2))

    def project(self, basis: PointBasis) -> NDArray[np.float64]:
        """(B, K, 2 or 3): scale * R X + shift."""
        return self.turned(basis)[..., : self.shift.shape[1]] + self.shift[:, None]


def _normalised(
    points: NDArray[np.float64], trust: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points -> y up, centred, box size 1; the centres (B, 2 or 3) and sizes (B,) in pixels."""
    known = trust[..., None] > 0
    low = np.where(known, points, np.inf).min(1)
    high = np.where(known, points, -np.inf).max(1)
    size = np.sqrt(np.prod((high - low)[:, :2], axis=1))
    if not (size > 0).all():
        raise PrnetError("expected points that span a box, got a line or one point")
    centre = (low + high) / 2
    targets = (points - centre[:, None]) / size[:, None, None] * _flip(points.shape[2])
    return np.where(known, targets, 0.0), centre, size


def _flip(axes: int) -> NDArray[np.float64]:
    return np.array([1.0, -1.0, 1.0])[:axes]


def _step(
    basis: PointBasis,
    targets: NDArray[np.float64],
    trust: NDArray[np.float64],
    state: _State,
    settings: FitSettings,
    identity: Floats | None,
) -> _State:
    """One reweighted, bounded Gauss-Newton step of pose and coefficients together."""
    axes = targets.shape[2]
    turned = state.turned(basis)
    residuals = targets - turned[..., :axes] - state.shift[:, None]
    turned_away = np.where(basis.fading, _yaw_trust(state.rotation, settings)[:, None], 1.0)
    weights = trust * _robust(residuals, settings) * turned_away
    jacobian = np.concatenate(
        [_coefficient_slopes(basis, state, axes), _pose_slopes(turned, axes)], axis=3
    )
    jacobian, residuals, weights = _with_openings(
        basis.openings, jacobian, residuals, weights, settings.opening_weight
    )
    rows = (len(jacobian), -1, jacobian.shape[3])
    scaled = (jacobian * weights[..., None, None].astype(np.float32)).reshape(rows)
    flat = np.swapaxes(jacobian.reshape(rows), 1, 2)
    information = np.asarray(flat @ scaled, np.float64) / settings.noise**2
    pull = np.swapaxes(scaled, 1, 2) @ residuals.astype(np.float32).reshape(len(scaled), -1, 1)
    gradient = np.asarray(pull[..., 0], np.float64) / settings.noise**2
    return _solved(basis, state, information, gradient, settings, identity)


def _robust(residuals: NDArray[np.float64], settings: FitSettings) -> NDArray[np.float64]:
    """Cauchy weights (B, K)."""
    return np.asarray(1 / (1 + (residuals**2).sum(2) / settings.outlier**2))


def _yaw_trust(rotation: NDArray[np.float64], settings: FitSettings) -> NDArray[np.float64]:
    """(B,): 1 up to the trusted yaw, then halved every 15 degrees."""
    excess = np.abs(yaw_degrees(rotation)) - settings.trusted_yaw
    return np.asarray(0.5 ** (np.clip(excess, 0, 60) / 15))


def _coefficient_slopes(basis: PointBasis, state: _State, axes: int) -> NDArray[np.float32]:
    """(B, K, axes, I + E): how the projected points move with each coefficient."""
    count, points, _ = basis.modes.shape
    modes = np.ascontiguousarray(np.moveaxis(basis.modes, 0, 2).transpose(1, 0, 2)).reshape(3, -1)
    camera = (state.scale[:, None, None] * state.rotation)[:, :axes].astype(np.float32)
    slopes = (camera @ modes).reshape(len(camera), axes, points, count)
    return np.asarray(np.swapaxes(slopes, 1, 2))


def _pose_slopes(turned: NDArray[np.float64], axes: int) -> NDArray[np.float32]:
    """(B, K, axes, 4 + axes): by log scale, by rotation about x, y and z, by shift."""
    x, y, z = np.moveaxis(turned, 2, 0)
    none = np.zeros_like(x)
    slopes = np.empty((*turned.shape[:2], 3, 4), np.float32)
    for column, values in enumerate([(x, y, z), (none, -z, y), (z, none, -x), (-y, x, none)]):
        slopes[..., column] = np.stack(values, axis=2)
    shift = np.broadcast_to(np.eye(axes, dtype=np.float32), (*turned.shape[:2], axes, axes))
    return np.concatenate([slopes[:, :, :axes], shift], axis=3)


def _with_openings(
    pairs: NDArray[np.integer],
    jacobian: NDArray[np.float32],
    residuals: NDArray[np.float64],
    weights: NDArray[np.float64],
    opening_weight: float,
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Append, for each pair of points, the rows of their difference."""
    if not len(pairs):
        return jacobian, residuals, weights
    one, other = pairs[:, 0], pairs[:, 1]
    both = opening_weight * np.minimum(weights[:, one], weights[:, other])
    return (
        np.concatenate([jacobian, jacobian[:, one] - jacobian[:, other]], axis=1),
        np.concatenate([residuals, residuals[:, one] - residuals[:, other]], axis=1),
        np.concatenate([weights, both], axis=1),
    )


def _solved(
    basis: PointBasis,
    state: _State,
    information: NDArray[np.float64],
    gradient: NDArray[np.float64],
    settings: FitSettings,
    identity: Floats | None,
) -> _State:
    """Add the priors, solve for the new coefficients within bounds, move the pose."""
    total, identities = len(basis.modes), basis.identities
    values = np.concatenate(
        [state.coefficients, np.zeros((len(gradient), 4 + state.shift.shape[1]))], 1
    )
    right = gradient + (information @ values[..., None])[..., 0]
    prior = np.full(gradient.shape[1], _TINY)
    prior[:identities] = 1.0
    prior[identities:total] = settings.expression_deviation**-2
    if identity is not None:
        prior[:identities] = _HELD
        right[:, :identities] += _HELD * identity
    diagonal = np.arange(len(prior))
    information[:, diagonal, diagonal] += prior
    bounded = np.zeros(len(prior), bool)
    bounded[identities:total] = True
    values = solve_bounded(information, right, bounded, settings.expression_range)
    pose = values[:, total:]
    return _State(
        scale=state.scale * np.exp(np.clip(pose[:, 0], -0.5, 0.5)),
        rotation=rotations_from_vectors(pose[:, 1:4]) @ state.rotation,
        shift=state.shift + pose[:, 4:],
        coefficients=values[:, :total],
    )
