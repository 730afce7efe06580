"""End-to-end accuracy, detector included: held-out YTF frames and AFLW2000-3D samples.

    python benchmarks/accuracy.py ../shared [--passes 2] [--detector dlib] [--model DIR]

NME, 2D, over sqrt(w * h) of the ground-truth landmark box, all 68 / inner 51 points. The YTF frames
are those of the fifth of the people that training never saw (`prnet.training.photos.is_held_out`).
A photo without a detected face counts as missed and is left out of the means.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from prnet import Reconstructor
from prnet.image import load_image
from prnet.training.photos import PhotoStore, is_held_out

Example = tuple[str, NDArray[np.uint8], NDArray[np.float64]]


def ytf_frames(faces: Path) -> Iterator[Example]:
    with np.load(faces / "labels.npz", allow_pickle=False) as labels:
        files, annotated = labels["files"], labels["annotated68"]
    store = PhotoStore(faces)
    for name, landmarks in zip(files, annotated, strict=True):
        if not np.isnan(landmarks[0, 0]) and is_held_out(str(name)):
            yield str(name), store[str(name)], landmarks.astype(np.float64)


def aflw_samples(folder: Path) -> Iterator[Example]:
    for path in sorted(folder.glob("*.mat")):
        # The data set counts pixels from one.
        landmarks = loadmat(path)["pt3d_68"][:2].T - 1.0
        yield path.stem, load_image(path.with_suffix(".jpg")), landmarks


def score(
    reconstruct: Reconstructor, examples: Iterable[Example], *, worst: int = 0
) -> tuple[NDArray[np.float64], int]:
    """NME in per cent (N, 2): all 68, inner 51; and how many had no face."""
    rows, missed = [], 0
    for name, image, true in examples:
        faces = reconstruct(image)
        if not faces:
            missed += 1
            continue
        size = np.sqrt(np.ptp(true, axis=0).prod())
        centre = true.mean(axis=0)
        landmarks = min(
            (face.landmarks[:, :2] for face in faces),
            key=lambda points: float(np.linalg.norm(points.mean(axis=0) - centre)),
        )
        distance = 100 * np.linalg.norm(landmarks - true, axis=1) / size
        rows.append((distance.mean(), distance[17:].mean(), name))
    for row in sorted(rows, reverse=True)[:worst]:
        print("   {:6.2f} {:6.2f}  {}".format(*row))
    return np.array([row[:2] for row in rows]), missed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--worst", type=int, default=0, help="list so many of the worst photos")
    arguments = parser.parse_args()
    reconstruct = Reconstructor(
        arguments.model, detector=arguments.detector, passes=arguments.passes
    )
    for name, examples in (
        ("YTF, held-out people", ytf_frames(arguments.shared / "faces")),
        ("AFLW2000-3D samples", aflw_samples(arguments.shared / "prnet-2018" / "aflw2000")),
    ):
        errors, missed = score(reconstruct, examples, worst=arguments.worst)
        mean, median = errors.mean(axis=0), np.median(errors, axis=0)
        print(
            f"{name}: {len(errors)} photos, {missed} without a face; NME mean "
            f"{mean[0]:.2f} / {mean[1]:.2f} %, median {median[0]:.2f} / {median[1]:.2f} %"
        )


if __name__ == "__main__":
    main()
