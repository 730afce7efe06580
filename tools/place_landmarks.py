"""Place the 68 landmarks on our surface, between the conventions of their sources.

    python tools/place_landmarks.py --photos 1000 faces/labels.npz points/3dsk.npz \
        congress/photos.npz=0.5 turned/turned.npz=0.5 heads=0.5
    python tools/place_landmarks.py --jaw faces/labels.npz congress/photos.npz turned/turned.npz

Each source is a test set as `prnet evaluate` reads it (of labels, the points that came with the
photos), or a folder of head models, rendered from seven sides. Held-out people and heads, and every
second row of a set of exact points, are left for tests. Sources differ by 1 to 3 % of the face:
some mean the rim of the lower lip, others the middle of its red; some the tip of the eye's corner,
others where the white ends. A landmark goes to the pixel of the UV layout, its twin to that pixel's
mirror image, where faces of the package's network have the least mean distance to the sources'
points. Each convention counts alike: 3DDFA_V2's by two sets, each with half of its weight; that of
the head models, where a network put the points, is worth half. ``--jaw``: the jaw's 16 points but
the chin instead of the inner ones; ranges of yaw count alike in each source, but for points without
depth (N, 68, 2): beyond 15 degrees theirs are the visible outline. Writes the package's
``uv_layout.npz`` anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.samples import Dataset, Sample
from prnet.evaluation.tables import is_table
from prnet.face import Face
from prnet.facemodel.heads import HeadSet
from prnet.geometry.camera import Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.geometry.sampling import bilinear_weights
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.reconstruct import Reconstructor

Ranges = tuple[tuple[float, float], ...]
DATA = Path(__file__).parents[1] / "src/prnet/data"
UPPER_LIDS = [37, 38, 43, 44]
"""They stay: nearer the rim, where people click them, the lids' opening follows the labels' worse
(r of 0.92 instead of 0.93 over held-out photos)."""
INNER = [point for point in range(17, 68) if point not in UPPER_LIDS]
JAW = [*range(8), *range(9, 17)]
ALL = ((0, 90),)
"""Degrees of yaw."""
TURNED = ((0, 15), (15, 30), (30, 60), (60, 90))
HEAD_YAWS = (0, 20, -20, 45, -45, 75, -75)
FEW = 50
"""Faces: a source's range that has fewer does not count."""
MAX_OFF = 0.06
"""Of the box: faces whose landmarks are farther off on average show no convention."""
LARGEST = 0.15
"""Of the box: what is farther off counts no more."""
REACH, STEP = 9.0, 0.5
"""UV pixels to each side of where a landmark lies."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", metavar="PATH[=WEIGHT]")
    parser.add_argument("--photos", type=int, default=250, help="of a source and range of yaw")
    parser.add_argument("--jaw", action="store_true", help="the jaw instead of the inner points")
    args = parser.parse_args()
    layout = default_layout()
    points, ranges = (JAW, TURNED) if args.jaw else (INNER, ALL)
    steps = np.arange(-REACH, REACH + STEP / 2, STEP)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    costs = []
    for source in args.sources:
        path, _, weight = source.partition("=")
        found = distances(training_set(Path(path)), layout, offsets, points, ranges, args.photos)
        costs.append(float(weight or 1) * found)
    landmarks = placed(layout, np.nansum(np.concatenate(costs), axis=0), offsets, points)
    replace(layout, landmarks=landmarks).save(DATA / "uv_layout.npz")


def placed(
    layout: UVLayout, costs: np.ndarray, offsets: np.ndarray, points: Sequence[int]
) -> np.ndarray:
    """Costs (68, K) of offsets (K, 2) -> landmarks (68, 2): of ``points`` the least for each and
    its twin."""
    landmarks = layout.landmarks.copy()
    columns = len(offsets[offsets[:, 1] == offsets[0, 1]])
    opposite = np.arange(len(offsets)).reshape(-1, columns)[:, ::-1].ravel()
    for point in points:
        twin = MIRRORED_LANDMARKS[point]
        cost = costs[point] + costs[twin][opposite]
        allowed = offsets[:, 0] == 0 if twin == point else np.ones(len(offsets), bool)
        best = int(np.where(allowed, cost, np.inf).argmin())
        still = int((offsets == 0).all(axis=1).argmax())
        print(f"{point}: {offsets[best]} from {landmarks[point]}, {cost[best] / cost[still]:.2f}")
        landmarks[point] += offsets[best]
    return landmarks


def training_set(path: Path) -> Dataset:
    """The set without what is left for tests, in an order that mixes people."""
    if (path / "heads.npz").is_file():
        return rendered(HeadSet(path), path)
    truth: Literal["labels", "annotated"] = "labels" if is_table(path) else "annotated"
    dataset = open_dataset(path, truth=truth)
    if dataset.exact:
        return replace(dataset, samples=dataset.samples[::2])
    kept = {sample.name for sample in open_dataset(path, truth=truth, held_out=True).samples}
    samples = [sample for sample in dataset.samples if sample.name not in kept]
    order = np.random.default_rng(0).permutation(len(samples))
    return replace(dataset, samples=tuple(samples[row] for row in order))


def rendered(heads: HeadSet, path: Path) -> Dataset:
    """Heads that are not held out, each from seven sides."""
    samples = []
    for index in np.flatnonzero(~heads.held_out):
        head = heads[int(index)]
        for yaw in HEAD_YAWS:
            rotation = rotation_from_pose(Pose(yaw, 0, 0))
            camera = WeakPerspectiveCamera(100, rotation, np.array([160, 160, 0.0]))
            landmarks, angles = camera.project(head.landmarks), np.array([0.0, yaw, 0.0])
            photo = partial(head.render, camera, 320, 320)
            samples.append(Sample(f"{head.name}_{yaw}", landmarks, None, angles, photo))
    return Dataset(path, "heads", "of the head models", "of the camera", tuple(samples))


def distances(
    dataset: Dataset,
    layout: UVLayout,
    offsets: np.ndarray,
    points: Sequence[int],
    ranges: Ranges,
    count: int,
) -> np.ndarray:
    """(R, 68, K): in each range of yaw the mean distance, of the box, from the source's points to
    where the faces have the landmarks moved by the offsets; NaN for points that the source does
    not know, and for ranges in which it has few faces."""
    if not has_depth(dataset):
        ranges = ranges[:1]
    sums, faces = np.zeros((len(ranges), 68, len(offsets))), np.zeros(len(ranges))
    for truth, face, at in found_faces(dataset, ranges, count):
        positions = face.position_map.reshape(-1, 3)[:, :2]
        for point in points:
            places = (layout.landmarks[point] + offsets).astype(np.float32)
            pixels, weights = bilinear_weights(places, layout.size, layout.size)
            there = (positions[pixels] * weights[..., None]).sum(axis=1)
            off = np.linalg.norm(there - truth[point], axis=1) / size_of(truth)
            sums[at, point] += np.minimum(off, LARGEST)
        faces[at] += 1
    print(f"{dataset.path}: faces by yaw", *faces.astype(int))
    unknown = [point for point in range(68) if dataset.exact and point not in dataset.exact]
    sums[:, unknown] = np.nan
    sums[faces < FEW] = np.nan
    return sums / np.maximum(faces, 1)[:, None, None]


def found_faces(
    dataset: Dataset, ranges: Ranges, count: int
) -> Iterator[tuple[np.ndarray, Face, int]]:
    """Points (68, 2), the network's face, whose crop comes from them, and its range of yaw, until
    each has ``count`` of them."""
    reconstruct, found = Reconstructor(), [0] * len(ranges)
    for sample in tqdm(dataset.samples, desc=dataset.path.parent.name):
        if range_of(sample.angles[1], ranges, found, count) is None:
            continue
        truth = sample.landmarks[:, :2]
        faces = reconstruct(sample.read_photo(), landmarks=[truth])
        at = range_of(faces[0].pose.yaw, ranges, found, count) if faces else None
        if at is None:
            continue
        known = list(dataset.exact or range(17, 68))
        off = faces[0].landmarks[known, :2] - truth[known]
        if np.linalg.norm(off, axis=1).mean() < MAX_OFF * size_of(truth):
            yield truth, faces[0], at
            found[at] += 1


def has_depth(dataset: Dataset) -> bool:
    known = (sample.landmarks for sample in dataset.samples)
    return any(points is not None and points.shape[1] == 3 for points in known)


def range_of(yaw: float, ranges: Ranges, found: Sequence[int], count: int) -> int | None:
    """The first range that |yaw| lies in, if fewer than ``count`` were found there; of an unknown
    yaw (NaN) any such."""
    for at, (low, high) in enumerate(ranges):
        if found[at] < count and (np.isnan(yaw) or low <= abs(yaw) < high):
            return at
    return None


def size_of(points: np.ndarray) -> float:
    return float(np.prod(np.ptp(points, axis=0)) ** 0.5)


if __name__ == "__main__":
    main()
