"""The sets of connections: pairs of points."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.layout.schemes import OVAL, media_pipe_triangles

Connections = frozenset[tuple[int, int]]


def _ring(points: Iterable[int]) -> Connections:
    points = list(points)
    return frozenset(pairwise([*points, points[0]]))


def _edges(triangles: NDArray[np.integer]) -> Connections:
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return frozenset((int(a), int(b)) for a, b in np.unique(np.sort(pairs, axis=1), axis=0))


FACEMESH_RIGHT_EYE: Final = _ring(
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
)
FACEMESH_LEFT_EYE: Final = _ring(
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
)
FACEMESH_RIGHT_EYEBROW: Final = frozenset(
    (*pairwise((46, 53, 52, 65, 55)), *pairwise((70, 63, 105, 66, 107)))
)
FACEMESH_LEFT_EYEBROW: Final = frozenset(
    (*pairwise((276, 283, 282, 295, 285)), *pairwise((300, 293, 334, 296, 336)))
)
FACEMESH_NOSE: Final = frozenset(
    (
        *pairwise((168, 6, 197, 195, 5, 4, 1, 19, 94, 2)),
        *pairwise((4, 45, 220, 115, 48, 64, 98, 97, 2)),
        *pairwise((2, 326, 327, 294, 278, 344, 440, 275, 4)),
    )
)
FACEMESH_LIPS: Final = _ring(
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
) | _ring(
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
)
FACEMESH_FACE_OVAL: Final = _ring(OVAL)
FACEMESH_CONTOURS: Final = (
    FACEMESH_LIPS
    | FACEMESH_LEFT_EYE
    | FACEMESH_RIGHT_EYE
    | FACEMESH_LEFT_EYEBROW
    | FACEMESH_RIGHT_EYEBROW
    | FACEMESH_FACE_OVAL
)
FACE_CONNECTIONS: Final = FACEMESH_CONTOURS
FACEMESH_TESSELATION: Final = _edges(media_pipe_triangles())
FACEMESH_LEFT_IRIS: Final[Connections] = frozenset()
FACEMESH_RIGHT_IRIS: Final[Connections] = frozenset()
FACEMESH_IRISES: Final[Connections] = frozenset()
