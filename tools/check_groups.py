"""What a detector finds on crowded photos, ranked by its scores, and of whom.

    python tools/check_groups.py ../shared --detector prnet

Scenes: average precision (area under precision over recall, no interpolation) and recall at the
detector's own least score, by what people noted of each face: blur, occlusion, pose. What counts
as right is the arithmetic of ``scenes/evaluate.py`` there. Portraits: held-out ones of UTKFace by
the age, the sex and the group that its file names give, found where the 68 landmarks are within
7 % of the labels.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import prnet
from prnet.detection.protocol import FaceDetector
from prnet.evaluation.held_out import is_held_out
from prnet.evaluation.protocols import nme
from prnet.files.photos import PhotoStore
from prnet.geometry.boxes import Box

LOW = 0.1
"""Least score for average precision."""
SIZES = ((16, 32), (32, 64), (64, 128), (128, np.inf))
FLAGS = {"blur": ("none", "some", "heavy"), "occlusion": ("none", "part", "heavy"),
         "pose": ("usual", "unusual")}  # fmt: skip
AGES = ((0, 5), (5, 15), (15, 30), (30, 50), (50, 70), (70, 120))
SEXES = ("man", "woman")
GROUPS = ("White", "Black", "Asian", "Indian", "other")
GOOD = 7.0
"""Percent of NME below which a portrait counts as found."""


def upright(box: Box) -> list[float]:
    """Pixel edges x0, y0, x1, y1 of the upright rectangle around a turned box."""
    angle = np.radians(box.roll)
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    half = np.array([box.width * cosine + box.height * sine,
                     box.width * sine + box.height * cosine]) / 2  # fmt: skip
    centre = np.array(box.centre) + 0.5
    return [*(centre - half), *(centre + half)]


class Scene:
    """One photo's faces, and which of a detector's boxes is which."""

    def __init__(self, rules: ModuleType, boxes: NDArray[np.floating], found: list[Box]) -> None:
        self.face_of: list[int | None] = []
        self.rows = [upright(box) for box in sorted(found, key=lambda box: -box.score)]
        self.scores = sorted((box.score for box in found), reverse=True)
        taken: set[int] = set()
        for row in self.rows:
            iou = rules.agreement(row, boxes) if len(boxes) else np.zeros(0)
            free = [i for i in range(len(boxes)) if i not in taken]
            best = max(free, key=lambda i: iou[i], default=None)
            right = best is not None and iou[best] >= 0.5
            self.face_of.append(best if right else None)
            if right and best is not None:
                taken.add(best)


def size_of(height: float) -> tuple[float, float] | None:
    """Which of SIZES a face is of."""
    return next((size for size in SIZES if size[0] <= height < size[1]), None)


def scenes(folder: Path, detector: FaceDetector, low: FaceDetector) -> None:
    """Recall by ``detector``, average precision by ``low``, the same with a low least score."""
    spec = importlib.util.spec_from_file_location("scene_rules", folder / "evaluate.py")
    assert spec is not None
    assert spec.loader is not None
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    ranked: dict[tuple[float, float], list[tuple[float, bool]]] = defaultdict(list)
    asked: dict[object, int] = defaultdict(int)
    found: dict[object, int] = defaultdict(int)
    for split, name, archive, boxes, flags, ignored in rules.load(folder):
        if split != "test":
            continue
        image = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
        scene = Scene(rules, boxes, low(image))
        seen = set(Scene(rules, boxes, detector(image)).face_of)
        heights = boxes[:, 3] - boxes[:, 1]
        hit = {i: s for i, s in zip(scene.face_of, scene.scores, strict=True) if i is not None}
        for i, height in enumerate(heights):
            size = size_of(height)
            if size is None:
                continue
            asked[size] += 1
            if i in hit:
                ranked[size].append((hit[i], True))
            if height < 32:
                continue
            for k, flag in enumerate(FLAGS):
                key = (flag, int(flags[i, k]))
                asked[key] += 1
                found[key] += i in seen
        for row, face, score in zip(scene.rows, scene.face_of, scene.scores, strict=True):
            size = size_of(row[3] - row[1])
            if face is None and size is not None and not is_ignored(rules, row, ignored):
                ranked[size].append((score, False))
    for lowest in (16, 32):
        sizes = [size for size in SIZES if size[0] >= lowest]
        every = [one for size in sizes for one in ranked[size]]
        print(f"average precision, faces of at least {lowest} pixels: "
              f"{average_precision(every, sum(asked[size] for size in sizes)):.3f}")  # fmt: skip
    for flag, names in FLAGS.items():
        for value, name in enumerate(names):
            key = (flag, value)
            print(f"{flag:>10} {name:8}: {found[key]:4} of {asked[key]:4} faces from 32 pixels on, "
                  f"{found[key] / max(1, asked[key]):.3f}")  # fmt: skip


def is_ignored(rules: ModuleType, row: list[float], ignored: NDArray[np.floating]) -> bool:
    if not len(ignored):
        return False
    iou, part = rules.overlap(row, ignored)
    return bool((iou >= 0.5).any() or (part >= 0.5).any())


def average_precision(ranked: list[tuple[float, bool]], asked: int) -> float:
    right = np.array([hit for _, hit in sorted(ranked, key=lambda one: -one[0])], float)
    if not len(right):
        return 0.0
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    return float((precision * right).sum() / asked)


def portraits(folder: Path, reconstruct: prnet.Reconstructor, count: int) -> None:
    with np.load(folder / "labels.npz", allow_pickle=False) as labels:
        files, landmarks = labels["files"], labels["landmarks68"]
        rows = np.flatnonzero((labels["source"] == "utk") & (labels["landmark_spread"] < 0.03))
    held = [i for i in np.random.default_rng(0).permutation(rows) if is_held_out(str(files[i]))]
    store, errors = PhotoStore(folder), defaultdict(list)
    for i in held[:count]:
        truth = landmarks[i, :, :2]
        faces = reconstruct(store[str(files[i])])
        error = min((float(nme(face.landmarks[:, :2], truth)) for face in faces), default=np.inf)
        age, sex, group = (int(part) for part in Path(str(files[i])).stem.split("_")[:3])
        first, end = next(span for span in AGES if span[0] <= age < span[1])
        for name in (f"aged {first}-{end - 1}", SEXES[sex], GROUPS[group], "all"):
            errors[name].append(error)
    for name, values in errors.items():
        good = np.array(values) < GOOD
        mean = np.mean(np.array(values)[good])
        share = f"{100 * good.mean():5.1f} % within {GOOD:.0f} %, their mean {mean:.2f} %"
        print(f"{name:>12}: {len(values):4} portraits, {share}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="folder of scenes/ and faces/")
    parser.add_argument("--detector", default="prnet")
    parser.add_argument("--portraits", type=int, default=600)
    arguments = parser.parse_args()
    detector = prnet.make_detector(arguments.detector)
    low = prnet.make_detector(arguments.detector, min_score=LOW)
    scenes(arguments.shared / "scenes", detector, low)
    reconstruct = prnet.Reconstructor(detector=detector)
    portraits(arguments.shared / "faces", reconstruct, arguments.portraits)


if __name__ == "__main__":
    main()
