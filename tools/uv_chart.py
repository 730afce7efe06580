"""A flat chart of the closed face surface with more room where faces speak.

The map from the surface to the square minimises the symmetric Dirichlet energy (Smith and
Schaefer 2015) against each triangle's own 3D shape, scaled by how much room its part of the face
shall have. It starts from Tutte's embedding (1963), which has no flipped triangle, and a
line search that stops before any triangle flips keeps it so. The reweighted quadratic proxy is
SLIM's (Rabinovich et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from closed_surface import ClosedSurface, ring_points
from numpy.typing import NDArray
from scipy.sparse.linalg import factorized

from prnet.geometry.filters import smooth_step

SIZE = 256
OUTLINE_HALF = 126.5
OUTLINE_EXPONENT = 6.0
EYE_OPENING = (42.0, 18.5)
MOUTH_OPENING = (51.0, 17.0)
MEMBRANE_STIFFNESS = 20.0

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Room:
    """Pixels per unit of length grow by ``gain`` around ``centre`` (x, y, z in model units, both
    sides of the face), falling off as a Gaussian of radii ``radii``."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    gain: float


ROOMS = (
    Room((3.2, 3.5, 9.0), (2.2, 1.5, 4.0), 3.0),  # eyes
    Room((0.0, 0.8, 12.0), (1.7, 2.2, 4.0), 1.4),  # nose
    Room((0.0, -3.4, 11.0), (2.9, 1.5, 4.0), 2.2),  # mouth
    Room((0.75, 0.2, 10.2), (0.55, 0.7, 0.6), -2.2),  # inside the nose
)


def flatten(surface: ClosedSurface, neutral: Array, *, iterations: int = 60) -> Array:
    """Closed vertices (N, 3) in model units -> chart positions (N, 2) as (column, row) pixels."""
    triangles = corner_triangles(surface.polygons)
    membrane = triangles.max(axis=1) >= len(neutral) - _membrane_count(surface)
    shapes = (
        _flat_shapes(neutral[triangles]) * _room(neutral[triangles].mean(axis=1))[:, None, None]
    )
    shapes *= np.sqrt(0.95 * SIZE**2 / (_areas(shapes)[~membrane].sum() / 2))
    shapes[membrane] = _membrane_shapes(surface, triangles, len(neutral))[membrane]
    stiffness = np.where(membrane, MEMBRANE_STIFFNESS, 1.0) * np.abs(_areas(shapes))

    fixed = surface.outline
    flat = _tutte(triangles, fixed, _outline_positions(surface, neutral), len(neutral))
    for _ in range(iterations):
        flat = _slim_step(flat, triangles, shapes, stiffness, fixed, surface.mirror)
    return np.stack([flat[:, 0] + (SIZE - 1) / 2, (SIZE - 1) / 2 - flat[:, 1]], axis=1)


def corner_triangles(polygons: Indices) -> Indices:
    """Both diagonal splits of every quad (so that the energy is mirror symmetric), and the
    triangles twice."""
    quads = polygons[polygons[:, 2] != polygons[:, 3]]
    single = polygons[polygons[:, 2] == polygons[:, 3]][:, :3]
    splits = ([0, 1, 2], [0, 2, 3], [0, 1, 3], [1, 2, 3])
    return np.concatenate([*(quads[:, split] for split in splits), single, single])


def _membrane_count(surface: ClosedSurface) -> int:
    return int(np.isnan(surface.uv[:, 0]).sum())


def _room(points: Array) -> Array:
    """Wanted pixels per length, relative: 1 on the plain face, less on neck, ears and inside."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    room = np.ones(len(points))
    for spot in ROOMS:
        offset = (np.stack([x, y, z], axis=1) - spot.centre) / spot.radii
        room += spot.gain * np.exp(-0.5 * (offset**2).sum(axis=1))
    room *= 1 - 0.6 * smooth_step(-y, 7.5, 10.5)  # neck
    room *= 1 - 0.3 * smooth_step(y, 6.5, 9.5)  # forehead
    room *= 1 - 0.5 * smooth_step(x, 6.6, 7.8) * smooth_step(-z, -3.5, -1.5)  # ears
    return np.maximum(room, 0.2)


def _flat_shapes(corners: Array) -> Array:
    """Triangles in space (T, 3, 3) -> the same triangles in the plane: edge matrices (T, 2, 2),
    columns = the two edges from the first corner."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.maximum(np.linalg.norm(first, axis=1), 1e-9)
    along = (first * second).sum(axis=1) / length
    across = np.linalg.norm(np.cross(first, second), axis=1) / length
    across = np.maximum(across, 1e-3 * length)
    zero = np.zeros_like(length)
    return np.stack([np.stack([length, along], 1), np.stack([zero, across], 1)], axis=1)


def _membrane_shapes(surface: ClosedSurface, triangles: Indices, count: int) -> Array:
    """Edge matrices of the membranes as flat ellipses of the wanted size."""
    ellipse = np.zeros((count, 2))
    start = count - _membrane_count(surface)
    openings = (EYE_OPENING, EYE_OPENING, MOUTH_OPENING)
    for loop, (width, height) in zip(
        (*surface.eye_loops, surface.mouth_loop), openings, strict=True
    ):
        rings = _ellipse_rings(loop, surface, width, height)
        ellipse[loop] = rings[0]
        ellipse[start : start + len(rings[1])] = rings[1]
        start += len(rings[1])
    corners = ellipse[triangles]
    return np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2)


def _ellipse_rings(
    loop: Indices, surface: ClosedSurface, width: float, height: float
) -> tuple[Array, Array]:
    uv = surface.uv[loop]
    corner_left, corner_right = int(np.argmin(uv[:, 0])), int(np.argmax(uv[:, 0]))
    size = len(loop)
    # The loop runs clockwise in v-up UV around the opening (the opening is on its right).
    index = (np.arange(size) - corner_left) % size
    right = (corner_right - corner_left) % size
    angle = np.where(
        index <= right,
        np.pi - np.pi * index / right,
        -np.pi * (index - right) / (size - right),
    )
    points = np.stack([width / 2 * np.cos(angle), height / 2 * np.sin(angle)], axis=1)
    return points, ring_points(points)


def _areas(shapes: Array) -> Array:
    """Signed areas of edge matrices (T, 2, 2), doubled."""
    return np.asarray(shapes[:, 0, 0] * shapes[:, 1, 1] - shapes[:, 0, 1] * shapes[:, 1, 0]) / 2


def _outline_positions(surface: ClosedSurface, neutral: Array) -> Array:
    """Where the outline goes: a rounded square, at distances as on the scaled surface."""
    points = neutral[surface.outline]
    following = np.roll(points, -1, axis=0)
    length = np.linalg.norm(following - points, axis=1) * _room((points + following) / 2)
    along = np.concatenate([[0], np.cumsum(length)[:-1]]) / length.sum()
    angle = np.linspace(0, 2 * np.pi, 20001) + np.pi / 2
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    radius = (np.abs(direction) ** OUTLINE_EXPONENT).sum(axis=1) ** (-1 / OUTLINE_EXPONENT)
    curve = OUTLINE_HALF * radius[:, None] * direction
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    return np.stack([np.interp(along * arc[-1], arc, curve[:, i]) for i in range(2)], axis=1)


def _tutte(triangles: Indices, fixed: Indices, positions: Array, count: int) -> Array:
    """Every free vertex in the mean of its neighbours: no flips over a convex outline."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    adjacency = sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    adjacency = ((adjacency + adjacency.T) > 0).astype(np.float64)
    laplacian = sp.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency
    free = np.setdiff1d(np.arange(count), fixed)
    solve = factorized(laplacian[free][:, free].tocsc())
    flat = np.zeros((count, 2))
    flat[fixed] = positions
    right = -laplacian[free][:, fixed] @ positions
    flat[free] = np.stack([solve(right[:, i]) for i in range(2)], axis=1)
    return flat


def _jacobians(flat: Array, triangles: Indices, inverse_shapes: Array) -> Array:
    corners = flat[triangles]
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2)
    return np.asarray(edges @ inverse_shapes)


def _energy(jacobians: Array, stiffness: Array) -> float:
    """Symmetric Dirichlet: |J|^2 + |J^-1|^2, infinite where a triangle is flipped."""
    det = jacobians[:, 0, 0] * jacobians[:, 1, 1] - jacobians[:, 0, 1] * jacobians[:, 1, 0]
    if det.min() <= 0:
        return np.inf
    norm = (jacobians**2).sum(axis=(1, 2))
    return float((stiffness * norm * (1 + 1 / det**2)).sum())


def _slim_step(
    flat: Array,
    triangles: Indices,
    shapes: Array,
    stiffness: Array,
    fixed: Indices,
    mirror: Indices,
) -> Array:
    """One reweighted least-squares step with a line search that never flips a triangle."""
    count = len(flat)
    inverse = np.asarray(np.linalg.inv(shapes), np.float64)
    jacobians = _jacobians(flat, triangles, inverse)
    u, sigma, vt = np.linalg.svd(jacobians)
    rotation = u @ vt
    near_one = np.abs(sigma - 1) < 1e-5
    weight = np.sqrt(
        np.where(near_one, 4.0, (sigma - sigma**-3) / np.where(near_one, 1.0, sigma - 1))
    )
    weight = u @ (weight[:, :, None] * np.swapaxes(u, 1, 2)) * np.sqrt(stiffness)[:, None, None]

    # d J[:, k] / d corner c: the corner's coefficient in edge space.
    coefficient = np.stack([-inverse.sum(axis=1), inverse[:, 0], inverse[:, 1]], axis=1)
    rows, columns, values = [], [], []
    term = np.arange(len(triangles))
    for i in range(2):  # row of W J
        for k in range(2):  # column of J
            for corner in range(3):
                for j in range(2):
                    rows.append((i * 2 + k) * len(triangles) + term)
                    columns.append(j * count + triangles[:, corner])
                    values.append(weight[:, i, j] * coefficient[:, corner, k])
    system = sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(4 * len(triangles), 2 * count),
    )
    goal = (weight @ rotation).transpose(1, 2, 0).reshape(-1)
    fixed_both = np.concatenate([fixed, fixed + count])
    free = np.setdiff1d(np.arange(2 * count), fixed_both)
    x = flat.T.reshape(-1)
    goal = goal - system[:, fixed_both] @ x[fixed_both]
    part = system[:, free]
    solution = x.copy()
    solution[free] = factorized((part.T @ part).tocsc())(part.T @ goal)
    return _line_search(
        flat, _symmetric(solution.reshape(2, -1).T, mirror), triangles, inverse, stiffness
    )


def _symmetric(flat: Array, mirror: Indices) -> Array:
    return np.asarray((flat + flat[mirror] * [-1, 1]) / 2)


def _line_search(
    flat: Array, target: Array, triangles: Indices, inverse: Array, stiffness: Array
) -> Array:
    before = _energy(_jacobians(flat, triangles, inverse), stiffness)
    step = 1.0
    while step > 1e-6:
        candidate = flat + step * (target - flat)
        if _energy(_jacobians(candidate, triangles, inverse), stiffness) < before:
            return candidate
        step *= 0.6
    return flat
