"""Our network beside MediaPipe and 3DDFA_V2 on the same frames, in one run:

    python benchmarks/peers.py ../shared/faces [--model DIR]

The frames are the annotated ones of people that training never sees; the truth is their own 68
annotations. MediaPipe (extra ``label``) is scored by the mesh points nearest to the 68, once from
one crop and once averaged over mirror images and two crop sizes; 3DDFA_V2 by the ``landmarks68`` of
the shared labels, which are averaged likewise. Our network gets one crop, from its detector.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet import Reconstructor
from prnet.errors import PrnetError
from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.measures import Settings
from prnet.evaluation.predictions import NetworkPredictor, Prediction, Predictor
from prnet.evaluation.run import evaluate
from prnet.evaluation.samples import Sample
from prnet.training.labels.correspondence import LANDMARKS68, Correspondence
from prnet.training.labels.landmarks import media_pipe_mesh

Points = NDArray[np.floating]


@dataclass(frozen=True)
class Peer:
    """Another system as the evaluation wants it."""

    words: str
    landmarks: Callable[[Sample], Points | None]
    crop: str = "its own"

    def __call__(self, sample: Sample) -> Prediction:
        points = self.landmarks(sample)
        if points is None:
            raise PrnetError("no face detected")
        return Prediction(np.asarray(points, np.float64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, help="folder of labels.npz and the photos")
    parser.add_argument("--model", type=Path, help="by default the package's own")
    parser.add_argument("--count", type=int, help="only so many frames, evenly spread")
    args = parser.parse_args()

    dataset = open_dataset(args.faces, "labels", truth="annotated", held_out=True)
    dataset = dataset.evenly(args.count) if args.count else dataset
    mesh = media_pipe_mesh(Correspondence.load().mirror)
    with np.load(args.faces / "labels.npz") as labels:
        averaged = dict(zip(labels["files"].tolist(), labels["landmarks68"], strict=True))

    def one_run(sample: Sample) -> Points | None:
        points = mesh.one_crop(sample.read_photo())
        return None if points is None else points[list(LANDMARKS68)]

    def many_runs(sample: Sample) -> Points | None:
        found = mesh(sample.read_photo())
        return None if found is None else found.points[list(LANDMARKS68)]

    reconstruct = Reconstructor(args.model)
    systems: list[Predictor] = [
        NetworkPredictor(reconstruct, crop="detector", name="prnet, one crop"),
        Peer("3DDFA_V2, averaged", lambda sample: averaged[sample.name]),
        Peer("MediaPipe, one crop", one_run),
        Peer("MediaPipe, averaged", many_runs),
    ]
    scores = []
    for system in systems:
        done = evaluate(dataset, system, Settings(), progress=tqdm)
        scores.append([measure.errors for measure in done.measures])
    common = np.all([np.isfinite(each[0]) for each in scores], axis=0)
    print(f"{len(common)} frames; means over the {common.sum()} in which all find the face")
    print("NME, 2D, sqrt(w*h) of the true landmark box, %: 68 points, inner 51; frames missed")
    for system, (full, inner) in zip(systems, scores, strict=True):
        missed = int((~np.isfinite(full)).sum())
        print(f"{system.words:22} {full[common].mean():.2f}  {inner[common].mean():.2f}  {missed}")


if __name__ == "__main__":
    main()
