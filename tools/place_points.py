"""Place MediaPipe's 468 points, and the jaw that annotators see, in our UV layout.

    python tools/place_points.py --annotated faces

*MediaPipe.* The package's correspondence says which mixture of the face model's vertices each point
is. Here the face model is bent into a few dozen faces (jaws open, eyes shut), and each point gets
the place of the chart that stays nearest to it in all of them: so that lips and lids that touch in
one face are told apart by the others. Computed from ICT-FaceKit (src/prnet/data/NOTICE).

*The jaw.* Photos with annotations of the visible outline, of people that are trained on: each point
goes, with its twin, to the place from which `prnet.layout.schemes.farthest` finds the annotation
best; where the 68 landmarks or the network have changed, it is to be placed anew.

Writes ``src/prnet/data/points.npz``: ``mediapipe468`` (468, 2) and ``seen_jaw`` (17, 2) float32,
column and row, ``triangles468`` (T, 3) int32.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.spatial import Delaunay
from tqdm import tqdm

from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.held_out import is_held_out
from prnet.face import roll_of
from prnet.facemodel.at_points import basis_at, basis_at_pixels
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import face_model
from prnet.files.arrays import write_arrays
from prnet.geometry.boxes import roll_matrix
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.schemes import JAW, OVAL, PLACES, farthest, jaw_paths, outward_jaw
from prnet.layout.uv_layout import Part, UVLayout, default_layout
from prnet.reconstruct import Reconstructor
from prnet.training.labels.correspondence import Correspondence

SIZE = 256
FACES = 40
REACH = 24
"""Pixels to each side in which the seen jaw is looked for."""
LARGEST = 0.15
"""Of the box: what is farther off counts no more."""
NEAR = 30
"""Pixels between the centres of a face and its annotation."""
STEP = 1 / 8
"""Of a pixel: places are found to half of it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annotated", type=Path, help="without it the jaw stays")
    parser.add_argument("--count", type=int, default=900, help="photos for the jaw")
    args = parser.parse_args()
    model, chart, known = face_model(), Chart.load(), Correspondence.load()
    rng = np.random.default_rng(0)
    points = basis_at(model, known.vertices, known.weights)
    coefficients = rng.normal(0, 1, (FACES, len(points.modes)))
    expressions = rng.uniform(0, 0.3, (FACES, len(points.expression_names)))
    for row, name in enumerate(("jawOpen", "eyeBlink_L", "eyeBlink_R", "mouthFunnel")):
        expressions[row::8, points.expression_names.index(name)] = 0.9
    coefficients[:, points.identities :] = expressions
    wanted = features(points.points(coefficients))
    pixels = np.flatnonzero(chart.region)
    surface = np.full((SIZE * SIZE, wanted.shape[1]), np.nan, np.float32)
    surface[pixels] = features(basis_at_pixels(model, chart, pixels).points(coefficients))
    places = np.stack([place(surface, pixels, each) for each in wanted])
    mirrored = places[known.mirror] * [-1, 1] + [SIZE - 1, 0]
    print(f"largest asymmetry {np.abs(places - mirrored).max():.2f} pixels")
    places = (places + mirrored) / 2
    found = sample_bilinear(np.nan_to_num(surface).reshape(SIZE, SIZE, -1), places)
    off = np.linalg.norm((found - wanted).reshape(len(places), FACES, 3), axis=2).mean(axis=1)
    print(f"{off.mean():.3f} cm off on average, {off.max():.3f} at most")
    if args.annotated:
        jaw = seen_jaw(args.annotated, args.count)
    else:
        with np.load(PLACES) as arrays:
            jaw = arrays["seen_jaw"]
    write_arrays(
        PLACES,
        {
            "mediapipe468": places.astype(np.float32),
            "triangles468": triangles_of(places),
            "seen_jaw": jaw.astype(np.float32),
        },
    )


def triangles_of(places: np.ndarray) -> np.ndarray:
    """(T, 3) int32, Delaunay's of the places inside the face's oval."""
    triangles = Delaunay(places).simplices
    centres = places[triangles].mean(axis=1)
    oval = places[list(OVAL)]
    start, end = oval, np.roll(oval, -1, axis=0)
    x, y = centres[:, None, 0], centres[:, None, 1]
    across = (start[:, 1] > y) != (end[:, 1] > y)
    rise = np.where(end[:, 1] == start[:, 1], 1, end[:, 1] - start[:, 1])
    crossed = across & (x < start[:, 0] + (y - start[:, 1]) / rise * (end[:, 0] - start[:, 0]))
    return triangles[crossed.sum(axis=1) % 2 == 1].astype(np.int32)


def features(points: np.ndarray) -> np.ndarray:
    """Points (F, N, 3) of faces -> (N, F * 3)."""
    return np.moveaxis(points, 0, 1).reshape(points.shape[1], -1)


def place(surface: np.ndarray, pixels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Column and row of the place that is nearest to ``wanted``, around the nearest pixel."""
    nearest = pixels[((surface[pixels] - wanted) ** 2).sum(axis=1).argmin()]
    row, column = divmod(int(nearest), SIZE)
    steps = np.arange(-1, 1 + STEP / 2, STEP)
    around = np.stack(np.meshgrid(column + steps, row + steps), axis=-1).reshape(-1, 2)
    patch = surface.reshape(SIZE, SIZE, -1)[row - 2 : row + 3, column - 2 : column + 3]
    found = sample_bilinear(patch, around - [column - 2, row - 2])
    distance = ((found - wanted) ** 2).sum(axis=1)
    return around[np.nanargmin(distance)]


def seen_jaw(folder: Path, count: int) -> np.ndarray:
    """(17, 2), column and row."""
    layout, faces = default_layout(), annotated_faces(folder, count)
    outward = outward_jaw(layout)
    offsets = np.stack(np.meshgrid(*[np.arange(-REACH, REACH + 1, 2)] * 2), axis=-1).reshape(-1, 2)
    jaw = layout.landmarks[:JAW].astype(float)
    for point in range(JAW // 2 + 1):
        twin = JAW - 1 - point
        tried = jaw[point] + (offsets * [0, 1] if point == twin else offsets)
        tried = tried[inside(layout, tried)]
        both = (tried, point), (tried * [-1, 1] + [SIZE - 1, 0], twin)
        paths = [(jaw_paths(layout, starts), at) for starts, at in both]
        cost = np.zeros(len(tried))
        for position_map, truth, size, turn in faces:
            for path, at in paths:
                directions = np.repeat((outward[at] @ turn)[None], len(path), axis=0)
                seen = farthest(position_map, path, directions)
                cost += np.minimum(np.linalg.norm(seen[:, :2] - truth[at], axis=1) / size, LARGEST)
        best = tried[cost.argmin()]
        print(f"{point}: {jaw[point]} -> {best}, {cost.min() / 2 / len(faces):.2%} of the box")
        jaw[point], jaw[twin] = best, best * [-1, 1] + [SIZE - 1, 0]
    return jaw


def inside(layout: UVLayout, places: np.ndarray) -> np.ndarray:
    """Where places (N, 2) lie on the face or its ears."""
    column, row = np.rint(places).astype(int).clip(0, SIZE - 1).T
    kept = np.all((places >= 0) & (places < SIZE), axis=1)
    return kept & np.isin(layout.parts[row, column], [Part.FACE, Part.EARS, Part.NECK])


def annotated_faces(folder: Path, count: int) -> list:
    """Position map, annotation (68, 2), size of its box, and the head's turn in the picture."""
    reconstruct, found = Reconstructor(), []
    dataset = open_dataset(folder, truth="annotated")
    for sample in tqdm(dataset.evenly(count).samples):
        if is_held_out(sample.name):
            continue
        faces, truth = reconstruct(sample.read_photo()), sample.landmarks[:, :2]
        middle = truth.mean(axis=0)
        near = [f for f in faces if np.hypot(*(f.landmarks[:, :2].mean(0) - middle)) < NEAR]
        for face in near[:1]:
            size = np.sqrt(np.prod(np.ptp(truth, axis=0)))
            found.append((face.position_map, truth, size, roll_matrix(roll_of(face)).T))
    return found


if __name__ == "__main__":
    main()
