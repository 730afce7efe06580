"""How far a predicted face lies from a true surface, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.evaluation.protocols import Transform, outer_interocular
from prnet.geometry.camera import align_similarity
from prnet.geometry.mesh import triangle_normals
from prnet.layout.uv_layout import Part, UVLayout

Floats = NDArray[np.float64]

EYE_CORNERS_APART = 88.0
"""Millimetres between the true outer eye corners: a photo shows no absolute size."""

FRONT_RADIUS = 95.0
"""The front of the face reaches so many millimetres from the tip of the nose (landmark 30)."""

SPACING = 1.0
"""Millimetres between the samples of a true surface, at most."""

ITERATIONS, TOLERANCE = 60, 1e-4
"""ICP ends when the mean distance falls by less than this share, or after so many steps."""

INNER = slice(17, 68)


@dataclass(frozen=True, eq=False)
class TrueSurface:
    """vertices (V, 3), triangles (T, 3) and landmarks (68, 3) on it, in one frame, any unit."""

    vertices: Floats
    triangles: NDArray[np.integer]
    landmarks: Floats

    @cached_property
    def millimetres(self) -> float:
        """In a unit of the frame."""
        return EYE_CORNERS_APART / outer_interocular(self.landmarks)

    @cached_property
    def _samples(self) -> tuple[Floats, Floats]:
        """Points (N, 3) of the front in millimetres, and the surface's unit normals there."""
        corners = self.vertices[self.triangles] * self.millimetres
        nose = self.landmarks[30] * self.millimetres
        near = np.linalg.norm(corners.mean(axis=1) - nose, axis=1) < FRONT_RADIUS + 25
        return sampled(corners[near], SPACING)

    def nearest(self, points: Floats) -> tuple[Floats, Floats]:
        """Points (P, 3) in millimetres -> their nearest points (P, 3) of the surface and the
        distances (P,)."""
        samples, normals = self._samples
        _, row = self._tree.query(points)
        apart = points - samples[row]
        height = (apart * normals[row]).sum(axis=1, keepdims=True) * normals[row]
        beside = apart - height
        # Within a sample's own patch the surface is its plane.
        reach = np.linalg.norm(beside, axis=1, keepdims=True)
        foot = samples[row] + beside * np.minimum(1, SPACING / np.maximum(reach, 1e-12))
        return foot, np.linalg.norm(points - foot, axis=1)

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self._samples[0])


def sampled(corners: Floats, spacing: float) -> tuple[Floats, Floats]:
    """Triangles (T, 3, 3) -> points (N, 3) on them no further than ``spacing`` apart, and the unit
    normals (N, 3) there."""
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    normals = triangle_normals(corners)
    parts = np.ceil(edges / spacing).astype(int).clip(1)
    points, directions = [], []
    for count in np.unique(parts):
        some = parts == count
        i, j = np.mgrid[:count, :count]
        inside = i + j < count
        weights = np.stack([i[inside], j[inside]], axis=1) + 1 / 3
        weights = np.column_stack([weights, count - weights.sum(axis=1)]) / count
        points.append((weights @ corners[some]).reshape(-1, 3))
        directions.append(np.repeat(normals[some], len(weights), axis=0))
    return np.concatenate(points), np.concatenate(directions)


def front_of_face(layout: UVLayout) -> NDArray[np.bool_]:
    """(V,): the layout's vertices within `FRONT_RADIUS` of the tip of the nose, without ears, neck
    and the inside of eyes and mouth."""
    canonical = layout.canonical_vertices.astype(np.float64)
    landmarks = layout.sample_landmarks(layout.canonical).astype(np.float64)
    scale = EYE_CORNERS_APART / outer_interocular(landmarks)
    near = np.linalg.norm(canonical - landmarks[30], axis=1) * scale < FRONT_RADIUS
    skin = ~np.isin(layout.parts, (Part.NECK, Part.EARS))
    if layout.openings is not None:
        skin &= ~layout.openings
    return np.asarray(near & skin[layout.region])


def distance_after_icp(points: Floats, start: Transform, surface: TrueSurface) -> float:
    """Mean distance, millimetres, of ``points`` (P, 3) to the true surface after similarity ICP,
    which begins with ``start`` (points -> millimetres of the surface's frame).

    Source: Besl, McKay, "A method for registration of 3-D shapes", PAMI 1992.
    """
    scale, rotation, translation = start
    last = np.inf
    for _ in range(ITERATIONS):
        foot, distance = surface.nearest(scale * points @ rotation.T + translation)
        mean = float(distance.mean())
        if mean >= last * (1 - TOLERANCE):
            break
        last = mean
        scale, rotation, translation = align_similarity(points, foot)
    return mean


def surface_errors(front: Floats, landmarks: Floats, surface: TrueSurface) -> tuple[float, float]:
    """Millimetres between the true surface and predicted ``front`` points (P, 3), and the inner 51
    of predicted ``landmarks`` (68, 3), each moved onto it by their own ICP. The predicted frame
    may differ by any similarity, not by a mirror."""
    inner = landmarks[INNER]
    start = align_similarity(inner, surface.landmarks[INNER] * surface.millimetres)
    return (
        distance_after_icp(front, start, surface),
        distance_after_icp(inner, start, surface),
    )
