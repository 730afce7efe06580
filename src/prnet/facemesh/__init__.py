"""For programs written for ``mediapipe.solutions.face_mesh``, which MediaPipe has no longer.

    import prnet.facemesh as mp        # was: import mediapipe as mp

``mp.solutions.face_mesh``, ``mp.solutions.drawing_utils`` and ``drawing_styles`` are here;
docs/facemesh.md says what is different.
"""

import prnet
from prnet.facemesh import solutions

__all__ = ["solutions"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return prnet.__version__
    raise AttributeError(
        f"prnet.facemesh: expected solutions or __version__ (prnet's), got '{name}'; of MediaPipe "
        "there is its face mesh alone (docs/facemesh.md)"
    )
