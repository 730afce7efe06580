"""Learning a `Correspondence`: detected points of many photos -> points on the face model.

A first guess warps the mean detected mesh onto the neutral face through the 68 landmarks. Then
photos decide: all are fitted with the guess, and each point moves to the place on the surface
that, carried along by each photo's fitted pose, identity and expression, stays nearest to where
the detector sees the point. Upper and lower lids and lips keep to their own side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prnet.facemodel.fitting import Fits
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.point_basis import PointBasis
from prnet.training.labels.correspondence import (
    LANDMARKS68,
    LOWER_LIDS,
    LOWER_LIP,
    UPPER_LIDS,
    UPPER_LIP,
)

Floats = NDArray[np.floating]

FACE_VERTICES = 9409
"""ICT-FaceKit's first vertices are the skin of the face."""
REACH = 0.8
"""How far a point may move in one round, model units (cm)."""
STAY = 0.05
"""Weight of a point's present place, of the photos' 1."""
OUTLIER = 0.02
"""Residual (share of the box) from which a photo's weight for a point falls below one half."""


@dataclass(frozen=True)
class Surface:
    """The skin: neutral (V, 3), triangles (T, 3), twin (V,) the mirrored vertex of each, and for
    each vertex how far the jaw (of the lips) and the blink (of the lids) carry it, 0..1."""

    neutral: NDArray[np.float64]
    triangles: NDArray[np.int64]
    twin: NDArray[np.int64]
    jaw: NDArray[np.float64]
    blink: NDArray[np.float64]

    @classmethod
    def of(cls, model: MorphableModel) -> Surface:
        neutral = model.neutral[:FACE_VERTICES].astype(np.float64)
        quads = model.faces[(model.faces < FACE_VERTICES).all(1)]
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        triangles = triangles[triangles[:, 1] != triangles[:, 2]]
        return cls(
            neutral=neutral,
            triangles=triangles.astype(np.int64),
            twin=mirror_twins(neutral),
            jaw=_travel(model, ["jawOpen"]),
            blink=_travel(model, ["eyeBlink_L", "eyeBlink_R"]),
        )

    def allowed(self, point: int) -> NDArray[np.bool_]:
        """(V,): the vertices that MediaPipe's ``point`` may lie on."""
        if point in UPPER_LIP:
            return self.jaw < 0.3
        if point in LOWER_LIP:
            return self.jaw > 0.4
        if point in UPPER_LIDS:
            return self.blink > 0.3
        if point in LOWER_LIDS:
            return self.blink < 0.3
        return np.ones(len(self.neutral), bool)


def mirror_twins(points: Floats) -> NDArray[np.int64]:
    """For each of the points (N, 3), x = 0 being the mirror, the index of its mirror image."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(points).query(points * (-1, 1, 1))[1], np.int64)


def mean_mesh(points: Floats) -> NDArray[np.float64]:
    """Detected points (N, 468, 3) in image pixels -> their median shape (468, 3): y up, upright,
    centred, size 1."""
    upright = []
    for face in np.asarray(points, np.float64) * (1, -1, 1):
        face = face - face.mean(0)
        right = _unit(face[263] - face[33])
        up = face[10] - face[152]
        up = _unit(up - right * (up @ right))
        axes = np.stack([right, up, np.cross(right, up)])
        upright.append(face @ axes.T / np.linalg.norm(face))
    return np.asarray(np.median(upright, axis=0))


def mirror_pairs(mesh: Floats) -> NDArray[np.int32]:
    """For each point of a mean mesh (P, 3) the index of its mirror twin."""
    from scipy.optimize import linear_sum_assignment

    distances = ((mesh[:, None] - mesh * (-1, 1, 1)) ** 2).sum(2)
    return np.asarray(linear_sum_assignment(distances + distances.T)[1], np.int32)


def _unit(vector: Floats) -> Floats:
    return vector / np.linalg.norm(vector)


def first_guess(
    mesh: Floats, surface: Surface, landmarks68: Sequence[int]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Warp the mean mesh (468, 3) onto the face so that its 68 landmarks meet the vertices
    ``landmarks68``; the nearest allowed surface points: vertices (468, 3), weights (468, 3)."""
    from scipy.interpolate import RBFInterpolator

    warp = RBFInterpolator(
        mesh[list(LANDMARKS68)], surface.neutral[list(landmarks68)], smoothing=1e-4
    )
    goals = warp(mesh)
    found = []
    for point, goal in enumerate(goals):

        def disagreement(chosen: NDArray[np.int64], goal: Floats = goal) -> NDArray[np.float64]:
            return _outer(surface.neutral[chosen] - goal)

        near = _near(surface, goal, 2.0, surface.allowed(point))
        found.append(_best(near, disagreement))
    return _stacked(found)


def rematch(
    surface: Surface,
    carried: Floats,
    targets: Floats,
    vertices: NDArray[np.integer],
    weights: Floats,
    *,
    mirror: NDArray[np.integer],
    sided: bool = True,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Move each of P points to where the photos see it.

    carried (N, V, 2): the skin's vertices in each photo as fitted; targets (N, P, 2): the
    detected points, both over the size of the box. vertices, weights (P, 3): where the points
    are now; mirror (P,): their twins. ``sided``: the points are MediaPipe's, whose lids and lips
    keep to their side. Points and their twins move together.
    """
    places = (surface.neutral[vertices] * np.asarray(weights)[..., None]).sum(1)
    scale = np.sqrt(np.median([np.prod(np.ptp(c, axis=0)) for c in carried[:, vertices[:, 0]]]))
    unit = scale / np.sqrt(np.prod(np.ptp(places[:, :2], axis=0)))
    twins = np.concatenate([targets[:, mirror] * (-1, 1)])
    everyone = np.ones(len(surface.neutral), bool)
    found = []
    for point, place in enumerate(places):
        allowed = surface.allowed(point) if sided else everyone
        near = _near(surface, place, REACH, allowed)

        def disagreement(
            chosen: NDArray[np.int64], point: int = point, place: Floats = place
        ) -> NDArray[np.float64]:
            own = carried[:, chosen] - targets[:, point, None]
            other = carried[:, surface.twin[chosen]] * (-1, 1) - twins[:, point, None]
            total = _weighted_outer(own) + _weighted_outer(other)
            return total + STAY * _outer((surface.neutral[chosen] - place) * unit)

        found.append(_best(near, disagreement))
    return symmetric(*_stacked(found), surface=surface, mirror=mirror)


def symmetric(
    vertices: NDArray[np.int32],
    weights: NDArray[np.float32],
    *,
    surface: Surface,
    mirror: NDArray[np.integer],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The later of two twin points takes the mirrored place of the earlier one."""
    source = np.minimum(np.arange(len(mirror)), mirror)
    taken = (source != np.arange(len(mirror)))[:, None]
    mirrored = surface.twin[vertices[source]].astype(np.int32)
    return np.where(taken, mirrored, vertices), weights[source]


def carried_skin(
    basis: PointBasis, fits: Fits, sizes: Floats, chunk: int = 100
) -> NDArray[np.float32]:
    """Vertices in each photo (N, V, 2): y up, origin and unit as `normalised_targets`.

    ``basis``: that of the skin's vertices; ``sizes`` (N,): sqrt(w*h) of the points' boxes.
    """
    coefficients = np.concatenate([fits.identity, fits.expression], axis=1)
    parts = []
    for start in range(0, len(sizes), chunk):
        rows = slice(start, start + chunk)
        camera = fits.rotation[rows, :2] * (fits.scale[rows] / sizes[rows])[:, None, None]
        parts.append(
            basis.points(coefficients[rows]) @ np.swapaxes(camera, 1, 2).astype(np.float32)
        )
    return np.concatenate(parts)


def normalised_targets(points: Floats, fits: Fits, sizes: Floats) -> NDArray[np.float64]:
    """Points (N, P, 2) in pixels -> y up, origin at the fit's translation, unit the box."""
    moved = np.asarray(points, np.float64) - fits.translation[:, None, :2]
    return np.asarray(moved * (1, -1) / sizes[:, None, None])


def _near(
    surface: Surface, place: Floats, reach: float, allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The triangles whose corners are all allowed and within reach (or the nearest corner's)."""
    away = np.linalg.norm(surface.neutral - place, axis=1)
    distance: NDArray[np.float64] = np.where(allowed, away, np.inf)
    limit = max(reach, 1.5 * float(distance.min()))
    near = distance[surface.triangles].max(1) < limit
    return np.asarray(surface.triangles[near])


def _outer(offsets: Floats) -> NDArray[np.float64]:
    return np.asarray(offsets @ offsets.T, np.float64)


def _weighted_outer(offsets: Floats) -> NDArray[np.float64]:
    """Offsets (N, C, 2) -> mean over the photos of the products of the offsets (C, C), photos
    that are far off whatever the candidate counting less."""
    nearest = (offsets**2).sum(2).min(1)
    trust = 1 / (1 + nearest / OUTLIER**2)
    rooted = offsets * np.sqrt(trust / trust.sum())[:, None, None]
    flat = np.moveaxis(rooted, 1, 0).reshape(offsets.shape[1], -1)
    return np.asarray(flat @ flat.T, np.float64)


def _best(
    triangles: NDArray[np.int64], disagreement: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The triangle and weights w that minimise w' G w; G (C, C) = disagreement(vertices)."""
    chosen, corners = np.unique(triangles, return_inverse=True)
    corners = corners.reshape(-1, 3)
    matrix = disagreement(chosen)
    weights, errors = minimal_mixtures(matrix[corners[:, :, None], corners[:, None]])
    best = int(np.argmin(errors))
    return chosen[corners[best]], weights[best]


def minimal_mixtures(matrices: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each G (T, 3, 3), positive semi-definite: the weights w (T, 3) >= 0 that sum to 1 and
    minimise w' G w, and those minima (T,)."""
    candidates = [np.broadcast_to(np.eye(3)[corner], (len(matrices), 3)) for corner in range(3)]
    for one, other in ((0, 1), (1, 2), (2, 0)):
        a, b, c = (matrices[:, i, j] for i, j in ((one, one), (other, other), (one, other)))
        share = np.clip((b - c) / np.maximum(a + b - 2 * c, 1e-30), 0, 1)
        edge = np.zeros((len(matrices), 3))
        edge[:, one], edge[:, other] = share, 1 - share
        candidates.append(edge)
    lifted = matrices + 1e-12 * np.trace(matrices, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    inner = np.linalg.solve(lifted, np.ones((len(matrices), 3, 1)))[..., 0]
    inner /= inner.sum(1, keepdims=True)
    candidates.append(np.where(inner.min(1)[:, None] >= 0, inner, np.eye(3)[0]))
    stacked = np.stack(candidates, axis=1)
    errors = np.einsum("tci,tij,tcj->tc", stacked, matrices, stacked)
    best = errors.argmin(1)
    rows = np.arange(len(matrices))
    return stacked[rows, best], errors[rows, best]


def _travel(model: MorphableModel, names: Sequence[str]) -> NDArray[np.float64]:
    """(V,): length of the expressions' offsets, 1 at the vertex that moves most."""
    shapes = model.expression_basis(names)[:, :FACE_VERTICES].astype(np.float64)
    lengths = np.linalg.norm(shapes, axis=2)
    return np.asarray((lengths / lengths.max(1, keepdims=True)).max(0))


def _stacked(
    found: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    vertices, weights = zip(*found, strict=True)
    return np.array(vertices, np.int32), np.array(weights, np.float32)
