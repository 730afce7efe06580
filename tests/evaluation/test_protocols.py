"""Hand-computed numbers on hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from prnet.evaluation.protocols import (
    alignment,
    apply,
    area_under_curve,
    by_yaw,
    cumulative_shares,
    deviation_scores,
    euler_angles,
    failure_rate,
    nme,
    outer_interocular,
    pose_errors,
    reconstruction_nme,
    with_zero_mean_z,
    wrap_degrees,
)
from prnet.facemodel.fits300w import rotation_matrix
from prnet.geometry.camera import Pose, rotation_from_pose

BOX = np.array([[0.0, 0.0, 5.0], [10.0, 0.0, 1.0], [10.0, 40.0, 0.0], [4.0, 7.0, -2.0]])
"""Its box is 10 x 40 in x and y: sqrt(w * h) = 20."""


def test_nme_is_the_mean_distance_over_the_size_of_the_true_box() -> None:
    flat = BOX[:, :2]
    assert nme(flat + np.array([3, 4]), flat) == pytest.approx(100 * 5 / 20)
    assert nme(flat + np.array([[3, 4], [0, 0], [0, 0], [0, 0]]), flat) == pytest.approx(
        100 * 5 / 4 / 20
    )
    assert nme(3 * flat, flat) != pytest.approx(float(nme(flat, 3 * flat))), "the truth normalises"


def test_nme_in_3d_is_over_the_box_in_x_and_y() -> None:
    assert nme(BOX + np.array([2, 3, 6]), BOX) == pytest.approx(100 * 7 / 20)
    assert nme(BOX + np.array([2, 3, 6]), BOX, box_of=2 * BOX) == pytest.approx(100 * 7 / 40)


def test_nme_of_many_images_at_once() -> None:
    stack = np.stack([BOX, 2 * BOX])
    np.testing.assert_allclose(nme(stack + np.array([0, 0, 4]), stack), [20, 10])


def test_depth_has_no_origin() -> None:
    far = BOX + np.array([0, 0, 1000])
    assert nme(with_zero_mean_z(far), with_zero_mean_z(BOX)) == pytest.approx(0)
    assert nme(far, BOX) == pytest.approx(5000)


def test_yaw_bins_and_an_angle_that_was_never_wrapped() -> None:
    yaw = np.array([0, 30, -30.5, 60, -60.5, 351, np.nan, 5])
    errors = np.array([1.0, 3, 2, 4, 6, 10, 100, np.inf])
    bins = by_yaw(errors, yaw)
    assert bins.counts == (2, 2, 2)
    assert bins.means == (2, 3, 8)
    assert bins.mean == pytest.approx(13 / 3)
    assert bins.std == pytest.approx(np.sqrt((49 + 16 + 121) / 27)), "over n, not n - 1"
    assert (bins.unknown, bins.beyond_180) == (1, 1)

    wrapped = by_yaw(errors, wrap_degrees(yaw))
    assert wrapped.counts == (3, 2, 1)
    assert wrapped.means == pytest.approx((14 / 3, 3, 6))
    assert wrapped.beyond_180 == 0


def test_an_empty_yaw_bin_is_left_out_of_the_mean_of_the_bins() -> None:
    bins = by_yaw(np.array([1.0, 3.0]), np.array([0.0, 45.0]))
    assert np.isnan(bins.means[2])
    assert (bins.mean, bins.std) == (2, 1)


def test_interocular_takes_36_and_45_from_zero() -> None:
    landmarks = np.zeros((68, 3))
    landmarks[36], landmarks[45] = [-1, 0, 2], [3, 4, 4]  # 6 apart
    landmarks[37], landmarks[46] = [0, 0, 0], [1, 0, 0]  # the trap of counting from one
    assert outer_interocular(landmarks) == pytest.approx(6)


SQUARE = np.array([[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])


def test_alignment_takes_off_what_it_says() -> None:
    turned = SQUARE @ rotation_from_pose((20, 10, 30)).T  # type: ignore[arg-type]
    moved = 2 * turned + np.array([5, 6, 7])

    def error(predicted, align):
        return reconstruction_nme(predicted, SQUARE, interocular=2, align=align)

    assert error(moved, "similarity") == pytest.approx(0, abs=1e-9)
    # Twice as large, each corner is sqrt(2) too far from the centre.
    assert error(moved, "rigid") == pytest.approx(100 * np.sqrt(2) / 2)
    assert error(2 * SQUARE + np.array([0, 0, 1]), "none") == pytest.approx(100 * np.sqrt(3) / 2)
    assert error(turned + np.array([5, 6, 7]), "rigid") == pytest.approx(0, abs=1e-9)


def test_icp_finds_partners_without_an_order() -> None:
    random = np.random.default_rng(0)
    true = random.normal(0, 10, (60, 3))
    more = np.concatenate([true, true + 300])[random.permutation(120)]
    moved = 1.05 * more @ rotation_from_pose(Pose(4, -3, 5)).T + [0.5, -0.4, 0.3]
    start = (1.0, np.eye(3), np.zeros(3))

    def error(align):
        return reconstruction_nme(
            moved, true, interocular=10, align=align, match="icp", start=start
        )

    assert error("similarity") == pytest.approx(0, abs=1e-6)
    assert error("rigid") > 1, "the scale stays"
    assert error("none") > error("rigid")


def test_rigid_alignment_is_the_best_one() -> None:
    random = np.random.default_rng(1)
    source, target = random.normal(0, 1, (2, 30, 3))
    best = alignment(source, target, scaled=False)

    def cost(transform):
        return float(((apply(transform, source) - target) ** 2).sum())

    for _ in range(20):
        nudge = rotation_from_pose(random.normal(0, 2, 3))  # type: ignore[arg-type]
        other = (1.0, nudge @ best[1], best[2] + random.normal(0, 0.02, 3))
        assert cost(best) <= cost(other)


def test_pose_error_leaves_out_angles_out_of_range() -> None:
    nan, inf = np.nan, np.inf
    true = np.array([[0.0, 10, 20], [0, 351, 0], [-99, 99, 0], [99.5, 0, 0], [nan] * 3, [0, 0, 0]])
    predicted = np.array([[3.0, 7, 14], [0, -9, 0], [-98, 98, 3], [99, 0, 0], [0] * 3, [inf] * 3])
    result = pose_errors(predicted, true)
    np.testing.assert_allclose(result.mae, [2, 2, 4.5])
    np.testing.assert_allclose(result.bias, [2, -2, -1.5])
    assert result.mean == pytest.approx(8.5 / 3)
    assert result.excluded == 2, "351 and 99.5; an unknown pose is not out of range"
    assert np.isnan(result.errors[[1, 3, 4]]).all()
    assert np.isinf(result.errors[5]).all()


def test_errors_beside_deviations() -> None:
    errors = np.array([[[0.5, -0.5], [3, -3]], [[np.nan, np.nan]] * 2, [[2, 2], [-1, 1]]])
    deviations = np.array([[1.0, 2], [np.nan] * 2, [2, 2]])
    result = deviation_scores(errors, deviations)
    np.testing.assert_array_equal(result.shares, [0.5, np.nan, 1])
    assert result.within == 0.75
    assert result.wide == pytest.approx(np.quantile([0.5, 0.5, 1.5, 1.5, 1, 1, 0.5, 0.5], 0.6827))
    assert result.correlation == pytest.approx(np.corrcoef([0.5, 3, 2, 1], [1, 2, 2, 2])[0, 1])
    assert np.isnan(deviation_scores(errors[1:2], deviations[1:2]).within)


@pytest.mark.parametrize("angles", [(0, 0, 0), (20, -70, 35), (-50, 88, -10), (120, 5, 170)])
def test_euler_angles_are_those_of_the_data_set(angles) -> None:
    rotation = rotation_matrix(np.radians(angles))
    np.testing.assert_allclose(euler_angles(rotation), angles, atol=1e-9)


def test_cumulative_curve_counts_failures() -> None:
    errors = np.array([1.0, 3.0, np.inf, 5.0, np.nan])
    shares = cumulative_shares(errors, np.array([0.0, 1, 2.9, 4, 10]))
    np.testing.assert_allclose(shares, [0, 0.25, 0.25, 0.5, 0.75])
    assert area_under_curve(errors, 4) == pytest.approx((0.75 + 0.25) / 4)
    assert failure_rate(errors, 4) == pytest.approx(0.5)


def test_area_is_that_of_the_curve() -> None:
    errors = np.random.default_rng(2).gamma(3, 1.5, 500)
    thresholds = np.linspace(0, 7, 70001)
    slow = cumulative_shares(errors, thresholds).mean()
    assert area_under_curve(errors, 7) == pytest.approx(float(slow), abs=1e-4)
