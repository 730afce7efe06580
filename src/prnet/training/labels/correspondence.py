"""Where MediaPipe's 468 points and the 68 iBUG landmarks lie on ICT-FaceKit's surface.

Learned by `tools/learn_correspondence.py`; the package carries the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.files.arrays import Array, read_arrays, write_arrays
from prnet.packaged import TRAINING_DATA

UPPER_LIP: Final = (
    *(185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(183, 42, 41, 38, 12, 268, 271, 272, 407, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_LIP: Final = (
    *(146, 91, 181, 84, 17, 314, 405, 321, 375, 77, 90, 180, 85, 16, 315, 404, 320, 307),
    *(96, 89, 179, 86, 15, 316, 403, 319, 325, 95, 88, 178, 87, 14, 317, 402, 318, 324),
)
UPPER_LIDS: Final = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
LOWER_LIDS: Final = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)

LIP_OPENINGS: Final = np.array(
    [(13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318)]
)
LID_OPENINGS: Final = np.array(
    [
        *((159, 145), (158, 153), (160, 144), (157, 154), (161, 163)),
        *((386, 374), (385, 380), (387, 373), (384, 381), (388, 390)),
    ]
)
OPENINGS: Final = np.concatenate([LIP_OPENINGS, LID_OPENINGS])
"""MediaPipe points: upper and lower lip, upper and lower lid, opposite each other."""

LANDMARKS68: Final = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)
"""The MediaPipe point nearest to each of the 68 iBUG landmarks."""

_ARRAYS = {
    "vertices": Array(np.int32, (468, 3)),
    "weights": Array(np.float32, (468, 3)),
    "mirror": Array(np.int32, (468,), below=468),
    "landmarks68_vertices": Array(np.int32, (68, 3)),
    "landmarks68_weights": Array(np.float32, (68, 3)),
}


@dataclass(frozen=True)
class Correspondence:
    """Surface points as mixtures of three of the face model's vertices.

    vertices (468, 3) int32 and weights (468, 3) float32 (each row sums to 1) for MediaPipe's
    points, landmarks68_vertices and landmarks68_weights (68, 3) for iBUG's; mirror (468,) int32:
    for each MediaPipe point the index of its mirror twin.
    """

    vertices: NDArray[np.int32]
    weights: NDArray[np.float32]
    mirror: NDArray[np.int32]
    landmarks68_vertices: NDArray[np.int32]
    landmarks68_weights: NDArray[np.float32]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Correspondence:
        """Read a file that `save` wrote; by default the one in the package."""
        source = path or TRAINING_DATA / "correspondence.npz"
        return cls(**read_arrays(source, _ARRAYS, "a correspondence file (.npz)"))

    def save(self, path: str | Path, provenance: str) -> None:
        """Write everything and a note where it comes from to one ``.npz``."""
        arrays = {key: getattr(self, key) for key in _ARRAYS}
        write_arrays(path, {**arrays, "provenance": provenance})
