"""How far ARKit's curves of held-out people follow the labels of their photos.

    python tools/score_curves.py labels/labels.npz --photos ../shared/faces [--people 120]

Labels are those of `prnet label`, whose lids are refined. Of people with several photos (YouTube
Faces' frames), cropped by the labels' landmarks: each curve beside the label's value of the same
shape, as Pearson's r over all photos, and over what moves within a person (both less the person's
mean). The person's head is held, as films hold it. ``lids``, ``lips``: the blink's and the jaw's
curves beside the openings of the labels' landmarks, the lids' with the sign turned.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet import Reconstructor
from prnet.evaluation.held_out import held_out_names, people_of
from prnet.facemodel.arkit.curves import MeanMeasure, curve_model
from prnet.facemodel.arkit.shapes import ARKIT_NAMES, model_names
from prnet.files.photos import PhotoStore

FRAMES = 5
"""Photos of a person at least, and at most four times as many."""
OPENINGS = {
    "lids": (("eyeBlinkLeft", "eyeBlinkRight"), [37, 38, 43, 44], [41, 40, 47, 46], (36, 45), -1),
    "lips": (("jawOpen",), [61, 62, 63], [67, 66, 65], (48, 54), 1),
}


def curves_of(
    reconstruct: Reconstructor, photos: list[NDArray[np.uint8]], points: NDArray[np.floating]
) -> NDArray[np.floating]:
    """(N, 52) of a person's photos."""
    model, mean, measures = curve_model(), MeanMeasure(), []
    for photo, landmarks in zip(photos, points, strict=True):
        (face,) = reconstruct(photo, landmarks=[landmarks])
        measure = model.measure(face)
        mean.add(measure)
        measures.append(measure.values)
    return model.curves(np.stack(measures), model.person(mean))


def opening(
    points: NDArray[np.floating], upper: list[int], lower: list[int], width: tuple[int, int]
) -> NDArray[np.floating]:
    """(N,) of landmarks (N, 68, 3), in the picture, over a width in space."""
    apart = (points[:, lower, :2] - points[:, upper, :2]).mean(axis=1)
    wide = points[:, width[0]] - points[:, width[1]]
    return np.linalg.norm(apart, axis=1) / np.linalg.norm(wide, axis=1)


def correlations(
    ours: NDArray[np.floating], theirs: NDArray[np.floating], person: NDArray[np.intp]
) -> str:
    """Over all, and within a person."""
    values = []
    for remove in (False, True):
        pair = [ours, theirs]
        if remove:
            count = np.bincount(person)
            pair = [each - (np.bincount(person, each) / count)[person] for each in pair]
        moving = min(map(np.std, pair)) > 1e-6
        values.append(f"{np.corrcoef(pair[0], pair[1])[0, 1]:6.2f}" if moving else "     -")
    return " ".join(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path, help="as `prnet label` wrote them")
    parser.add_argument("--photos", type=Path, required=True, help="folder that they name")
    parser.add_argument("--people", type=int, default=120, help="at most")
    arguments = parser.parse_args()
    with np.load(arguments.labels) as labels:
        files = labels["files"].tolist()
        expression, points = labels["expression"].astype(float), labels["landmarks68"].astype(float)
        names = labels["expression_names"].tolist()
    people, held_out = people_of(files), held_out_names(files)
    counts = Counter(
        person for person, kept in zip(people, held_out, strict=True) if kept and person
    )
    chosen = sorted(person for person, count in counts.items() if count >= FRAMES)[
        : arguments.people
    ]
    store, reconstruct = PhotoStore(arguments.photos), Reconstructor()
    curves, rows, owner = [], [], []
    for number, person in enumerate(tqdm(chosen, mininterval=10)):
        of_person = [i for i, name in enumerate(people) if name == person and files[i] in store]
        of_person = of_person[:: max(1, len(of_person) // (4 * FRAMES))][: 4 * FRAMES]
        curves.append(
            curves_of(reconstruct, [store[files[i]] for i in of_person], points[of_person])
        )
        rows += of_person
        owner += [number] * len(of_person)
    ours, who = np.concatenate(curves), np.array(owner)
    print(f"{len(rows)} photos of {len(chosen)} people: r over all, within a person")
    for part, (shapes, upper, lower, width, sign) in OPENINGS.items():
        found = ours[:, [ARKIT_NAMES.index(name) for name in shapes]].mean(axis=1)
        print(
            f"{part:20}",
            correlations(found, sign * opening(points[rows], upper, lower, width), who),
        )
    for i, name in enumerate(ARKIT_NAMES):
        known = [names.index(each) for each in model_names(name) if each in names]
        if known:
            print(
                f"{name:20}", correlations(ours[:, i], expression[rows][:, known].mean(axis=1), who)
            )


if __name__ == "__main__":
    main()
