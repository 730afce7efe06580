"""For programs written for ``mediapipe.solutions.face_mesh``, which MediaPipe has no longer.

    import prnet.facemesh as mp        # was: import mediapipe as mp

In imports, ``prnet.facemesh`` stands where ``mediapipe`` stood; docs/facemesh.md says what is
different.
"""

import prnet
from prnet.facemesh import python
from prnet.facemesh.python import solutions

__all__ = ["python", "solutions"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return prnet.__version__
    raise AttributeError(
        f"prnet.facemesh: expected solutions or __version__ (prnet's), got '{name}'; of MediaPipe "
        "there is its face mesh alone (docs/facemesh.md)"
    )
