"""The weak-perspective camera, similarity alignment and head pose. The one place for their signs.

Frames
    image: x right, y **down**, z toward the viewer (larger = nearer), pixels. Position maps,
        landmarks and vertices are in this frame.
    head: x toward the image's right for a frontal face, y **up**, z out of the face; any unit.
        Right-handed, so that rotations follow the right-hand rule.

Camera, head -> image, for a head point X:
    x = scale (R X)_x + t_x,    y = -scale (R X)_y + t_y,    z = scale (R X)_z + t_z

Pose, in degrees; R = Ry(yaw) Rx(-pitch) Rz(-roll), each a right-handed turn about a head axis:
    yaw   > 0: the face is turned toward the image's right side (-180..180)
    pitch > 0: it looks up (-90..90)
    roll  > 0: the head is tilted clockwise as one sees it in the image (-180..180)
Yaw and pitch are where the face looks: R (0, 0, 1) = (sin yaw cos pitch, sin pitch,
cos yaw cos pitch); roll is the turn about that direction. The middle angle is pitch, so the
gimbal lock is at pitch +-90 (rare), not at profile; there roll is 0 and yaw takes the whole turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError

FLIP_Y = np.array([1.0, -1.0, 1.0])
"""Multiplying by it takes head axes to image axes and back."""

_LOCK_COSINE = 1e-6
"""Below this cosine of the pitch, yaw and roll turn about the same axis."""

_FLAT = 1e-6
"""Points are on one plane (line) when they are thinner than this share of their extent: heads are
half as thick as they are high; rounding to float32 leaves a plane thinner."""


class Pose(NamedTuple):
    """Head pose in degrees; signs and order in :mod:`prnet.geometry.camera`."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, eq=False)
class WeakPerspectiveCamera:
    """Scaled orthographic camera, head -> image (see the module docstring).

    ``scale``: image pixels per head unit; ``rotation`` (3, 3) R; ``translation`` (3,) pixels.
    """

    scale: float
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @property
    def pose(self) -> Pose:
        return pose_from_rotation(self.rotation)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 4): image point = matrix @ (head point, 1)."""
        linear = self.scale * FLIP_Y[:, None] * self.rotation
        return np.concatenate([linear, self.translation[:, None]], axis=1)

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Head points (..., 3) -> image points (..., 3), pixels."""
        rows = points.reshape(-1, 3)
        image = project_head(rows, self.scale, self.rotation, self.translation)
        return image.reshape(points.shape)

    def unproject(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Image points (..., 3) -> head points (..., 3), the inverse of :meth:`project`."""
        centred: NDArray[np.float64] = (points - self.translation) * FLIP_Y / self.scale
        return centred @ self.rotation


def project_head(
    points: NDArray[np.floating],
    scale: float | NDArray[np.floating],
    rotation: NDArray[np.floating],
    translation: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Head points (..., K, 3) -> image points (..., K, 3) by one camera, or by one for each row of
    the leading axes: scale (...), rotation (..., 3, 3), translation (..., 3), or (..., 2) for
    cameras whose t_z is 0."""
    turned = points @ np.swapaxes(rotation, -1, -2)
    image: NDArray[np.float64] = np.asarray(scale)[..., None, None] * FLIP_Y * turned
    image[..., : translation.shape[-1]] += translation[..., None, :]
    return image


def fit_weak_perspective(
    model_points: NDArray[np.floating],
    image_points: NDArray[np.floating],
    *,
    weights: NDArray[np.floating] | None = None,
) -> WeakPerspectiveCamera:
    """The camera that takes head points (N, 3) to image points (N, 3) or (N, 2) with the least
    (weighted) squares. Without depths t_z is 0, and at least 4 points off one plane are needed;
    with them 3 off one line. Raises PrnetError for others."""
    model, image = np.asarray(model_points, np.float64), np.asarray(image_points, np.float64)
    if model.ndim != 2 or model.shape[1] != 3 or image.shape not in (model.shape, (len(model), 2)):
        raise PrnetError(
            "expected model points (N, 3) and image points (N, 3) or (N, 2), "
            f"got {model.shape} and {image.shape}"
        )
    if not (np.isfinite(model).all() and np.isfinite(image).all()):
        raise PrnetError("expected finite points, got some that are not")
    if image.shape[1] == 2:
        return _fit_without_depth(model, image, weights)
    return CameraFit(model, weights=weights)(image)


def _fit_without_depth(
    model: NDArray[np.float64], image: NDArray[np.float64], weights: NDArray[np.floating] | None
) -> WeakPerspectiveCamera:
    """Depths are what the last camera predicts (first: an affine one); refit until it rests."""
    _check_thickness(model, weights)
    root = np.sqrt(np.ones(len(model)) if weights is None else weights)[:, None]
    homogeneous = np.concatenate([model, np.ones((len(model), 1))], axis=1)
    affine = np.linalg.lstsq(root * homogeneous, root * image, rcond=None)[0][:3] * FLIP_Y[:2]
    u, lengths, vt = np.linalg.svd(affine.T, full_matrices=False)
    first, second = u @ vt
    rotation, scale = np.stack([first, second, np.cross(first, second)]), float(lengths.mean())
    for _ in range(200):
        depth = scale * (model @ rotation[2])
        camera = fit_weak_perspective(
            model, np.concatenate([image, depth[:, None]], axis=1), weights=weights
        )
        moved = np.abs(camera.rotation - rotation).max() + abs(camera.scale / scale - 1)
        rotation, scale = camera.rotation, camera.scale
        if moved < 1e-10:
            break
    return WeakPerspectiveCamera(scale, rotation, camera.translation * [1, 1, 0])


def _check_thickness(model: NDArray[np.float64], weights: NDArray[np.floating] | None) -> None:
    """Points on one plane look the same from both sides of it: two cameras fit equally well."""
    counted = model if weights is None else model[np.asarray(weights) > 0]
    extents = np.linalg.svd(counted - counted.mean(axis=0), compute_uv=False)
    if len(counted) < 4 or not extents[2] > _FLAT * extents[0]:
        raise PrnetError(
            f"expected at least 4 points off one plane (or depths), got {len(counted)} on one"
        )


def align_similarity(
    source: NDArray[np.floating],
    target: NDArray[np.floating],
    *,
    weights: NDArray[np.floating] | None = None,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """scale, rotation (D, D), translation (D,) that minimise the (weighted) squared distances
    from scale * source @ rotation.T + translation to target, both (N, D). Never a reflection.
    Raises PrnetError where points that coincide or, in 3D, lie on one line leave the rotation open.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", PAMI 1991.
    """
    return SimilarityFit(source, weights=weights)(target)


class SimilarityFit:
    """`align_similarity` of one source (N, D) with many targets: what the source alone decides is
    reckoned once, so that a target costs one matrix product."""

    def __init__(
        self, source: NDArray[np.floating], *, weights: NDArray[np.floating] | None = None
    ) -> None:
        w = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
        w = w / w.sum()
        self._mean = w @ source
        centred = source - self._mean
        weighted = w[:, None] * centred
        self._spread = float(np.vdot(weighted, centred))
        if not np.isfinite(self._spread):
            raise PrnetError("expected finite points, got some that are not")
        if not self._spread > 0:
            raise PrnetError("expected points that differ from each other, got one repeated point")
        self._weights = np.concatenate([weighted, w[:, None]], axis=1)

    def __call__(
        self, target: NDArray[np.floating]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Target (N, D) -> scale, rotation (D, D), translation (D,)."""
        product = np.asarray(target, np.float64).T @ self._weights
        if not np.isfinite(product).all():
            raise PrnetError("expected finite points, got some that are not")
        covariance, target_mean = product[:, :-1], product[:, -1]
        u, lengths, vt = np.linalg.svd(covariance)
        rounded = np.linalg.norm(target_mean) * np.sqrt(self._spread)
        if not lengths[-2] > _FLAT**2 * (lengths[0] + rounded):  # products of both extents
            raise PrnetError("expected points off one line, got points that lie on one or coincide")
        signs = np.ones(len(lengths))
        signs[-1] = np.sign(np.linalg.det(u @ vt))
        rotation = (u * signs) @ vt
        scale = float((lengths * signs).sum() / self._spread)
        return scale, rotation, target_mean - scale * rotation @ self._mean


class CameraFit:
    """`fit_weak_perspective` of one head (N, 3) to many faces (N, 3), as `SimilarityFit` is."""

    def __init__(
        self, model_points: NDArray[np.floating], *, weights: NDArray[np.floating] | None = None
    ) -> None:
        self._fit = SimilarityFit(model_points * FLIP_Y, weights=weights)

    def __call__(self, image_points: NDArray[np.floating]) -> WeakPerspectiveCamera:
        scale, rotation, translation = self._fit(image_points)
        return WeakPerspectiveCamera(scale, FLIP_Y[:, None] * rotation * FLIP_Y, translation)


def rotation_from_pose(pose: Pose) -> NDArray[np.float64]:
    """Pose in degrees -> rotation (3, 3)."""
    y, p, r = np.radians(pose)
    turn_yaw = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    turn_pitch = [[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]]
    turn_roll = [[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(turn_yaw) @ np.array(turn_pitch) @ np.array(turn_roll)


def yaw_degrees(rotation: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotations (..., 3, 3) -> the yaw of their poses (...), degrees (not at pitch +-90, where roll
    and yaw are one)."""
    return np.asarray(np.degrees(np.arctan2(rotation[..., 0, 2], rotation[..., 2, 2])), np.float64)


def pose_from_rotation(rotation: NDArray[np.floating]) -> Pose:
    """Rotation (3, 3) -> pose in degrees, the inverse of :func:`rotation_from_pose`."""
    r = np.asarray(rotation, np.float64)
    cosine = np.hypot(r[1, 0], r[1, 1])
    pitch = np.arctan2(r[1, 2], cosine)
    if cosine < _LOCK_COSINE:
        yaw, roll = np.arctan2(-r[2, 0], r[0, 0]), 0.0
    else:
        yaw, roll = np.arctan2(r[0, 2], r[2, 2]), np.arctan2(-r[1, 0], r[1, 1])
    return Pose(*(float(angle) for angle in np.degrees([yaw, pitch, roll])))


def image_roll(rotation: NDArray[np.floating]) -> float:
    """Rotation (3, 3) -> degrees between the head's up axis and the image's, clockwise positive.

    The pose's roll for a face that looks at the viewer; unlike it, it turns with the photo at
    every yaw and pitch, and so is what a crop is turned upright by.
    """
    return float(np.degrees(np.arctan2(rotation[0, 1], rotation[1, 1])))


def rotations_from_vectors(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation vectors (B, 3), radians -> rotations (B, 3, 3) (Rodrigues)."""
    angle = np.maximum(np.linalg.norm(turns, axis=1), 1e-12)[:, None, None]
    x, y, z = (turns / angle[:, 0]).T
    none = np.zeros_like(x)
    cross = np.stack([none, -z, y, z, none, -x, -y, x, none], axis=1).reshape(-1, 3, 3)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
