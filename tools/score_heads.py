"""How true predicted shapes are: renders of head models of real people, beside their surfaces.

    python tools/score_heads.py ../shared/heads [--model DIR]

Of the heads that are held out (`prnet.facemodel.heads`), each rendered at several yaws and cropped
by its true landmarks: the mean distance of the predicted front of the face to the true surface, and
of the inner 51 landmarks, millimetres at 88 mm between the outer eye corners, each after similarity
ICP (`prnet.evaluation.surfaces`); the NME of the 51 in the picture; how far |yaw| falls short.
``mean face``: the layout's canonical face, whatever the picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from prnet import Reconstructor
from prnet.evaluation.protocols import nme
from prnet.evaluation.surfaces import TrueSurface, front_of_face, surface_errors
from prnet.facemodel.heads import HeadSet
from prnet.geometry.camera import FLIP_Y, Pose, WeakPerspectiveCamera, rotation_from_pose

BINS = {"0-30": (0, 20, -20), "30-60": (45, -45), "60-90": (75, -75)}
SIZE, FACE = 320, 100
"""Pixels of a picture's side, and of a head unit (a face is 1.5 units high)."""
EVERY = 8
"""One of so many front vertices is enough."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heads", type=Path)
    parser.add_argument("--model", type=Path, help="by default the package's own")
    args = parser.parse_args()

    reconstruct = Reconstructor(args.model, detector="none")
    layout = reconstruct.layout
    front = np.flatnonzero(front_of_face(layout))[::EVERY]
    mean_front = layout.canonical_vertices[front].astype(np.float64) * FLIP_Y
    mean_landmarks = layout.sample_landmarks(layout.canonical).astype(np.float64) * FLIP_Y
    heads = HeadSet(args.heads)
    rows: dict[str, list[tuple[float, ...]]] = {"mean face": [], **{name: [] for name in BINS}}
    for index in tqdm(np.flatnonzero(heads.held_out)):
        head = heads[int(index)]
        surface = TrueSurface(head.vertices, head.triangles, head.landmarks)
        errors = surface_errors(mean_front, mean_landmarks, surface)
        rows["mean face"].append((*errors, np.nan, np.nan))
        for name, yaws in BINS.items():
            for yaw in yaws:
                camera = WeakPerspectiveCamera(
                    FACE, rotation_from_pose(Pose(yaw, 0, 0)), np.array([SIZE / 2, SIZE / 2, 0.0])
                )
                grey = np.full((SIZE, SIZE, 3), 127, np.uint8)
                photo = head.render(camera, SIZE, SIZE, background=grey)
                true = camera.project(head.landmarks)
                (face,) = reconstruct(photo, landmarks=[true])
                landmarks = face.landmarks.astype(np.float64)
                errors = surface_errors(
                    face.vertices[front].astype(np.float64) * FLIP_Y, landmarks * FLIP_Y, surface
                )
                flat = nme(landmarks[17:, :2], true[17:, :2], box_of=true)
                side = np.sign(yaw) or 1
                rows[name].append((*errors, float(flat), side * (yaw - face.pose.yaw)))
    print(f"{heads.held_out.sum()} heads; front mm, 51 points mm, 51 points 2D %, |yaw| short of")
    for name, values in rows.items():
        front_mm, inner_mm, flat, _ = np.mean(values, axis=0)
        short = np.median([row[3] for row in values])
        print(f"{name:>10}: {front_mm:.2f} {inner_mm:.2f} {flat:6.2f} {short:6.1f}")


if __name__ == "__main__":
    main()
