"""What the detector finds in photos in which people drew boxes, as crops in a prepared folder.

    python tools/make_found.py ../shared/scenes prepared

``found_faces.npy`` are those that lie where a box was drawn, ``found_others.npy`` those that lie
on no face; `prnet train` learns presence from them (`prnet.training.judging`). Its splits train,
train_masks and negative alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from make_detector_pools import SCENE_LABELS
from numpy.typing import NDArray

from prnet.face import Face
from prnet.files.arrays import read_arrays, write_array
from prnet.files.photos import PhotoStore
from prnet.reconstruct import Reconstructor
from prnet.training.data.prepared_files import CROPS, FOUND_FACES, FOUND_OTHERS, MARGIN, map_crops

SPLITS = ("train", "train_masks", "negative")
MIN_SCORE = 0.3
"""Half of the score from which on the detector is believed."""
MOST = 14
"""Of one photo, the surest."""
AT, BESIDE = 0.35, 0.8
"""A face is found within so much of a drawn box's longer side; none is beyond the other."""


def is_face(face: Face, drawn: NDArray[np.floating], ignored: NDArray[np.floating]) -> bool | None:
    """By boxes (N, 4) as pixel edges; None where it cannot be said."""
    if face.box is None:
        return None
    areas = np.concatenate([drawn, ignored])
    middles, sides = (areas[:, :2] + areas[:, 2:] - 1) / 2, np.ptp(areas.reshape(-1, 2, 2), axis=1)
    longer, side = sides.max(axis=1), max(face.box.width, face.box.height)
    away = np.abs(middles - face.box.centre).max(axis=1, initial=0)
    at = (away < AT * longer) & (np.abs(np.log(side / longer)) < np.log(1.8))
    if at[: len(drawn)].any():
        return True
    near = away < BESIDE * np.maximum(longer, side)
    return None if near.any() else False


def found(folder: Path, size: int) -> Iterator[tuple[bool, NDArray[np.uint8]]]:
    labels, store = (
        read_arrays(folder / "labels.npz", SCENE_LABELS, "labels of scenes"),
        PhotoStore(folder),
    )
    reconstruct = Reconstructor(min_score=MIN_SCORE, min_presence=0)
    for i in np.flatnonzero(np.isin(labels["split"], SPLITS)):
        image = store[str(labels["files"][i])]
        drawn, ignored = (
            labels[name][slice(*labels[offsets][i : i + 2])]
            for name, offsets in (("boxes", "box_offsets"), ("ignore", "ignore_offsets"))
        )
        faces = reconstruct(image)
        for face in sorted(faces, key=lambda face: -(face.box.score if face.box else 0))[:MOST]:
            shown = is_face(face, drawn, ignored)
            if shown is not None:
                crop = replace(face.crop, side=face.crop.side * MARGIN, size=size)
                yield shown, crop.crop_image(image)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenes", type=Path, help="folder of photos and labels.npz")
    parser.add_argument("prepared", type=Path, help="folder that `prnet prepare` wrote")
    arguments = parser.parse_args()
    size = map_crops(arguments.prepared / CROPS).shape[1]
    faces: list[NDArray[np.uint8]] = []
    others: list[NDArray[np.uint8]] = []
    for shown, crop in found(arguments.scenes, size):
        (faces if shown else others).append(crop)
    write_array(arguments.prepared / FOUND_FACES, np.stack(faces))
    write_array(arguments.prepared / FOUND_OTHERS, np.stack(others))
    print(f"{len(faces)} faces, {len(others)} others")


if __name__ == "__main__":
    main()
