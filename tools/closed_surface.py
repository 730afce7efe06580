"""The face chart of ICT-FaceKit without holes: membranes over the eye openings and the mouth.

The chart has four boundary loops: two eyes, the mouth and the outline. The three inner ones are
closed here by concentric rings of new vertices. Every new vertex is a fixed linear combination
of the model's own vertices, so the closed surface stays linear in the coefficients:

- eyes: points on the front of the model's eyeballs. They follow the identity, but not the
  expression: a gaze only turns the eyeball in itself, its surface stays where it is.
- mouth: a soap film, each point a mean-value combination (Floater 2003) of the lip loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel
from prnet.geometry.mesh import boundary_loops

CHART_VERTICES = 9409
CHART_POLYGONS = 9230
EYEBALL_VERTICES = slice(21451, 24591)
RING_RADII = (0.88, 0.74, 0.58, 0.4, 0.2)

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ClosedSurface:
    """A disc of quads and triangles over the face, and how the model's vertices move it.

    combine: (N, V) sparse, closed vertices = combine @ model vertices (neutral and identity).
    combine_expression: (N, V) sparse, the same for expression offsets.
    polygons: (F, 4) int64, counter-clockwise seen from outside; a triangle repeats its last index.
    outline: the outer loop, starting at the top centre, counter-clockwise in UV.
    eye_loops: the image-left (person's right) and image-right eye;  mouth_loop.
    mirror: (N,) the index of the left-right mirrored vertex.
    """

    combine: sp.csr_matrix
    combine_expression: sp.csr_matrix
    polygons: Indices
    outline: Indices
    eye_loops: tuple[Indices, Indices]
    mouth_loop: Indices
    mirror: Indices
    uv: Array
    """(N, 2) upstream's UVs, 0..1, v up; NaN for the new vertices."""


def close_surface(model: MorphableModel) -> ClosedSurface:
    """Close the face chart of an ICT-FaceKit ``model``."""
    polygons = model.faces[:CHART_POLYGONS].astype(np.int64)
    if polygons.max() != CHART_VERTICES - 1:
        raise PrnetError("expected ICT-FaceKit's light model, whose face chart comes first")
    neutral = model.neutral.astype(np.float64)
    loops = sorted(boundary_loops(polygons), key=len)
    mouth, outline = loops[2], _start_at_top(loops[3], neutral)
    eyes = sorted(loops[:2], key=lambda loop: float(neutral[loop, 0].mean()))

    rows: list[sp.csr_matrix] = [sp.identity(len(neutral), format="csr")[:CHART_VERTICES]]
    rows_expression = list(rows)
    count = CHART_VERTICES
    for loop in eyes:
        weights = _on_eyeball(ring_points(neutral[loop]), model)
        rows.append(weights)
        rows_expression.append(sp.csr_matrix(weights.shape))
        polygons = np.concatenate([polygons, _ring_polygons(loop, count)])
        count += weights.shape[0]
    film = _soap_film(mouth, len(neutral))
    polygons = np.concatenate([polygons, _ring_polygons(mouth, count)])
    combine = sp.vstack([*rows, film]).tocsr()
    vertices = combine @ neutral

    uv = np.full((len(vertices), 2), np.nan)
    uv[model.faces[:CHART_POLYGONS].ravel()] = model.uv[model.face_uvs[:CHART_POLYGONS].ravel()]
    return ClosedSurface(
        combine=combine,
        combine_expression=sp.vstack([*rows_expression, film]).tocsr(),
        polygons=polygons,
        outline=outline,
        eye_loops=(eyes[0], eyes[1]),
        mouth_loop=mouth,
        mirror=_mirror(vertices),
        uv=uv,
    )


def _start_at_top(loop: Indices, vertices: Array) -> Indices:
    """Rotate ``loop`` so that it starts at the highest vertex on the symmetry plane."""
    central = np.abs(vertices[loop, 0]) < 0.01
    return np.roll(loop, -int(np.argmax(np.where(central, vertices[loop, 1], -np.inf))))


def ring_points(loop: Array) -> Array:
    """Loop (K, D) -> rings of points shrunk toward its centre, then the centre: (R K + 1, D)."""
    centre = (loop.min(axis=0) + loop.max(axis=0)) / 2
    rings = [centre + radius * (loop - centre) for radius in RING_RADII]
    return np.concatenate([*rings, centre[None]])


def _ring_polygons(loop: Indices, first: int) -> Indices:
    """Quads between the loop and the rings that start at vertex ``first``, then the centre fan.

    A boundary loop runs along its polygons' edges, so the membrane runs along it backwards.
    """
    size = len(loop)
    rings = [loop, *(first + i * size + np.arange(size) for i in range(len(RING_RADII)))]
    polygons = [
        np.stack([np.roll(outer, -1), outer, inner, np.roll(inner, -1)], axis=1)
        for outer, inner in pairwise(rings)
    ]
    centre = np.full(size, first + size * len(RING_RADII))
    fan = np.stack([np.roll(rings[-1], -1), rings[-1], centre, centre], axis=1)
    return np.concatenate([*polygons, fan])


def _on_eyeball(points: Array, model: MorphableModel) -> sp.csr_matrix:
    """Points (N, 3) -> (N, V) barycentric weights of the front eyeball point at the same x, y."""
    inside = (model.faces >= EYEBALL_VERTICES.start) & (model.faces < EYEBALL_VERTICES.stop)
    quads = model.faces[inside.all(axis=1)].astype(np.int64)
    triangles = np.concatenate(
        [quads[:, [0, 1, 2]], quads[quads[:, 2] != quads[:, 3]][:, [0, 2, 3]]]
    )
    corners = model.neutral[triangles].astype(np.float64)
    edges = corners[:, 1:, :2] - corners[:, :1, :2]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    facing = np.abs(area) > 1e-12
    triangles, corners, edges, area = (a[facing] for a in (triangles, corners, edges, area))

    weights = sp.lil_matrix((len(points), len(model.neutral)))
    for row, point in enumerate(points):
        offset = point[:2] - corners[:, 0, :2]
        b1 = (offset[:, 0] * edges[:, 1, 1] - offset[:, 1] * edges[:, 1, 0]) / area
        b2 = (edges[:, 0, 0] * offset[:, 1] - edges[:, 0, 1] * offset[:, 0]) / area
        barycentric = np.stack([1 - b1 - b2, b1, b2], axis=1)
        depth = (barycentric * corners[:, :, 2]).sum(axis=1)
        hit = int(np.argmax(np.where(barycentric.min(axis=1) > -1e-9, depth, -np.inf)))
        weights[row, triangles[hit]] = barycentric[hit]
    return weights.tocsr()


def _soap_film(loop: Indices, vertex_count: int) -> sp.csr_matrix:
    """Mean-value coordinates of the ring points of a circle over its loop: (N, vertex_count)."""
    angle = 2 * np.pi * np.arange(len(loop)) / len(loop)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    spokes = circle[None] - ring_points(circle)[:, None]
    length = np.linalg.norm(spokes, axis=2)
    following = np.roll(spokes, -1, axis=1)
    cosine = (spokes * following).sum(axis=2) / (length * np.roll(length, -1, axis=1))
    half_tangent = np.tan(np.arccos(np.clip(cosine, -1, 1)) / 2)
    weights = (half_tangent + np.roll(half_tangent, 1, axis=1)) / length
    weights /= weights.sum(axis=1, keepdims=True)
    film = sp.lil_matrix((len(weights), vertex_count))
    film[:, loop] = weights
    return film.tocsr()


def _mirror(vertices: Array) -> Indices:
    """For every vertex the one at its mirror image; the pairing must be one to one."""
    from scipy.spatial import cKDTree

    _, partner = cKDTree(vertices).query(vertices * [-1, 1, 1])
    if not np.array_equal(partner[partner], np.arange(len(vertices))):
        raise PrnetError("expected a left-right symmetric face model")
    return np.asarray(partner, np.int64)
