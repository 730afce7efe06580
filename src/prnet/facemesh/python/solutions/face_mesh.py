"""``FaceMesh``, and the sets of connections once more."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from numpy.typing import NDArray

from prnet.errors import PrnetError, is_number, is_whole
from prnet.facemesh.python.solutions.face_mesh_connections import *  # noqa: F403  as MediaPipe
from prnet.formats.mediapipe import normalised_points
from prnet.mapped import MappedFace
from prnet.reconstruct import Reconstructor

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

    def __repr__(self) -> str:
        return f"FaceMeshResults(faces={len(self.faces)})"


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
        if not (is_whole(max_num_faces) and max_num_faces >= 1):
            raise PrnetError(f"expected max_num_faces of 1 or more, got {max_num_faces!r}")
        if not (is_number(min_detection_confidence) and 0 <= min_detection_confidence <= 1):
            raise PrnetError(
                f"expected min_detection_confidence from 0 to 1, got {min_detection_confidence!r}"
            )
        if refine_landmarks:
            warnings.warn("refine_landmarks: there are 468 points, no irises", stacklevel=2)
        self._reconstruct: Reconstructor | None = Reconstructor(
            max_faces=max_num_faces, min_presence=min_detection_confidence
        )

    def process(self, image: NDArray[Any]) -> FaceMeshResults:
        """RGB uint8 (H, W, 3), as MediaPipe's."""
        if self._reconstruct is None:
            raise PrnetError("expected a FaceMesh that is open, got one after close()")
        faces: list[MappedFace] = list(self._reconstruct(image))
        found = [landmark_list(face) for face in faces]
        return FaceMeshResults(found or None, faces)

    def reset(self) -> None:
        """Nothing is remembered from one picture to the next."""

    def close(self) -> None:
        """Lets go of the network."""
        self._reconstruct = None

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
