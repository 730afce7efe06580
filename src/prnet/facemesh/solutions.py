"""The modules of ``mediapipe.solutions`` that face programs use."""

from typing import NoReturn

from prnet.facemesh import drawing as drawing_styles
from prnet.facemesh import drawing as drawing_utils
from prnet.facemesh import face_mesh
from prnet.facemesh import face_mesh as face_mesh_connections

__all__ = ["drawing_styles", "drawing_utils", "face_mesh", "face_mesh_connections"]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"prnet.facemesh.solutions: expected {', '.join(__all__)}, got '{name}'")
