"""Make the pools that ``prnet train-detector`` reads, from the folders of research data.

    python tools/make_detector_pools.py ../shared pools [--views prepared]
    python tools/make_detector_pools.py ../shared pools --hard runs/first

Faces: ``faces/`` (labels as `prnet label` writes them), ``congress/`` and ``turned/`` (68 landmarks
a photo), ``heads/`` (textured heads, at any yaw), those of the scenes that the network sees
where people drew a box, and with --views the out-of-plane views of a folder that `prnet prepare`
wrote. Whole photos: ``scenes/``, its splits train, train_masks and negative alone.
Nobody appears whom `prnet.evaluation.held_out` holds out, nor a held-out head.
--hard adds the places that the first step in that folder wrongly takes for faces; the second step
learns from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.detection.anchorfree import first_network, propose, reduced, reductions
from prnet.detection.candidates import distinct
from prnet.evaluation.held_out import held_out_names
from prnet.face import roll_of
from prnet.facemodel.heads import HeadSet
from prnet.facemodel.labels import LABELS, read_labels
from prnet.files.arrays import Array, Arrays, read_arrays, write_array
from prnet.files.photos import PhotoStore
from prnet.geometry.boxes import Box
from prnet.geometry.camera import (
    FLIP_Y,
    Pose,
    WeakPerspectiveCamera,
    fit_weak_perspective,
    image_roll,
    rotation_from_pose,
    yaw_degrees,
)
from prnet.reconstruct import Reconstructor
from prnet.training.data.dataset import PreparedData
from prnet.training.detector.pools import (
    CROP_SIZE,
    LabelledFace,
    Scenes,
    write_face_pool,
    write_scene_pool,
)

FOREHEAD = 0.24
"""Of the height of WIDER FACE's boxes, hair line to chin; ours begin at the brows."""
CLEAR, SURE = 28.0, 0.8
"""Pixels of a drawn face, and presence, from which on the network's landmarks are a label."""
HEAD_SIDE = 87.0
"""Pixels of a rendered face."""
OCCLUDED_MORE, POSED_MORE = 2, 1
"""How much more often the second step sees a scene's face that is hidden in part, or of an unusual
pose, as its annotators say; a clear one once."""
HEADS, VIEWS, TURNED = 1200, 5000, 25.0
"""How many renders of heads; how many out-of-plane views at most, and their least yaw (degrees)."""

Floats = NDArray[np.floating]

SCENE_LABELS = {
    "files": Array(np.str_, ("N",)),
    "split": Array(np.str_, ("N",)),
    "boxes": Array(np.float32, ("B", 4)),
    "box_offsets": Array(np.int64, ("O",)),
    "flags": Array(np.uint8, ("B", 3)),
    "ignore": Array(np.float32, ("I", 4)),
    "ignore_offsets": Array(np.int64, ("O",)),
}


def faces(folder: Path) -> tuple[dict[str, Iterator[LabelledFace]], Floats]:
    """The faces by source, and the mean landmarks (68, 3) of the head frame."""
    labels = read_labels(folder / "labels.npz")
    landmarks, rotation, store = labels["landmarks68"], labels["rotation"], PhotoStore(folder)
    placed = landmarks * FLIP_Y / labels["scale"][:, None, None]
    head = (placed - placed.mean(axis=1, keepdims=True)) @ rotation
    mean_head = np.median(head[np.abs(yaw_degrees(rotation)) < 20], axis=0)
    good = (labels["landmark_spread"] < 0.05) & ~held_out(labels)

    def of(source: str) -> Iterator[LabelledFace]:
        for i in np.flatnonzero(good & (labels["source"] == source)):
            yield LabelledFace(
                store[str(labels["files"][i])], landmarks[i], image_roll(rotation[i])
            )

    return {str(source): of(source) for source in np.unique(labels["source"])}, mean_head


def landmark_photos(folder: Path, table: str, head: Floats) -> Iterator[LabelledFace]:
    """Photos with 68 landmarks alone; their roll is that of the mean head laid upon them."""
    wanted = {key: LABELS[key] for key in ("files", "person", "landmark_spread", "landmarks68")}
    labels, store = read_arrays(folder / table, wanted, "files and landmarks68"), PhotoStore(folder)
    for i in np.flatnonzero((labels["landmark_spread"] <= 0.06) & ~held_out(labels)):
        points = labels["landmarks68"][i]
        roll = image_roll(fit_weak_perspective(head, points).rotation)
        yield LabelledFace(store[str(labels["files"][i])], points, roll)


def held_out(labels: Arrays) -> NDArray[np.bool_]:
    """(N,): rows of people whom no training sees."""
    people = labels["person"].tolist() if "person" in labels else None
    return held_out_names(labels["files"].tolist(), people)


def rendered_heads(folder: Path, negatives: Scenes, count: int) -> Iterator[LabelledFace]:
    """Heads at any yaw, more of them beyond 55 degrees, on face-free ground or plain colours."""
    heads, random = HeadSet(folder), np.random.default_rng(5)
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
    data = PreparedData(folder)
    for part, views in enumerate(data.views, start=1):
        for row in data.training_rows(part).tolist():
            if abs(yaw_degrees(views.rotation[row])) < TURNED:
                continue
            crops, labels = data.gather(data.rows(part, [row]))
            landmarks = data.positions(labels)[0, -68:].numpy()
            yield LabelledFace(crops[0].numpy(), landmarks, image_roll(views.rotation[row]))


def scene_faces(folder: Path) -> Iterator[LabelledFace]:
    """Faces of at least `CLEAR` pixels in the scenes that people drew boxes in, with the landmarks
    that the position map network sees in the box: real profiles, hats and crowds, where pasted
    crops are none. Only where it sees a face, and sees it where the box is."""
    labels = read_arrays(folder / "labels.npz", SCENE_LABELS, "labels of scenes")
    store, reconstruct = PhotoStore(folder), Reconstructor(passes=3, min_presence=SURE)
    for i in np.flatnonzero(labels["split"] == "train"):
        image = store[str(labels["files"][i])]
        for x0, y0, x1, y1 in labels["boxes"][slice(*labels["box_offsets"][i : i + 2])] - 0.5:
            if min(x1 - x0, y1 - y0) < CLEAR:
                continue
            drawn = Box(float(x0), float(y0 + FOREHEAD * (y1 - y0)), float(x1), float(y1))
            for face in reconstruct(image, boxes=[drawn]):
                seen = Box.around(face.landmarks)
                apart = np.subtract(seen.centre, drawn.centre) / (drawn.width, drawn.height)
                larger = np.log(seen.area / drawn.area)
                if np.abs(apart).max() < 0.3 and abs(larger) < 0.7:
                    yield LabelledFace(image, face.landmarks[:, :2], roll_of(face))


def scene_photos(folder: Path, splits: tuple[str, ...], out: Path, count: int | None) -> None:
    labels, store = (
        read_arrays(folder / "labels.npz", SCENE_LABELS, "labels of scenes"),
        PhotoStore(folder),
    )
    images, boxes, ignored, often = [], [], [], []
    for i in np.flatnonzero(np.isin(labels["split"], splits))[:count]:
        images.append(store[str(labels["files"][i])])
        first, last = labels["box_offsets"][i : i + 2]
        found = labels["boxes"][first:last] - 0.5
        if labels["split"][i] == "train":
            found[:, 1] += FOREHEAD * (found[:, 3] - found[:, 1])
        boxes.append(found)
        _, occluded, posed = labels["flags"][first:last].T > 0
        often.append(1 + OCCLUDED_MORE * occluded + POSED_MORE * posed)
        first, last = labels["ignore_offsets"][i : i + 2]
        ignored.append(labels["ignore"][first:last] - 0.5)
    write_scene_pool(out, images, boxes, ignored, often)


def hard_places(pools: Path, network: Path, count: int | None) -> NDArray[np.float32]:
    """Places where the first step sees a face and there is none (`Mosaics.hard`)."""
    first, found = first_network(network), []
    for which, name in enumerate(("negatives", "scenes")):
        scenes = Scenes(pools / name)
        for i in range(len(scenes))[:count]:
            image = np.ascontiguousarray(scenes.image(i))
            seen = [propose(first, image, reduced(image, by)) for by in reductions(image)]
            areas = np.concatenate([scenes.boxes[i], scenes.ignored[i]])
            middles, sides = (areas[:, :2] + areas[:, 2:]) / 2, areas[:, 2:] - areas[:, :2]
            for row in distinct(np.concatenate(seen)):
                side = float(row[3:5].max())
                near = np.maximum(sides.max(axis=1, initial=0), side) * 0.6
                if not (np.abs(middles - row[1:3]).max(axis=1, initial=0) < near).any():
                    found.append([which, i, row[1], row[2], side, row[0]])
    return np.array(found, np.float32).reshape(-1, 6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="folder of faces/, congress/, turned/, ...")
    parser.add_argument("out", type=Path, help="folder of the pools")
    parser.add_argument("--views", type=Path, help="a folder that `prnet prepare` wrote")
    parser.add_argument("--hard", type=Path, help="folder of detector.onnx: only its wrong places")
    parser.add_argument("--count", type=int, help="of each pool at most so many, for a try")
    arguments = parser.parse_args()
    shared, out, count = arguments.shared, arguments.out, arguments.count
    out.mkdir(parents=True, exist_ok=True)
    if arguments.hard:
        write_array(out / "hard.npy", hard_places(out, arguments.hard, count))
        return
    scene_photos(shared / "scenes", ("negative",), out / "negatives", count)
    scene_photos(shared / "scenes", ("train", "train_masks"), out / "scenes", count)
    pools, head = faces(shared / "faces")
    for name, table in (("congress", "photos.npz"), ("turned", "turned.npz")):
        pools[name] = landmark_photos(shared / name, table, head)
    pools["wild"] = scene_faces(shared / "scenes")
    pools["heads"] = rendered_heads(shared / "heads", Scenes(out / "negatives"), HEADS)
    if arguments.views:
        pools["views"] = islice(turned_views(arguments.views), VIEWS)
    for name, pool in pools.items():
        write_face_pool(out / name, islice(pool, count), alone=name in ("utk", "heads"))


if __name__ == "__main__":
    main()
