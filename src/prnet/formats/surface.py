"""The surface of a face as mesh files take it: frame, unit, openings and detail chosen.

Frames, both right-handed with y up and z toward the viewer:
    picture: (x, -y, z) of the image frame, pixels; the mesh lies over the photo.
    head: pose, place and scale of the photo taken away (:mod:`prnet.geometry.camera`),
        millimetres. A photo shows no absolute size, so the scale is the mean face's: the
        millimetre is such that the fitted canonical face has its outer eye corners
        EYE_CORNERS_APART apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, missing
from prnet.geometry.camera import FLIP_Y
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.openings import Openings, open_triangles
from prnet.layout.quads import quad_grid
from prnet.layout.uv_layout import UVLayout
from prnet.mapped import MappedFace

Frame = Literal["picture", "head"]
Topology = Literal["full", "quads", "game"]
QUADS: Final = {"quads": 113, "game": 57}
"""Cells along each side of the UV map; 94 % of them are face."""
EYE_CORNERS_APART = 88.94
"""Millimetres between the outer eye corners (landmarks 36 and 45) of ICT-FaceKit's mean face,
whose unit is known, so that a unit of our layout is 1 cm; other layouts get the same size."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh ready for a file.

    vertices: (V, 3) in one of the module's frames.  triangles: (T, 3) into them, counter-clockwise
    seen from outside.  normals: (V, 3) unit vectors that point outward.  texture_coordinates:
    (V, 2) in 0..1, u right and v up.  colors: (V, 3) uint8 RGB, where there are some.  quads:
    (Q, 4), the same surface in quadrangles, where it has them.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    normals: NDArray[np.float64]
    texture_coordinates: NDArray[np.float32]
    colors: NDArray[np.uint8] | None = None
    quads: NDArray[np.int32] | None = None

    @property
    def polygons(self) -> NDArray[np.int32]:
        """The quads, or else the triangles."""
        return self.triangles if self.quads is None else self.quads


def face_surface(
    face: MappedFace,
    frame: Frame = "picture",
    *,
    openings: Openings = "closed",
    triangles: int | None = None,
    topology: Topology = "full",
    scale: float | None = None,
    colors: bool = True,
) -> Surface:
    """The face's mesh in ``frame``; ``colors``: with the photo's at its vertices.

    ``openings``: a position map's surface is closed; "open" leaves out the triangles inside eye
    openings and mouth. The vertices stay, so their numbers are always those of the layout.
    ``triangles``: simplify to about so many (needs fast-simplification); the vertices are then
    some of the layout's, in its order.
    ``topology``: "quads" and "game" are quadrangles along the UV grid, about 12,000 and 3,000, the
    same and as symmetric for every face.  ``scale``: of the head frame, :func:`head_vertices`.
    """
    turn = FLIP_Y[:, None] * (face.camera.rotation if frame == "head" else np.eye(3))
    surface = Surface(
        vertices=head_vertices(face, scale) if frame == "head" else face.vertices * FLIP_Y,
        triangles=open_triangles(face.layout) if openings == "open" else face.triangles,
        normals=face.normals @ turn,
        texture_coordinates=face.texture_coordinates,
        colors=face.vertex_colors() if colors and face.image is not None else None,
    )
    if topology != "full":
        return in_quads(surface, face.layout, QUADS[topology], openings)
    return surface if triangles is None else simplified(surface, triangles)


def millimetres_per_unit(layout: UVLayout) -> float:
    """Millimetres in a unit of the layout's canonical face."""
    corners = layout.canonical_landmarks[[36, 45]]
    return EYE_CORNERS_APART / float(np.linalg.norm(corners[0] - corners[1]))


def head_vertices(face: MappedFace, scale: float | None = None) -> NDArray[np.float64]:
    """(V, 3) in the head frame, millimetres. ``scale``: the distance between the middles of
    the eyes in millimetres, by default the mean face's."""
    head = face.camera.unproject(face.vertices)
    return head * head_unit(face, scale)


def head_unit(face: MappedFace, scale: float | None = None) -> float:
    """Millimetres in a unit of the head frame, as :func:`head_vertices` takes it."""
    if scale is None:
        return millimetres_per_unit(face.layout)
    head = face.camera.unproject(face.landmarks)
    eyes = head[36:42].mean(axis=0), head[42:48].mean(axis=0)
    return scale / float(np.linalg.norm(eyes[1] - eyes[0]))


def in_quads(
    surface: Surface, layout: UVLayout, cells: int, openings: Openings = "closed"
) -> Surface:
    """A surface of all the layout's vertices -> quads, ``cells`` along each side of the UV map."""
    at, quads = quad_grid(layout, cells, openings)

    def sampled(values: NDArray[np.generic]) -> NDArray[np.float64]:
        table = np.zeros((*layout.region.shape, values.shape[1]), np.float64)
        table[layout.region] = values
        return sample_bilinear(layout.extended(table), at).astype(np.float64)

    normals = sampled(surface.normals)
    colors = None if surface.colors is None else sampled(surface.colors)
    return Surface(
        vertices=sampled(surface.vertices),
        triangles=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]),
        normals=normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12),
        texture_coordinates=(
            np.stack([at[:, 0] + 0.5, layout.size - 0.5 - at[:, 1]], axis=1) / layout.size
        ).astype(np.float32),
        colors=None if colors is None else np.rint(colors).astype(np.uint8),
        quads=quads,
    )


def check_triangles(triangles: int) -> None:
    """Raises PrnetError for fewer triangles than a surface can be simplified to."""
    if triangles < 4:
        raise PrnetError(f"expected at least 4 triangles, got {triangles}")


def simplification() -> Any:
    """The package that simplifies; PrnetError where it is not installed."""
    try:
        import fast_simplification
    except ModuleNotFoundError as error:
        raise missing("fast-simplification", "mesh") from error
    return fast_simplification


def simplified(surface: Surface, triangles: int) -> Surface:
    """About ``triangles`` triangles over some of the surface's vertices.

    Quadric edge collapse chooses them (Garland and Heckbert, SIGGRAPH 1997); each of its new
    points is then put onto the nearest of the vertices it stands for, so that normals, colours
    and texture coordinates stay true. Surfaces that have no more triangles come back as they are.
    """
    check_triangles(triangles)
    if triangles >= len(surface.triangles):
        return surface
    fast_simplification = simplification()
    whole = surface.triangles.copy()  # it takes no array that is read-only
    points, chosen, collapses = fast_simplification.simplify(
        surface.vertices.astype(np.float32),
        whole,
        target_count=triangles,
        return_collapses=True,
    )
    _, _, stands_for = fast_simplification.replay_simplification(
        surface.vertices.astype(np.float32), whole, collapses
    )
    kept = _nearest_members(points, surface.vertices, stands_for)[chosen]
    kept = kept[(kept != np.roll(kept, 1, axis=1)).all(axis=1)]
    return _with_only(replace(surface, triangles=kept))


def _nearest_members(
    points: NDArray[np.floating], vertices: NDArray[np.floating], owner: NDArray[np.integer]
) -> NDArray[np.int64]:
    """For each point (P, 3) the nearest of the vertices whose ``owner`` (V,) it is."""
    distance = ((vertices - points[owner]) ** 2).sum(axis=1)
    order = np.lexsort((distance, owner))
    owners, first = np.unique(owner[order], return_index=True)
    nearest = np.zeros(len(points), np.int64)
    nearest[owners] = order[first]
    return nearest


def _with_only(surface: Surface) -> Surface:
    """The surface without the vertices that no triangle has."""
    used, numbers = np.unique(surface.triangles, return_inverse=True)
    return Surface(
        vertices=surface.vertices[used],
        triangles=numbers.reshape(-1, 3).astype(np.int32),
        normals=surface.normals[used],
        texture_coordinates=surface.texture_coordinates[used],
        colors=None if surface.colors is None else surface.colors[used],
    )
