"""For programs written for ``mediapipe.solutions.face_mesh``, which MediaPipe has no longer.

    import prnet.facemesh as mp        # was: import mediapipe as mp

``mp.solutions.face_mesh``, ``mp.solutions.drawing_utils`` and ``drawing_styles`` are here;
docs/facemesh.md says what is different.
"""

from prnet.facemesh import solutions

__all__ = ["solutions"]
