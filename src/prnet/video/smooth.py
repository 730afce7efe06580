"""Steady faces: the One-Euro filter (Casiez, Roussel and Vogel, CHI 2012) on the head's pose and on
the map in the head's frame, so that a turn of the head does not blur a blink.

Speeds are in face sizes a second: what is slow is smoothed, what moves is let through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import isqrt, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.face import Face
from prnet.geometry.camera import WeakPerspectiveCamera
from prnet.layout.uv_layout import Part, UVLayout
from prnet.mapped import size_of
from prnet.video.head import head_camera, in_head, in_image

MIN_CUTOFF, BETA, SPEED_CUTOFF = 0.05, 80.0, 1.0
"""Hertz of a still face; hertz for each face size a second; hertz of the speed itself. MediaPipe's
of its face landmarks."""

SUDDEN = 0.15
"""Face sizes a second beyond noise: what is faster than that counts at once. The speed of a point
that sways, smoothed, is 0 at another moment than the point's."""
QUICK = 3.0
"""So much more of its speed counts where a point is of an eye or the mouth: a blink lasts a tenth
of a second."""

CELL: Final = 4
"""Map pixels a side that are smoothed as one, and between whose middles the rest is moved: the
package's network has a control point for each, and a sixteenth of the work is enough."""

LONGEST_GAP = 0.5
"""Seconds after which a face that comes back is taken as it is."""


@dataclass(frozen=True)
class Rates:
    """Of the filter: cutoff of what is still, hertz; hertz added for each face size a second;
    cutoff of the speed."""

    still: float = MIN_CUTOFF
    beta: float = BETA
    speed: float = SPEED_CUTOFF


class OneEuro:
    """A low-pass filter of points (D, ...) whose cutoff rises with each point's speed; by ``free``
    times as fast, where that is given for each point (...)."""

    def __init__(self, rates: Rates, free: NDArray[np.float32] | float = 1.0) -> None:
        self._rates, self._beta = rates, rates.beta * free
        self._raw: NDArray[np.floating] | None = None
        self._steady: NDArray[np.floating] | None = None
        self._speed: NDArray[np.floating] | None = None

    def __call__(
        self, points: NDArray[np.floating], passed: float, size: float | NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Points, the seconds since the last ones, and the face's size in their unit, or in that
        of each (...)."""
        if self._raw is None or self._steady is None or self._speed is None:
            self._raw = self._steady = points
            self._speed = np.zeros_like(points)
            return points
        change = points - self._raw
        at_once = _length(change)
        at_once /= passed * size
        at_once -= SUDDEN
        share = _share(self._rates.speed, passed)
        change *= share / (passed * size)
        self._speed *= 1 - share
        self._speed += change
        fast = _length(self._speed)
        np.maximum(fast, at_once, out=fast)
        fast *= self._beta
        fast += self._rates.still
        np.subtract(points, self._steady, out=change)
        change *= _share(fast, passed)
        change += self._steady
        self._raw, self._steady = points, change
        return change


class Smoother:
    """The filter of one track: called with its faces and their times, gives steady ones."""

    def __init__(self, rates: Rates | None = None) -> None:
        self._rates = rates or Rates()
        self._seconds: float | None = None
        self._pose = self._shape = OneEuro(self._rates)

    def __call__(self, face: Face, seconds: float) -> Face:
        if self._seconds is None or not 0 < seconds - self._seconds <= LONGEST_GAP:
            self._pose = OneEuro(self._rates)
            self._shape = OneEuro(self._rates, _freedom(face.layout))
            self._seconds = seconds
        passed, self._seconds = seconds - self._seconds, seconds
        camera = head_camera(face)
        size = size_of(face)
        raw = _cells(face.position_map)
        shape = self._shape(in_head(raw, camera), passed, size / camera.scale)
        # A turn by one radian, and a size that doubles, move points half a face size away.
        pose = self._pose(_as_points(camera), passed, np.array([2.0, size, 2.0]))
        turn, scale = _rotation(pose[:, 0].reshape(3, 3)), float(np.exp(pose[0, 2]))
        seen_by = WeakPerspectiveCamera(scale, turn, np.array(pose[:3, 1], np.float64))
        steady = _spread(in_image(shape, seen_by) - raw)
        steady += face.position_map
        steady[..., 2] -= face.layout.z_origin(steady)
        return replace(face, position_map=steady)


def _as_points(camera: WeakPerspectiveCamera) -> NDArray[np.float64]:
    """(9, 3), three points of so many numbers: the turn, the place, and the scale's logarithm."""
    points = np.zeros((9, 3))
    points[:, 0] = camera.rotation.ravel()
    points[:3, 1] = camera.translation
    points[0, 2] = log(camera.scale)
    return points


@lru_cache(maxsize=4)
def _freedom(layout: UVLayout) -> NDArray[np.float32]:
    """(N,): how much more than others each cell of the map is let go."""
    quick = np.isin(layout.parts, [Part.EYES, Part.MOUTH])
    return np.asarray(_cells(np.where(quick, np.float32(QUICK), np.float32(1))[..., None])[0])


def _cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map (H, W, C) -> (C, N): the mean of the four pixels around each cell's middle."""
    channels = values.shape[2]
    rows = values.reshape(-1, CELL, values.shape[1] * channels)
    low, high = CELL // 2 - 1, CELL // 2
    pairs = (rows[:, low] + rows[:, high]).reshape(-1, CELL, channels)
    return np.asarray((pairs[:, low] + pairs[:, high]).T * np.float32(0.25), order="C")


def _spread(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of square maps: :func:`_cells` (C, N) -> (H, W, C), bilinear between the cells' middles, and
    beyond them as between the last two."""
    channels, count = values.shape
    cells = isqrt(count)
    rows = _widened(values.reshape(-1, cells).T).reshape(CELL * cells, channels, cells)
    columns = np.ascontiguousarray(rows.transpose(2, 0, 1)).reshape(cells, -1)
    return _widened(columns).reshape(CELL * cells, CELL * cells, channels)


def _widened(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (N, K) -> (N * CELL, K), linear between them."""
    steps = np.empty((len(values) + 1, values.shape[1]), np.float32)
    np.subtract(values[1:], values[:-1], out=steps[1:-1])
    steps[0], steps[-1] = steps[1], steps[-2]
    wide = np.empty((len(values), CELL, values.shape[1]), np.float32)
    for place in range(CELL):
        share = np.float32((place + 0.5) / CELL - 0.5)
        np.multiply(steps[:-1] if share < 0 else steps[1:], share, out=wide[:, place])
        wide[:, place] += values
    return wide.reshape(-1, values.shape[1])


def _length(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """(D, ...) -> (...)."""
    squares = np.asarray(np.einsum("d...,d...->...", vectors, vectors))
    return np.asarray(np.sqrt(squares, out=squares))


def _share(cutoff: NDArray[np.floating] | float, passed: float) -> NDArray[np.floating]:
    """Of a new value in a first-order low-pass filter of ``cutoff`` hertz."""
    rate = np.asarray(2 * np.pi * passed * cutoff)
    rate /= rate + 1
    return rate


def _rotation(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation nearest to a mean of rotations (3, 3)."""
    u, _, vt = np.linalg.svd(np.asarray(matrix, np.float64))
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)
