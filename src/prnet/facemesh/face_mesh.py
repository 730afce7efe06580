"""``FaceMesh`` and the sets of connections."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.formats.mediapipe import normalised_points
from prnet.layout.schemes import OVAL, media_pipe_triangles
from prnet.mapped import MappedFace
from prnet.reconstruct import Reconstructor

Connections = frozenset[tuple[int, int]]

FACEMESH_NUM_LANDMARKS: Final = 468
FACEMESH_NUM_LANDMARKS_WITH_IRISES: Final = 478


@dataclass
class NormalizedLandmark:
    """x, y in 0..1 over the picture, z in widths of it, smaller nearer."""

    x: float
    y: float
    z: float
    visibility: float = 0.0
    presence: float = 0.0

    def HasField(self, name: str) -> bool:
        """As protocol buffers have it: visibility and presence are not told of single points."""
        return name in ("x", "y", "z")


@dataclass
class NormalizedLandmarkList:
    """``landmark``: the 468 points."""

    landmark: list[NormalizedLandmark]


@dataclass
class FaceMeshResults:
    """``multi_face_landmarks``: one list a face, None where there is no face; ``faces``: what
    they are made of, for everything else that this package can do."""

    multi_face_landmarks: list[NormalizedLandmarkList] | None
    faces: list[MappedFace]


class FaceMesh:
    """Photos or frames (RGB) -> 468 points a face. The arguments are MediaPipe's.

    Every picture is looked at by itself, as with ``static_image_mode``;
    ``min_detection_confidence`` is of :attr:`prnet.Face.presence`. There are no irises: with
    ``refine_landmarks`` the points are the same 468, and a warning says so.
    """

    def __init__(
        self,
        static_image_mode: bool = False,
        max_num_faces: int = 1,
        refine_landmarks: bool = False,
        min_detection_confidence: float = 0.5,
        min_tracking_confidence: float = 0.5,
    ) -> None:
        if not isinstance(max_num_faces, int) or max_num_faces < 1:
            raise PrnetError(f"expected max_num_faces of 1 or more, got {max_num_faces!r}")
        if not (
            isinstance(min_detection_confidence, int | float) and 0 <= min_detection_confidence <= 1
        ):
            raise PrnetError(
                f"expected min_detection_confidence from 0 to 1, got {min_detection_confidence!r}"
            )
        if refine_landmarks:
            warnings.warn("refine_landmarks: there are 468 points, no irises", stacklevel=2)
        self._reconstruct = Reconstructor(
            max_faces=max_num_faces, min_presence=min_detection_confidence
        )

    def process(self, image: NDArray[Any]) -> FaceMeshResults:
        """RGB uint8 (H, W, 3), as MediaPipe's."""
        faces: list[MappedFace] = list(self._reconstruct(image))
        found = [landmark_list(face) for face in faces]
        return FaceMeshResults(found or None, faces)

    def reset(self) -> None:
        """Nothing is remembered from one picture to the next."""

    def close(self) -> None:
        """Nothing is held that would have to be closed."""

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def landmark_list(face: MappedFace) -> NormalizedLandmarkList:
    """A face's 468 points as MediaPipe's protocol buffer has them."""
    return NormalizedLandmarkList(
        [NormalizedLandmark(x, y, z) for x, y, z in normalised_points(face).tolist()]
    )


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
FACEMESH_LEFT_IRIS: Final[Connections] = frozenset()
FACEMESH_RIGHT_IRIS: Final[Connections] = frozenset()
FACEMESH_IRISES: Final[Connections] = frozenset()


def __getattr__(name: str) -> Connections:
    """The edges of our own triangles."""
    if name in ("FACEMESH_TESSELATION", "FACE_CONNECTIONS"):
        return _edges(media_pipe_triangles())
    raise AttributeError(f"module 'prnet.facemesh.face_mesh' has no attribute '{name}'")
