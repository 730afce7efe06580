from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.bounded import solve_bounded
from prnet.facemodel.fitting import Fits, FitSettings, fit, fit_expression
from prnet.facemodel.point_basis import PointBasis
from prnet.geometry.camera import yaw_degrees

IDENTITIES, EXPRESSIONS, POINTS = 6, 5, 120
EXACT = FitSettings(noise=1e-4, outlier=10.0, iterations=15)
"""Weak priors and no reweighting: the truth is the minimum."""


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.fixture
def basis(random: np.random.Generator) -> PointBasis:
    """A blob with smooth random modes, symmetric about x = 0: point i's twin is i + K/2."""
    half = random.normal(size=(POINTS // 2, 3)) * (4, 6, 4)
    twin = half * (-1, 1, 1)
    waves = random.normal(size=(IDENTITIES + EXPRESSIONS, POINTS // 2, 3)) * 0.4
    modes = np.concatenate([waves, waves * (-1, 1, 1)], axis=1)
    return PointBasis(
        mean=np.concatenate([half, twin]).astype(np.float32),
        modes=modes.astype(np.float32),
        identities=IDENTITIES,
        expression_names=tuple(f"shape{i}" for i in range(EXPRESSIONS)),
        openings=np.array([(0, 1), (60, 61)]),
        fading=np.ones(POINTS, bool),
    )


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def truth(random: np.random.Generator, count: int) -> Fits:
    angles = random.uniform(-0.6, 0.6, (count, 3))
    return Fits(
        scale=random.uniform(5, 20, count),
        rotation=np.stack([rotation(*three) for three in angles]),
        translation=random.uniform(50, 300, (count, 2)),
        identity=random.normal(size=(count, IDENTITIES)),
        expression=random.uniform(0.1, 1.1, (count, EXPRESSIONS)),
        residuals=np.zeros((count, POINTS)),
    )


def projected(basis: PointBasis, fits: Fits) -> NDArray[np.float64]:
    """Image points (B, K, 3), written out per photo as the labels' README states it."""
    shapes = np.concatenate([fits.identity, fits.expression], axis=1)
    points = []
    for row, coefficients in enumerate(shapes):
        head = basis.mean + np.einsum("c,ckd->kd", coefficients, basis.modes)
        x, y, z = fits.scale[row] * fits.rotation[row] @ head.T
        points.append(np.stack([x + fits.translation[row, 0], fits.translation[row, 1] - y, z], 1))
    return np.array(points)


@pytest.mark.parametrize("axes", [2, 3])
def test_points_made_from_coefficients_give_them_back(
    basis: PointBasis, random: np.random.Generator, axes: int
) -> None:
    expected = truth(random, 4)
    found = fit(basis, projected(basis, expected)[..., :axes], settings=EXACT)
    np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-3)
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=2e-3)
    np.testing.assert_allclose(found.translation[:, :2], expected.translation, atol=0.1)
    np.testing.assert_allclose(found.identity, expected.identity, atol=0.02)
    np.testing.assert_allclose(found.expression, expected.expression, atol=0.02)
    assert found.residuals.max() < 0.02
    np.testing.assert_allclose(found.yaw, yaw_degrees(expected.rotation), atol=0.1)


def test_expressions_stay_within_bounds_where_the_truth_is_outside(
    basis: PointBasis, random: np.random.Generator
) -> None:
    wild = truth(random, 3)
    wild.expression[:, 0], wild.expression[:, 1] = -0.7, 2.0
    found = fit(basis, projected(basis, wild)[..., :2], settings=EXACT)
    assert found.expression.min() >= 0
    assert found.expression.max() <= 1.2
    np.testing.assert_allclose(found.expression[:, 0], 0, atol=1e-9)
    np.testing.assert_allclose(found.expression[:, 1], 1.2, atol=1e-9)


def test_outliers_hardly_move_the_fit(basis: PointBasis, random: np.random.Generator) -> None:
    expected = truth(random, 3)
    points = projected(basis, expected)[..., :2]
    spoiled = points.copy()
    spoiled[:, ::12] += 80
    robust = FitSettings(noise=1e-3, outlier=0.01, iterations=20)
    trusting = FitSettings(noise=1e-3, outlier=100.0, iterations=20)
    clean = np.ones(POINTS, bool)
    clean[::12] = False
    errors = [
        fit(basis, spoiled, settings=one).residuals[:, clean].mean() for one in (robust, trusting)
    ]
    assert errors[0] < 0.3
    assert errors[0] < errors[1] / 20


def test_points_of_no_weight_do_not_count_even_if_unknown(
    basis: PointBasis, random: np.random.Generator
) -> None:
    points = projected(basis, truth(random, 2))[..., :2]
    inner = np.argsort(np.abs(points - points.mean(1, keepdims=True)).max((0, 2)))[:5]
    weights = np.ones(points.shape[:2])
    weights[:, inner] = 0
    unknown = points.copy()
    unknown[:, inner] = np.nan
    one, other = (fit(basis, each, weights=weights) for each in (points, unknown))
    np.testing.assert_array_equal(one.identity, other.identity)
    assert (other.residuals[:, inner] == 0).all()


def test_a_photo_gives_the_same_bits_in_any_batch(
    basis: PointBasis, random: np.random.Generator
) -> None:
    points = projected(basis, truth(random, 7))[..., :2] + random.normal(size=(7, POINTS, 2))
    together = fit(basis, points)
    for row in range(7):
        alone = fit(basis, points[row : row + 1])
        np.testing.assert_array_equal(alone.identity[0], together.identity[row])
        np.testing.assert_array_equal(alone.rotation[0], together.rotation[row])
        np.testing.assert_array_equal(alone.residuals[0], together.residuals[row])


def test_moved_and_scaled_photos_give_the_same_coefficients(
    basis: PointBasis, random: np.random.Generator
) -> None:
    points = projected(basis, truth(random, 3))[..., :2] + random.normal(size=(3, POINTS, 2))
    one, other = fit(basis, points), fit(basis, 3 * points + (40, -7))
    np.testing.assert_allclose(other.identity, one.identity, atol=1e-4)
    np.testing.assert_allclose(other.scale, 3 * one.scale, rtol=1e-4)
    np.testing.assert_allclose(other.translation, 3 * one.translation + (40, -7), atol=0.02)


def test_a_mirrored_photo_gives_the_mirrored_pose(
    basis: PointBasis, random: np.random.Generator
) -> None:
    """The modes are symmetric, so the coefficients stay and the pose is mirrored."""
    width = 400
    points = projected(basis, truth(random, 3))[..., :2] + random.normal(size=(3, POINTS, 2))
    twins = np.roll(np.arange(POINTS), POINTS // 2)
    mirrored = points[:, twins] * (-1, 1) + (width - 1, 0)
    one, other = fit(basis, points), fit(basis, mirrored)
    flip = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(other.rotation, flip @ one.rotation @ flip, atol=1e-4)
    np.testing.assert_allclose(other.identity, one.identity, atol=2e-3)
    np.testing.assert_allclose(other.expression, one.expression, atol=2e-3)
    np.testing.assert_allclose(
        other.translation[:, 0], width - 1 - one.translation[:, 0], atol=0.05
    )


def test_openings_are_kept_where_priors_would_close_them(basis: PointBasis) -> None:
    """One expression moves one point alone: a difference row of large weight holds it open."""
    modes = np.zeros_like(basis.modes)
    modes[IDENTITIES, 0, 1] = 2.0
    only = PointBasis(
        basis.mean, modes, IDENTITIES, basis.expression_names, basis.openings, basis.fading
    )
    points = (basis.mean + 1.0 * modes[IDENTITIES])[None, :, :2] * (10, -10)
    loose = fit(only, points, settings=FitSettings(opening_weight=0.0))
    held = fit(only, points, settings=FitSettings(opening_weight=50.0))
    assert loose.expression[0, 0] < 0.6
    assert held.expression[0, 0] > 0.9


def test_points_that_fade_weigh_less_when_turned_far(
    basis: PointBasis, random: np.random.Generator
) -> None:
    """Beyond the trusted yaw the priors weigh more: smaller coefficients, larger residuals."""
    turned = truth(random, 3)
    turned.rotation[:] = rotation(np.radians(55), 0.1, 0)
    points = projected(basis, turned)[..., :2]
    settings = [FitSettings(noise=0.1, trusted_yaw=degrees) for degrees in (90, 30)]
    trusted, faded = (fit(basis, points, settings=one) for one in settings)
    assert (faded.residuals.mean(1) > 1.1 * trusted.residuals.mean(1)).all()
    frontal = projected(basis, truth(np.random.default_rng(1), 1))[..., :2]
    one, other = (fit(basis, frontal, settings=each).identity for each in settings)
    np.testing.assert_array_equal(one, other)


def test_expression_of_dense_points_by_name(basis: PointBasis, random: np.random.Generator) -> None:
    expected = truth(random, 1)
    identity, values = fit_expression(projected(basis, expected)[0], basis, settings=EXACT)
    assert list(values) == [f"shape{i}" for i in range(EXPRESSIONS)]
    np.testing.assert_allclose(list(values.values()), expected.expression[0], atol=0.02)
    np.testing.assert_allclose(identity, expected.identity[0], atol=0.02)


def test_wrong_number_of_points_is_refused(basis: PointBasis) -> None:
    with pytest.raises(PrnetError, match=r"expected points \(B, 120, 2 or 3\), got \(1, 68, 2\)"):
        fit(basis, np.zeros((1, 68, 2)))


def test_bounded_solution_agrees_with_a_slow_twin(random: np.random.Generator) -> None:
    from scipy.optimize import minimize

    size, bounded = 9, np.arange(9) >= 4
    root = random.normal(size=(5, size, size))
    matrix = root @ np.swapaxes(root, 1, 2) + 0.3 * np.eye(size)
    right = random.normal(size=(5, size)) * 4
    found = solve_bounded(matrix, right, bounded, (0.0, 1.2))
    limits = [(None, None)] * 4 + [(0.0, 1.2)] * 5
    for a, b, x in zip(matrix, right, found, strict=True):
        twin = minimize(
            lambda v, a=a, b=b: v @ a @ v / 2 - b @ v,
            np.zeros(size),
            jac=lambda v, a=a, b=b: a @ v - b,
            bounds=limits,
            method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
        )
        np.testing.assert_allclose(x, twin.x, atol=1e-4)


def test_what_has_no_size_is_refused() -> None:
    basis = PointBasis.plain(np.eye(3, dtype="f4"), np.zeros((2, 3, 3), "f4"), ("jawOpen",))
    with pytest.raises(PrnetError, match="expected points that span a box"):
        fit(basis, np.ones((1, 3, 2)))
    flat = replace(basis, mean=np.zeros((3, 3), np.float32))
    with pytest.raises(PrnetError, match="expected a face model of some volume"):
        fit(flat, np.eye(3)[None, :, :2])
