"""The modules of ``mediapipe.solutions`` that face programs use."""

from prnet.facemesh import drawing as drawing_styles
from prnet.facemesh import drawing as drawing_utils
from prnet.facemesh import face_mesh

__all__ = ["drawing_styles", "drawing_utils", "face_mesh"]
