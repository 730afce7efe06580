"""Make the package's face model from ICT-FaceKit's.

    python tools/make_face_model.py ict.npz

Keeps the vertices that the UV chart and the face landmarks stand on, every mode in bytes, writes
``src/prnet/data/training/face_model.npz`` and prints what the bytes cost.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import load_quantised, save_quantised
from prnet.packaged import TRAINING_DATA
from prnet.training.labels.correspondence import Correspondence

OUT = TRAINING_DATA / "face_model.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="what prnet facemodel ict wrote")
    args = parser.parse_args()

    model, places = MorphableModel.load(args.model), Correspondence.load()
    vertices = np.unique(
        np.concatenate(
            [Chart.load().vertex, places.vertices.ravel(), places.landmarks68_vertices.ravel()]
        )
    )
    save_quantised(OUT, model, vertices)
    packed = load_quantised(OUT)
    random = np.random.default_rng(0)
    people, smiles = random.normal(size=(20, 100)), random.uniform(0, 0.3, (20, 57))
    apart = [one.vertices(people, smiles, subset=vertices) for one in (model, packed)]
    error = 10 * np.linalg.norm(apart[0] - apart[1], axis=2)
    print(
        f"{OUT.name}: {len(vertices)} vertices, {OUT.stat().st_size / 1e6:.2f} MB; of 20 random "
        f"faces {error.mean():.4f} mm from the model's on average, {error.max():.3f} at most"
    )


if __name__ == "__main__":
    main()
