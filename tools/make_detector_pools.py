"""Make the pools that ``prnet train-detector`` reads, from the folders of research data.

    python tools/make_detector_pools.py ../shared pools [--views prepared] [--hard RUN]

Faces: ``faces/`` (labels as `prnet label` writes them), ``congress/`` and ``turned/`` (68 landmarks
a photo), ``heads/`` (textured heads, rendered at any yaw), and with --views the out-of-plane views
of a folder that `prnet prepare` wrote. Whole photos: ``scenes/``, its splits train, train_masks and
negative alone. Nobody appears whom `prnet.evaluation.held_out` holds out, nor a tenth of the people
of ``congress/`` and ``turned/``, nor every fifth head. --hard RUN adds the places that the detector
in that folder wrongly takes for faces; the second step learns from them.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Iterator
from hashlib import md5
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.detection.anchorfree import PIXELS, PrnetDetector, resized
from prnet.detection.candidates import distinct
from prnet.evaluation.held_out import is_held_out, person_of
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import (
    Pose,
    WeakPerspectiveCamera,
    fit_weak_perspective,
    image_roll,
    rotation_from_pose,
)
from prnet.training.detector.pools import (
    CROP_SIZE,
    LabelledFace,
    Scenes,
    write_face_pool,
    write_scene_pool,
)

FOREHEAD = 0.24
"""Of the height of WIDER FACE's boxes, hair line to chin; ours begin at the brows."""
HEAD_SIDE, HEADS = 87.0, 1200
"""Pixels of a rendered face, and how many."""

Floats = NDArray[np.floating]


def faces(folder: Path) -> tuple[dict[str, Iterator[LabelledFace]], Floats]:
    """The faces by source, and the mean landmarks (68, 3) of the head frame."""
    with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
        labels = {key: arrays[key] for key in arrays}
    files, landmarks = labels["files"], labels["landmarks68"].astype(np.float32)
    rotation, store = labels["rotation"], PhotoStore(folder)
    placed = landmarks.copy()
    placed[..., :2] -= labels["translation"][:, None]
    placed *= np.array([1, -1, 1]) / labels["scale"][:, None, None]
    head = np.einsum("nji,nkj->nki", rotation, placed)
    head -= head.mean(axis=1, keepdims=True)
    mean_head = np.median(head[np.abs(labels["yaw_deg"]) < 20], axis=0)
    good = (labels["landmark_spread"] < 0.05) & ~np.array([is_held_out(str(f)) for f in files])

    def of(rows: NDArray[np.intp]) -> Iterator[LabelledFace]:
        for i in rows:
            yield LabelledFace(store[str(files[i])], landmarks[i], image_roll(rotation[i]))

    sources = set(labels["source"])
    return {str(s): of(np.flatnonzero(good & (labels["source"] == s))) for s in sources}, mean_head


def landmark_photos(folder: Path, table: str, head: Floats) -> Iterator[LabelledFace]:
    """Photos with 68 landmarks alone; their roll is that of the mean head laid upon them."""
    store = PhotoStore(folder)
    with np.load(folder / table, allow_pickle=False) as arrays:
        labels = {key: arrays[key] for key in ("files", "person", "landmarks68", "landmark_spread")}
    for file, person, points, spread in zip(*labels.values(), strict=True):
        if spread > 0.06 or is_kept_aside(str(person)):
            continue
        roll = image_roll(fit_weak_perspective(head, points.astype(np.float64)).rotation)
        yield LabelledFace(store[str(file)], points.astype(np.float32), roll)


def is_kept_aside(person: str) -> bool:
    """A tenth of the people, and those whom `is_held_out` keeps out of ``faces/``."""
    name = f"news/{person.split(':')[-1]}_0001.jpg"
    tenth = int(md5(person.encode()).hexdigest(), 16) % 10 == 0
    return tenth or (person_of(name) is not None and is_held_out(name))


def rendered_heads(folder: Path, negatives: Scenes, count: int) -> Iterator[LabelledFace]:
    """Heads at any yaw, more of them beyond 55 degrees, on face-free ground or plain colours."""
    heads = import_module("prnet.facemodel.heads").HeadSet(folder)
    random = np.random.default_rng(5)
    rows = np.flatnonzero(~heads.held_out)
    for k in range(count):
        head = heads[int(rows[k % len(rows)])]
        steep = random.random() < 0.25
        yaw = random.uniform(55, 90) * random.choice([-1, 1]) if steep else random.uniform(-95, 95)
        rotation = rotation_from_pose(Pose(yaw, float(np.clip(random.normal(0, 18), -45, 45)), 0.0))
        points = head.landmarks @ rotation.T
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        scale = HEAD_SIDE / float((high - low).max())
        x, y = (low + high) / 2 * (scale, -scale)
        camera = WeakPerspectiveCamera(
            scale, rotation, np.array([CROP_SIZE / 2 - x, CROP_SIZE / 2 - y, 0.0])
        )
        ground = np.full((CROP_SIZE, CROP_SIZE, 3), random.integers(0, 256, 3), np.uint8)
        if random.random() < 0.6:
            piece = negatives.image(int(random.integers(len(negatives))))[:CROP_SIZE, :CROP_SIZE]
            ground[: piece.shape[0], : piece.shape[1]] = piece
        image = head.render(camera, CROP_SIZE, CROP_SIZE, background=ground, finer=1)
        image = np.clip(image * random.uniform(0.5, 1.2), 0, 255).astype(np.uint8)
        yield LabelledFace(image, camera.project(head.landmarks), image_roll(rotation))


def turned_views(folder: Path) -> Iterator[LabelledFace]:
    """The out-of-plane views that `prnet prepare` wrote."""
    with np.load(folder / "basis.npz") as arrays:
        mean, offsets = arrays["landmark_mean"], arrays["landmark_offsets"]
    for file in sorted(folder.glob("turned-*.npz")):
        crops = np.load(file.with_suffix(".npy"), mmap_mode="r")
        with np.load(file) as views:
            coefficients, scale = views["coefficients"].astype(np.float32), views["scale"]
            rotation, translation = views["rotation"], views["translation"]
        for i, crop in enumerate(crops):
            camera = WeakPerspectiveCamera(
                float(scale[i]), rotation[i], np.append(translation[i], 0)
            )
            points = camera.project(mean + np.tensordot(coefficients[i], offsets, 1))
            yield LabelledFace(np.array(crop), points, image_roll(rotation[i]))


def scene_photos(folder: Path, splits: tuple[str, ...], out: Path) -> None:
    with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
        labels = {key: arrays[key] for key in arrays}
    archive = zipfile.ZipFile(folder / "photos.zip")
    images, boxes, ignored = [], [], []
    for i, (file, split) in enumerate(zip(labels["files"], labels["split"], strict=True)):
        if split not in splits:
            continue
        images.append(np.asarray(Image.open(io.BytesIO(archive.read(str(file)))).convert("RGB")))
        first, last = labels["box_offsets"][i : i + 2]
        found = labels["boxes"][first:last] - 0.5
        if split == "train":
            found[:, 1] += FOREHEAD * (found[:, 3] - found[:, 1])
        boxes.append(found)
        first, last = labels["ignore_offsets"][i : i + 2]
        ignored.append(labels["ignore"][first:last] - 0.5)
    write_scene_pool(out, images, boxes, ignored)


def hard_places(pools: Path, detector: PrnetDetector) -> NDArray[np.float32]:
    """Places where the first step sees a face and there is none (`Mosaics.hard`)."""
    found = []
    for which, name in enumerate(("negatives", "scenes")):
        scenes = Scenes(pools / name)
        for i in range(len(scenes)):
            image = np.ascontiguousarray(scenes.image(i))
            scale = min(2.0, float((PIXELS / (image.shape[0] * image.shape[1])) ** 0.5))
            areas = np.concatenate([scenes.boxes[i], scenes.ignored[i]])
            middles, sides = (areas[:, :2] + areas[:, 2:]) / 2, areas[:, 2:] - areas[:, :2]
            for row in distinct(detector.propose(image, resized(image, scale))):
                side = float(row[3:5].max())
                near = np.maximum(sides.max(axis=1, initial=0), side) * 0.6
                if not (np.abs(middles - row[1:3]).max(axis=1, initial=0) < near).any():
                    found.append([which, i, row[1], row[2], side, row[0]])
    return np.array(found, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path, help="folder of faces/, congress/, turned/, ...")
    parser.add_argument("out", type=Path, help="folder of the pools; those that are there are kept")
    parser.add_argument("--views", type=Path, help="a folder that `prnet prepare` wrote")
    parser.add_argument("--hard", type=Path, help="folder of a detector: only its wrong places")
    arguments = parser.parse_args()
    shared, out = arguments.shared, arguments.out
    out.mkdir(parents=True, exist_ok=True)
    if arguments.hard:
        np.save(out / "hard.npy", hard_places(out, PrnetDetector(arguments.hard)))
        return
    scene_photos(shared / "scenes", ("negative",), out / "negatives")
    scene_photos(shared / "scenes", ("train", "train_masks"), out / "scenes")
    photos, head = faces(shared / "faces")
    for source, each in photos.items():
        write_face_pool(out / source, each, alone=source == "utk")
    for name, table in (("congress", "photos.npz"), ("turned", "turned.npz")):
        write_face_pool(out / name, landmark_photos(shared / name, table, head), alone=False)
    heads = rendered_heads(shared / "heads", Scenes(out / "negatives"), HEADS)
    write_face_pool(out / "heads", heads, alone=True)
    if arguments.views:
        write_face_pool(out / "views", turned_views(arguments.views), alone=False)


if __name__ == "__main__":
    main()
