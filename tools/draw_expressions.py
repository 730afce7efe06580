"""Draw untextured faces with closed eyes, open mouths and smiles for ``docs/experiments.md``.

    python tools/draw_expressions.py ../shared/faces --face-model ict.npz \\
        --out docs/images/expressions.png

Photos of people that training never sees, those whose labels show most of an expression; upper row
of each pair: the network's surface, lower row: the label's. No photo is shown.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet import Reconstructor
from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.dense import with_dense_truth
from prnet.evaluation.held_out import person_of
from prnet.evaluation.samples import Dataset, Sample
from prnet.face import Face

EXPRESSIONS = {
    "closed eyes": ("eyeBlink_L", "eyeBlink_R"),
    "open mouth": ("jawOpen",),
    "smile": ("mouthSmile_L", "mouthSmile_R"),
}
MAX_YAW = 25.0
"""Degrees: the label of a turned face is less certain."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, help="folder of labels.npz and the photos")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="by default the package's own")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6, help="faces an expression")
    parser.add_argument("--size", type=int, default=200, help="pixels of a face")
    args = parser.parse_args()

    reconstruct = Reconstructor(args.model, detector="none")
    dataset = open_dataset(args.faces, "labels", held_out=True)
    with np.load(args.faces / "labels.npz") as labels:
        names = labels["expression_names"].tolist()
        values = labels["expression"].astype(np.float32)
    rows = []
    for expression in EXPRESSIONS.values():
        strength = values[:, [names.index(name) for name in expression]].min(axis=1)
        chosen = replace(dataset, samples=strongest(dataset, strength, args.count))
        chosen = with_dense_truth(chosen, args.face_model, layout=reconstruct.layout, match="known")
        pairs = [drawn(sample, reconstruct, args.size) for sample in chosen.samples]
        rows += [np.concatenate(row, axis=1) for row in zip(*pairs, strict=True)]
    Image.fromarray(np.concatenate(rows)).save(args.out)


def strongest(dataset: Dataset, strength: NDArray[np.floating], count: int) -> tuple[Sample, ...]:
    """The samples that show most of an expression, frontal ones, each of another person."""
    known = [s for s in dataset.samples if s.landmarks is not None and abs(s.angles[1]) < MAX_YAW]
    people: dict[str, Sample] = {}
    for sample in sorted(known, key=lambda each: -strength[cast(int, each.source)]):
        people.setdefault(person_of(sample.name) or sample.name, sample)
    return tuple(people.values())[:count]


def drawn(sample: Sample, reconstruct: Reconstructor, size: int) -> list[NDArray[np.uint8]]:
    """The network's surface and the label's, from the front."""
    assert sample.landmarks is not None
    assert sample.read_dense is not None
    face = reconstruct(sample.read_photo(), landmarks=[sample.landmarks])[0]
    true_map = face.position_map.copy()
    true_map[face.layout.region] = sample.read_dense()
    truth = Face(true_map, face.layout, face.box, face.crop)
    return [each.render(style="shaded", size=size) for each in (face, truth)]


if __name__ == "__main__":
    main()
