"""The modules of ``mediapipe.python.solutions`` that face programs use."""

from typing import NoReturn

from prnet.facemesh.python.solutions import (
    drawing_styles,
    drawing_utils,
    face_mesh,
    face_mesh_connections,
)

__all__ = ["drawing_styles", "drawing_utils", "face_mesh", "face_mesh_connections"]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"prnet.facemesh.solutions: expected {', '.join(__all__)}, got '{name}'")
