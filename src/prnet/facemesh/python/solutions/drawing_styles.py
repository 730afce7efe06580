"""``drawing_styles``: MediaPipe's colours, blue before red as in OpenCV's pictures."""

from __future__ import annotations

from prnet.facemesh.python.solutions import face_mesh_connections as sets
from prnet.facemesh.python.solutions.drawing_utils import DrawingSpec

_RED = (48, 48, 255)
_GREEN = (48, 255, 48)
_BLUE = (192, 101, 21)
_YELLOW = (0, 204, 255)
_GRAY = (128, 128, 128)
_WHITE = (224, 224, 224)
_CYAN = (192, 255, 48)
_MAGENTA = (192, 48, 255)

Style = dict[tuple[int, int], DrawingSpec]

_CONTOURS = (
    (sets.FACEMESH_LIPS, _WHITE),
    (sets.FACEMESH_LEFT_EYE, _GREEN),
    (sets.FACEMESH_LEFT_EYEBROW, _GREEN),
    (sets.FACEMESH_RIGHT_EYE, _RED),
    (sets.FACEMESH_RIGHT_EYEBROW, _RED),
    (sets.FACEMESH_FACE_OVAL, _WHITE),
)
_COLOURFUL_CONTOURS = (
    (sets.FACEMESH_LIPS, _BLUE),
    (sets.FACEMESH_LEFT_EYE, _CYAN),
    (sets.FACEMESH_LEFT_EYEBROW, _GREEN),
    (sets.FACEMESH_RIGHT_EYE, _MAGENTA),
    (sets.FACEMESH_RIGHT_EYEBROW, _RED),
    (sets.FACEMESH_FACE_OVAL, _WHITE),
    (sets.FACEMESH_NOSE, _YELLOW),
)


def get_default_face_mesh_tesselation_style() -> DrawingSpec:
    """Thin grey lines."""
    return DrawingSpec(color=_GRAY, thickness=1)


def get_default_face_mesh_contours_style(i: int = 0) -> Style:
    """A spec a connection: left in green, right in red; with 1 more colours, and the nose."""
    coloured = _COLOURFUL_CONTOURS if i == 1 else _CONTOURS
    return {pair: DrawingSpec(colour) for pairs, colour in coloured for pair in pairs}


def get_default_face_mesh_iris_connections_style() -> Style:
    """Of nothing: there are no irises."""
    return {}
