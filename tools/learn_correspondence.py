"""Learn where MediaPipe's 468 points and iBUG's 68 landmarks lie on ICT-FaceKit's surface.

    python tools/learn_correspondence.py PHOTOS --face-model ict.npz \\
        --vertex-indices FaceXModel/vertex_indices.json --landmarks68 LANDMARKS.npz

PHOTOS is a folder of some 2,000 photos, one face each; LANDMARKS.npz holds ``files`` (names below
PHOTOS) and ``landmarks68`` (N, 68, 2 or 3) in image pixels. Takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from matching import (
    FACE_VERTICES,
    Surface,
    carried_skin,
    first_guess,
    mean_mesh,
    mirror_pairs,
    normalised_targets,
    rematch,
)
from tqdm import tqdm

from prnet.facemodel.at_points import basis_at
from prnet.facemodel.fitting import Fits, fit
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.point_basis import PointBasis
from prnet.files.photos import PhotoStore
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.training.labels.correspondence import OPENINGS, Correspondence
from prnet.training.labels.labelling import photo_names
from prnet.training.labels.landmarks import POINTS, MediaPipeMesh, media_pipe_mesh

MAX_SPREAD = 0.012
DEFAULT_OUT = Path(__file__).parents[1] / "src/prnet/data/training/correspondence.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--vertex-indices", type=Path, required=True)
    parser.add_argument("--landmarks68", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--points", type=Path, help="keeps the detected points for another run")
    args = parser.parse_args()

    names, points, mirror = detected(args.photos, args.points)
    with np.load(args.landmarks68) as arrays:
        row = {str(name): i for i, name in enumerate(arrays["files"])}
        landmarks68 = arrays["landmarks68"][[row[name] for name in names], :, :2].astype(float)
    indices = json.loads(args.vertex_indices.read_text())["idx_to_landmark_verts"]
    learned = learn(
        MorphableModel.load(args.face_model), points, landmarks68, mirror, indices, args.rounds
    )
    learned.save(
        args.out,
        f"tools/learn_correspondence.py: {args.rounds} rounds on {len(names)} photos; MediaPipe "
        "face mesh points on ICT-FaceKit's light head (26719 vertices)",
    )


def detected(photos: Path, kept: Path | None) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, points (N, 468, 3) and the mirror twins (468,)."""
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return [str(name) for name in arrays["files"]], arrays["points"], arrays["mirror"]
    store, names = PhotoStore(photos), photo_names(photos)
    straight = media_pipe_mesh(np.arange(POINTS))
    first = [straight.one_run(store[name]) for name in tqdm(names[:: len(names) // 100 + 1])]
    mirror = mirror_pairs(mean_mesh(np.stack([run for run in first if run is not None])))
    mesh = MediaPipeMesh(straight.backend, mirror)
    found = [(name, mesh(store[name])) for name in tqdm(names)]
    good = [(name, one.points) for name, one in found if one and one.spread < MAX_SPREAD]
    used, points = [name for name, _ in good], np.stack([points for _, points in good])
    if kept:
        np.savez(kept, files=np.array(used), points=points, mirror=mirror)
    return used, points, mirror


def learn(
    model: MorphableModel,
    points: np.ndarray,
    landmarks68: np.ndarray,
    mirror: np.ndarray,
    indices68: list[int],
    rounds: int,
) -> Correspondence:
    surface = Surface.of(model)
    every = np.arange(FACE_VERTICES)
    skin = basis_at(model, np.stack([every] * 3, 1), np.eye(3)[np.zeros_like(every)])
    sizes = np.sqrt(np.prod(np.ptp(points[..., :2], axis=1), axis=1))
    vertices, weights = first_guess(mean_mesh(points), surface, indices68)
    vertices68 = np.stack([np.array(indices68, np.int32)] * 3, axis=1)
    weights68 = np.eye(3, dtype=np.float32)[np.zeros(68, int)]
    for number in range(rounds):
        basis = basis_at(model, vertices, weights, openings=OPENINGS, fading=np.ones(POINTS, bool))
        fits = fitted(basis, points)
        carried = carried_skin(skin, fits, sizes)
        targets = normalised_targets(points[..., :2], fits, sizes)
        report(number, (targets - (carried[:, vertices] * weights[..., None]).sum(2)))
        vertices, weights = rematch(surface, carried, targets, vertices, weights, mirror=mirror)
        vertices68, weights68 = rematch(
            surface,
            carried,
            normalised_targets(landmarks68, fits, sizes),
            vertices68,
            weights68,
            mirror=MIRRORED_LANDMARKS,
            sided=False,
        )
    return Correspondence(vertices, weights, mirror, vertices68, weights68)


def report(number: int, offsets: np.ndarray) -> None:
    distances = np.linalg.norm(offsets, axis=2).mean()
    means = np.linalg.norm(offsets.mean(0), axis=1).mean()
    print(f"round {number}: residual {distances:.3%}, mean residual {means:.3%} of the box")


def fitted(basis: PointBasis, points: np.ndarray, chunk: int = 32) -> Fits:
    starts = tqdm(range(0, len(points), chunk), desc="fit")
    parts = [fit(basis, points[start : start + chunk, :, :2]) for start in starts]
    return Fits(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    )


if __name__ == "__main__":
    main()
