"""Point schemes: the points that other programs expect, read from a position map.

ibug68: the layout's 68 landmarks; their jaw is the jaw in space.
ibug-2d: the same with the jaw where it is seen, as 2D annotations have it: a point that the cheek
    hides moves along the surface to the outline.
mediapipe468: the points of MediaPipe's face mesh, in its order (no irises); ``data/points.npz``,
    made by ``tools/place_points.py``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.arrays import Array, read_arrays
from prnet.geometry.boxes import roll_matrix
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.uv_layout import Part, UVLayout, default_layout
from prnet.packaged import DATA

PointScheme = Literal["ibug68", "ibug-2d", "mediapipe468"]
PLACES: Final = DATA / "points.npz"
JAW: Final = 17
OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""MediaPipe's points around the face."""
REACH: Final = 0.75
"""How far a jaw point may move toward the middle of the face, as a share of the way there."""
STEPS: Final = 48


def scheme_points(
    layout: UVLayout, position_map: NDArray[np.float32], scheme: PointScheme
) -> NDArray[np.float32]:
    """Position map (256, 256, 3) of ``layout`` -> the scheme's points (N, 3), in its units.

    Raises PrnetError for mediapipe468 of another layout than the package's.
    """
    if scheme == "ibug68":
        return layout.sample_landmarks(position_map)
    if scheme == "ibug-2d":
        return _with_seen_jaw(layout, position_map)
    if scheme != "mediapipe468":
        raise PrnetError(f"expected ibug68, ibug-2d or mediapipe468, got '{scheme}'")
    if layout.name != default_layout().name:
        raise PrnetError(f"expected the layout {default_layout().name}, got {layout.name}")
    return sample_bilinear(position_map, _places()["mediapipe468"])


def media_pipe_triangles() -> NDArray[np.int32]:
    """(T, 3) int32 over MediaPipe's points; our own, not MediaPipe's."""
    return np.asarray(_places()["triangles468"], np.int32)


@lru_cache(maxsize=1)
def _places() -> dict[str, NDArray[Any]]:
    """Column and row in our layout: mediapipe468 (468, 2), seen_jaw (17, 2)."""
    wanted = {
        "mediapipe468": Array(np.float32, (468, 2)),
        "triangles468": Array(np.int32, ("T", 3), below=468),
        "seen_jaw": Array(np.float32, (JAW, 2)),
    }
    return read_arrays(PLACES, wanted, "the places of points (.npz)")


def _with_seen_jaw(layout: UVLayout, position_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each jaw point becomes the point of its path that lies farthest outward in the picture: out
    is where the mean face's jaw looks, turned as the head is tilted in the picture."""
    landmarks = layout.sample_landmarks(position_map)
    outward = outward_jaw(layout) @ roll_matrix(layout.image_roll(landmarks)).T
    landmarks[:JAW] = farthest(position_map, _own_jaw_paths(layout), outward)
    return landmarks


def farthest(
    position_map: NDArray[np.float32],
    paths: NDArray[np.floating],
    outward: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Paths (N, STEPS, 2), column and row, and directions (N, 2) in the picture -> the point (N, 3)
    of each path that lies farthest in its direction."""
    points = sample_bilinear(position_map, paths.reshape(-1, 2)).reshape(*paths.shape[:2], 3)
    ahead = (points[..., :2] * outward[:, None]).sum(axis=2).argmax(axis=1)
    return np.asarray(points[np.arange(len(points)), ahead])


def outward_jaw(layout: UVLayout) -> NDArray[np.float64]:
    """(17, 2) unit vectors across the mean face's jaw, image axes, away from the face."""
    jaw = layout.canonical_landmarks[:JAW, :2]
    along = np.gradient(jaw, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return np.asarray(across / np.linalg.norm(across, axis=1, keepdims=True))


@lru_cache(maxsize=4)
def _own_jaw_paths(layout: UVLayout) -> NDArray[np.float64]:
    """(17, STEPS, 2) :func:`jaw_paths` from where annotators see the jaw of a frontal face, and of
    other layouts than the package's from their landmarks."""
    if layout.name == default_layout().name:
        return jaw_paths(layout, _places()["seen_jaw"])
    return jaw_paths(layout, layout.landmarks[:JAW])


def jaw_paths(layout: UVLayout, starts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Starts (N, 2), column and row -> (N, STEPS, 2): from each toward the middle of the face, at
    its height on the mean face, though not above the nose's root nor below the mouth."""
    middle = (layout.size - 1) / 2
    rows = np.arange(layout.size)
    seen = layout.region[:, int(middle)] & (layout.parts[:, int(middle)] != Part.NECK)
    heights = layout.canonical[seen, int(middle), 1]
    low, high = np.sort(layout.canonical_landmarks[[27, 57], 1])
    wanted = sample_bilinear(layout.canonical, starts)[:, 1].clip(low, high)
    nearest = np.abs(heights[None] - wanted[:, None]).argmin(axis=1)
    goals = np.stack([np.full(len(starts), middle), rows[seen][nearest]], axis=1)
    share = np.linspace(0, REACH, STEPS)[:, None]
    return np.asarray(starts[:, None] * (1 - share) + goals[:, None] * share)
