"""Place the inner 51 of the 68 landmarks on our surface, between the conventions of their sources.

    python tools/place_landmarks.py faces/labels.npz congress/photos.npz points/3dsk.npz

Each source is a test set as `prnet evaluate` reads it (of labels, the points that came with the
photos). Held-out people, and every second row of a set of exact points, are left for tests.
Sources differ by 1 to 3 % of the face: some mean the rim of the lower lip, others the middle of its
red; some the tip of the eye's corner, others where the white ends. Each counts alike: a landmark
goes to the pixel of the UV layout, its twin to that pixel's mirror image, where frontal faces of
the package's network have the least mean distance to the sources' points. Writes the package's
``uv_layout.npz`` anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.held_out import held_out_names
from prnet.evaluation.samples import Dataset, Sample
from prnet.evaluation.tables import is_table
from prnet.face import Face
from prnet.geometry.boxes import Box
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.geometry.sampling import bilinear_weights
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.reconstruct import Reconstructor

DATA = Path(__file__).parents[1] / "src/prnet/data"
INNER = range(17, 68)
MAX_YAW = 20.0
"""Degrees: beyond it depth, too, moves a point."""
MAX_OFF = 0.06
"""Of the box: faces whose landmarks are farther off on average show no convention."""
REACH, STEP = 9.0, 0.5
"""UV pixels to each side of where a landmark lies."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--photos", type=int, default=250, help="of a source, at most")
    args = parser.parse_args()
    layout = default_layout()
    steps = np.arange(-REACH, REACH + STEP / 2, STEP)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    costs = [distances(path, layout, offsets, args.photos) for path in args.sources]
    landmarks = placed(layout, np.nansum(costs, axis=0), offsets)
    replace(layout, landmarks=landmarks).save(DATA / "uv_layout.npz")


def placed(layout: UVLayout, costs: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Costs (68, K) of offsets (K, 2) -> landmarks (68, 2): the least for a point and its twin."""
    landmarks = layout.landmarks.copy()
    columns = len(offsets[offsets[:, 1] == offsets[0, 1]])
    opposite = np.arange(len(offsets)).reshape(-1, columns)[:, ::-1].ravel()
    for point in INNER:
        twin = MIRRORED_LANDMARKS[point]
        cost = costs[point] + costs[twin][opposite]
        allowed = offsets[:, 0] == 0 if twin == point else np.ones(len(offsets), bool)
        best = int(np.where(allowed, cost, np.inf).argmin())
        still = int((offsets == 0).all(axis=1).argmax())
        print(f"{point}: {offsets[best]} from {landmarks[point]}, {cost[best] / cost[still]:.2f}")
        landmarks[point] += offsets[best]
    return landmarks


def distances(path: Path, layout: UVLayout, offsets: np.ndarray, count: int) -> np.ndarray:
    """(68, K): mean distance, of the box, from the source's points to where the faces have the
    landmarks moved by the offsets; NaN for points that the source does not know."""
    dataset = open_dataset(path, truth="labels" if is_table(path) else "annotated")
    sums, faces = np.zeros((68, len(offsets))), 0
    for truth, face in frontal_faces(dataset, count):
        positions = face.position_map.reshape(-1, 3)[:, :2]
        for point in INNER:
            places = (layout.landmarks[point] + offsets).astype(np.float32)
            pixels, weights = bilinear_weights(places, layout.size, layout.size)
            at = (positions[pixels] * weights[..., None]).sum(axis=1)
            sums[point] += np.linalg.norm(at - truth[point], axis=1) / size_of(truth)
        faces += 1
    print(f"{path}: {faces} faces")
    unknown = [point for point in range(68) if dataset.exact and point not in dataset.exact]
    sums[unknown] = np.nan
    return sums / faces


def frontal_faces(dataset: Dataset, count: int) -> Iterator[tuple[np.ndarray, Face]]:
    """Points (68, 2) and the network's face, whose crop comes from them."""
    reconstruct, found = Reconstructor(), 0
    for sample in tqdm(training_samples(dataset), desc=dataset.path.parent.name):
        truth = sample.landmarks[:, :2]
        faces = reconstruct(sample.read_photo(), boxes=[Box.around(truth)])
        if not faces or abs(faces[0].pose.yaw) > MAX_YAW:
            continue
        known = list(dataset.exact or INNER)
        off = faces[0].landmarks[known, :2] - truth[known]
        if np.linalg.norm(off, axis=1).mean() < MAX_OFF * size_of(truth):
            yield truth, faces[0]
            found += 1
        if found == count:
            return


def training_samples(dataset: Dataset) -> list[Sample]:
    """In an order that mixes people."""
    samples = [sample for sample in dataset.samples if sample.landmarks is not None]
    if dataset.exact:
        return samples[::2]
    held_out = held_out_names([sample.name for sample in samples])
    order = np.random.default_rng(0).permutation(np.flatnonzero(~held_out))
    return [samples[row] for row in order]


def size_of(points: np.ndarray) -> float:
    return float(np.prod(np.ptp(points, axis=0)) ** 0.5)


if __name__ == "__main__":
    main()
