"""Place the jaw's landmarks on our surface by photos of turned heads.

    python tools/place_jaw.py congress/photos.npz turned/turned.npz

Each file holds ``landmarks68`` (N, 68, 2 or 3) in image pixels, whose jaw is the jaw in space (a 3D
model's, as 300W-LP's, not the visible outline), and ``landmark_spread`` (N,). Frontal photos cannot
tell where along the line of sight a jaw point lies; so as many photos of each range of yaw are
taken. The face model is fitted to the inner 51; each jaw point goes to the pixel of the UV layout,
mirrored for its twin, where the fitted surfaces come nearest to it. Writes the package's
``correspondence.npz`` and ``uv_layout.npz`` anew.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from prnet.facemodel.at_points import basis_at, basis_at_pixels
from prnet.facemodel.fitting import fit
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import face_model
from prnet.geometry.camera import project_head
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.layout.uv_layout import Part, UVLayout, default_layout
from prnet.training.labels.correspondence import Correspondence
from prnet.training.labels.labeller import JAW, box_size, yaws_of

DATA = Path(__file__).parents[1] / "src/prnet/data"
MAX_SPREAD = 0.03
YAWS = (0, 10, 20, 30, 40, 50, 60, 75)
PHOTOS_A_RANGE = 150
LARGEST = 0.15
"""Of the box: what is farther off counts no more."""
CHIN = 8
SIZE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="+")
    args = parser.parse_args()
    layout, places, chart = default_layout(), Correspondence.load(), Chart.load()
    points = spread_over_yaws(np.concatenate([good_landmarks(path) for path in args.landmarks]))
    pixels = jaw_pixels(points, layout, places, chart)
    with_jaw(layout, pixels).save(DATA / "uv_layout.npz")
    vertices, weights = places.landmarks68_vertices.copy(), places.landmarks68_weights.copy()
    for point, pixel in pixels.items():
        entries = slice(*chart.start[pixel : pixel + 2])
        count = entries.stop - entries.start
        vertices[point], weights[point] = chart.vertex[entries][0], 0
        vertices[point, :count], weights[point, :count] = (
            chart.vertex[entries],
            chart.weight[entries],
        )
    moved = replace(places, landmarks68_vertices=vertices, landmarks68_weights=weights)
    note = "tools/learn_correspondence.py, the jaw of the 68 by tools/place_jaw.py; on ICT-FaceKit"
    moved.save(DATA / "training/correspondence.npz", note)


def good_landmarks(path: Path) -> np.ndarray:
    with np.load(path) as arrays:
        chosen = arrays["landmark_spread"] < MAX_SPREAD
        return arrays["landmarks68"][chosen, :, :2].astype(float)


def spread_over_yaws(points: np.ndarray) -> np.ndarray:
    """At most PHOTOS_A_RANGE photos of each range of yaw."""
    rng, yaw = np.random.default_rng(0), np.abs(yaws_of(points))
    ranges = [
        rng.permutation(np.flatnonzero((yaw >= low) & (yaw < high)))[:PHOTOS_A_RANGE]
        for low, high in pairwise(YAWS)
    ]
    return points[np.concatenate(ranges)]


def jaw_pixels(
    points: np.ndarray, layout: UVLayout, places: Correspondence, chart: Chart
) -> dict[int, int]:
    """Landmarks (N, 68, 2) -> jaw point: flat pixel, for all but the chin, which stays."""
    model = face_model()
    basis = basis_at(model, places.landmarks68_vertices, places.landmarks68_weights)
    weights = np.ones(points.shape[:2])
    weights[:, :JAW] = 0
    fits = fit(basis, points, weights=weights)
    shape = np.concatenate([fits.identity, fits.expression], axis=1)
    camera = fits.scale, fits.rotation, fits.translation[:, :2]
    left = candidates(layout, chart)
    right = left + SIZE - 1 - 2 * (left % SIZE)
    surface = {
        side: project_head(basis_at_pixels(model, chart, side_pixels).points(shape), *camera)
        for side, side_pixels in (("left", left), ("right", right))
    }
    size, found = box_size(points)[:, None], {}
    for point in range(CHIN):
        twin = int(MIRRORED_LANDMARKS[point])
        off = [
            np.linalg.norm(surface[side][..., :2] - points[:, None, at], axis=2) / size
            for side, at in (("left", point), ("right", twin))
        ]
        cost = np.minimum(off, LARGEST).mean(axis=(0, 1))
        best = int(cost.argmin())
        found[point], found[twin] = int(left[best]), int(right[best])
        old = layout.landmarks[point].round(1)
        print(f"{point}: {old} -> {left[best] % SIZE}, {left[best] // SIZE}; {cost[best]:.2%} off")
    return found


def candidates(layout: UVLayout, chart: Chart) -> np.ndarray:
    """Flat pixels of the face's left half that may be jaw, each within one triangle."""
    rows, columns = np.indices((SIZE, SIZE))
    skin = np.isin(layout.parts, [Part.FACE, Part.EARS, Part.NECK])
    plain = np.diff(chart.start).reshape(SIZE, SIZE) <= 3
    return np.flatnonzero(layout.region & skin & plain & (columns < SIZE // 2) & (rows > SIZE // 5))


def with_jaw(layout: UVLayout, pixels: dict[int, int]) -> UVLayout:
    landmarks = layout.landmarks.copy()
    for point, pixel in pixels.items():
        landmarks[point] = pixel % SIZE, pixel // SIZE
    return replace(layout, landmarks=landmarks)


if __name__ == "__main__":
    main()
