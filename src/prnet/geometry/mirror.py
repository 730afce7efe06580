"""What changes sides when a face is mirrored."""

import numpy as np

MIRRORED_LANDMARKS = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1)),  # jaw, brows
        *(*range(27, 31), *range(35, 30, -1)),  # nose
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
        *(*range(54, 47, -1), *range(59, 54, -1)),  # outer lips
        *(*range(64, 59, -1), *range(67, 64, -1)),  # inner lips
    ]
)
"""Landmark i of a mirrored face is landmark MIRRORED_LANDMARKS[i] of the face (iBUG 68 order)."""
