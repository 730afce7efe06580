from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.geometry.camera import (
    FLIP_Y,
    CameraFit,
    Pose,
    WeakPerspectiveCamera,
    align_similarity,
    fit_weak_perspective,
    pose_from_rotation,
    project_head,
    rotation_from_pose,
    yaw_degrees,
)

POINTS = np.random.default_rng(0).normal(size=(40, 3))
poses = st.builds(Pose, st.floats(-179, 179), st.floats(-89, 89), st.floats(-179, 179))


@given(poses)
def test_pose_round_trip(pose: Pose) -> None:
    rotation = rotation_from_pose(pose)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(pose_from_rotation(rotation), pose, atol=1e-6)


@given(st.sampled_from([-90.0, 90.0]), st.floats(-180, 180), st.floats(-180, 180))
def test_gimbal_lock_keeps_the_rotation(pitch: float, yaw: float, roll: float) -> None:
    rotation = rotation_from_pose(Pose(yaw, pitch, roll))
    again = pose_from_rotation(rotation)
    assert again.roll == 0
    np.testing.assert_allclose(rotation_from_pose(again), rotation, atol=1e-6)


@pytest.mark.parametrize(
    ("pose", "head_point", "image_direction"),
    [
        (Pose(30, 0, 0), (0, 0, 1), (0.5, 0)),  # the nose points to the image's right
        (Pose(0, 30, 0), (0, 0, 1), (0, -0.5)),  # the nose points up, which is -y
        (Pose(0, 0, 30), (0, 1, 0), (0.5, -np.sqrt(0.75))),  # the crown tilts to the right
        (Pose(90, 30, 0), (0, 0, 1), (np.sqrt(0.75), -0.5)),  # a profile that looks up
    ],
)
def test_signs(pose: Pose, head_point: tuple, image_direction: tuple) -> None:
    camera = WeakPerspectiveCamera(1.0, rotation_from_pose(pose), np.zeros(3))
    np.testing.assert_allclose(
        camera.project(np.array(head_point))[:2], image_direction, atol=1e-12
    )


@given(poses, st.floats(0.01, 100), st.tuples(*[st.floats(-500, 500)] * 3))
def test_fit_recovers_the_camera(pose: Pose, scale: float, translation: tuple) -> None:
    camera = WeakPerspectiveCamera(scale, rotation_from_pose(pose), np.array(translation))
    image = camera.project(POINTS)
    fitted = fit_weak_perspective(POINTS, image)
    np.testing.assert_allclose(fitted.matrix, camera.matrix, atol=1e-6)
    np.testing.assert_allclose(camera.unproject(image), POINTS, atol=1e-6)
    homogeneous = np.concatenate([POINTS, np.ones((40, 1))], axis=1)
    np.testing.assert_allclose(homogeneous @ camera.matrix.T, image, atol=1e-6)


@given(poses)
@settings(max_examples=30)
def test_fit_without_depth(pose: Pose) -> None:
    camera = WeakPerspectiveCamera(20.0, rotation_from_pose(pose), np.array([5.0, 7.0, 0.0]))
    fitted = fit_weak_perspective(POINTS, camera.project(POINTS)[:, :2])
    np.testing.assert_allclose(fitted.matrix, camera.matrix, atol=1e-6)


def test_fit_without_depth_is_a_minimum() -> None:
    rng = np.random.default_rng(1)
    camera = WeakPerspectiveCamera(20.0, rotation_from_pose(Pose(25, 10, -5)), np.zeros(3))
    image = camera.project(POINTS)[:, :2] + rng.normal(size=(40, 2))
    weights = rng.uniform(0.1, 1, 40)
    fitted = fit_weak_perspective(POINTS, image, weights=weights)

    def cost(c: WeakPerspectiveCamera) -> float:
        return float((weights[:, None] * (c.project(POINTS)[:, :2] - image) ** 2).sum())

    for _ in range(200):
        step = rng.normal(size=7) * 1e-2
        nudged = WeakPerspectiveCamera(
            fitted.scale + step[0],
            rotation_from_pose(Pose(*(np.array(fitted.pose) + step[1:4]))),
            fitted.translation + step[4:],
        )
        assert cost(nudged) >= cost(fitted)


def test_alignment_never_mirrors() -> None:
    _, rotation, _ = align_similarity(POINTS, POINTS * [-1, 1, 1])
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_weights_of_zero_leave_points_out() -> None:
    target = 2 * POINTS + 1
    target[0] += 100
    weights = np.ones(40)
    weights[0] = 0
    scale, rotation, translation = align_similarity(POINTS, target, weights=weights)
    assert scale == pytest.approx(2)
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(translation, 1)


def test_one_fit_serves_many_targets() -> None:
    """Far from 0 and in float32, too, with as many digits as the centred fit has (Umeyama's)."""
    random = np.random.default_rng(2)
    weights = random.uniform(0.1, 1, 40)
    fit = CameraFit(POINTS, weights=weights)
    for place in (0.0, 4000.0):
        pose = Pose(*random.uniform(-80, 80, 3))
        camera = WeakPerspectiveCamera(90.0, rotation_from_pose(pose), np.full(3, place))
        image = (camera.project(POINTS) + random.normal(size=(40, 3))).astype(np.float32)
        centred = [
            each - np.average(each, axis=0, weights=weights)
            for each in (POINTS * FLIP_Y, image.astype(np.float64))
        ]
        u, _, vt = np.linalg.svd(centred[1].T @ (weights[:, None] * centred[0]))
        fitted = fit(image)
        np.testing.assert_allclose(fitted.rotation, FLIP_Y[:, None] * (u @ vt) * FLIP_Y, atol=1e-10)
        once = fit_weak_perspective(POINTS, image, weights=weights)
        np.testing.assert_array_equal(fitted.matrix, once.matrix)
        mean = np.average(image.astype(np.float64), axis=0, weights=weights)
        moved = fitted.project(np.average(POINTS, axis=0, weights=weights)[None])[0]
        np.testing.assert_allclose(moved, mean, atol=1e-8)


def test_wrong_points_are_named() -> None:
    with pytest.raises(PrnetError, match=r"expected model points .* got \(40, 3\) and \(39, 3\)"):
        fit_weak_perspective(POINTS, POINTS[1:])
    with pytest.raises(PrnetError, match="one repeated point"):
        fit_weak_perspective(np.ones((5, 3)), POINTS[:5])


def on_a_plane(dtype: type) -> NDArray[np.floating]:
    tilt = rotation_from_pose(Pose(30, 20, 10))
    return (100 * POINTS * [1, 1, 0] @ tilt + 300).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_points_that_leave_the_camera_open_are_refused(dtype: type) -> None:
    """On a plane two cameras fit two-dimensional points equally well; on a line endlessly many."""
    plane = on_a_plane(dtype)
    with pytest.raises(PrnetError, match=r"at least 4 points off one plane .* got 40 on one"):
        fit_weak_perspective(plane, POINTS[:, :2])
    with pytest.raises(PrnetError, match=r"at least 4 points off one plane .* got 3 on one"):
        fit_weak_perspective(POINTS[:3], POINTS[:3, :2])
    heavy = np.concatenate([plane, plane[:1] + 50])
    weights = np.ones(41)
    weights[-1] = 0
    with pytest.raises(PrnetError, match="off one plane"):
        fit_weak_perspective(heavy, np.zeros((41, 2)), weights=weights)
    assert fit_weak_perspective(plane, 2 * plane * FLIP_Y).scale == pytest.approx(2, rel=1e-5)
    line = np.outer(np.arange(5.0), [1, 2, 3])
    with pytest.raises(PrnetError, match="off one line"):
        fit_weak_perspective(line, POINTS[:5])
    with pytest.raises(PrnetError, match="coincide"):
        fit_weak_perspective(POINTS, np.ones((40, 3)))
    with pytest.raises(PrnetError, match="coincide"):
        fit_weak_perspective(POINTS, np.full((40, 3), 1e7 / 3))
    broken = np.where(POINTS > 1, np.nan, POINTS)
    for model, image in ((POINTS, broken), (POINTS, broken[:, :2]), (broken, POINTS[:, :2])):
        with pytest.raises(PrnetError, match="expected finite points"):
            fit_weak_perspective(model, image)


def test_there_is_one_yaw() -> None:
    """Of a tilted head that looks up, too: where it looks, not how far its neck is turned."""
    poses = [Pose(0, 20, 20), Pose(35, -25, 40), Pose(-70, 30, -15), Pose(100, 10, 5)]
    rotations = np.array([rotation_from_pose(pose) for pose in poses])
    np.testing.assert_allclose(yaw_degrees(rotations), [pose.yaw for pose in poses], atol=1e-9)


def test_many_cameras_project_as_each_alone() -> None:
    random = np.random.default_rng(5)
    heads = random.normal(size=(3, 7, 3))
    rotations = np.array([rotation_from_pose(Pose(*random.uniform(-60, 60, 3))) for _ in range(3)])
    scale, translation = random.uniform(1, 9, 3), random.normal(size=(3, 3))
    together = project_head(heads, scale, rotations, translation)
    for row in range(3):
        alone = WeakPerspectiveCamera(float(scale[row]), rotations[row], translation[row])
        np.testing.assert_allclose(together[row], alone.project(heads[row]))
    without_depth = project_head(heads, scale, rotations, translation[:, :2])
    np.testing.assert_allclose(without_depth[..., :2], together[..., :2])
    np.testing.assert_allclose(without_depth[..., 2], together[..., 2] - translation[:, None, 2])
