"""Textured head models of real people as rows to train on: renders at all angles.

Frontal photos never show what is at the side of a head (hair, ears, neck) nor what a true profile
looks like. A head has its own mesh; the face model is fitted to its surface, and the fit is the
label. Held-out heads (`prnet.facemodel.heads`) are not rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from prnet.errors import PrnetError
from prnet.evaluation.surfaces import TrueSurface, front_of_face
from prnet.facemodel.at_points import basis_at_pixels
from prnet.facemodel.fitting import Fits, FitSettings, fit
from prnet.facemodel.heads import HeadSet, TexturedHead
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.point_basis import PointBasis
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.facemodel.quantised import face_model
from prnet.files.arrays import Arrays, write_array, write_arrays
from prnet.geometry.camera import (
    FLIP_Y,
    Pose,
    WeakPerspectiveCamera,
    align_similarity,
    rotation_from_pose,
)
from prnet.layout.uv_layout import default_layout
from prnet.training.data.joined import joined_labels
from prnet.training.data.prepare import landmark_basis, stored_crop
from prnet.training.data.prepared_files import CROPS, HEAD, map_crops

EVERY = 32
"""The model is fitted to a head at one of so many pixels of the front of the face."""
ROUNDS = 10
FIT = FitSettings(noise=0.02, outlier=0.05, expression_deviation=0.1)
YAW, PITCH, ROLL = 95.0, 30.0, 20.0
"""Degrees: yaws are uniform up to the first; pitch and roll normal, of which these are two
deviations."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeadLabel:
    """coefficients (I + E,) of a head, and the similarity from the face model to the head frame:
    scale, rotation (3, 3), translation (3,)."""

    coefficients: Floats
    scale: float
    rotation: Floats
    translation: Floats

    def camera(self, camera: WeakPerspectiveCamera) -> WeakPerspectiveCamera:
        """A camera that sees the head -> the same of the face model."""
        return WeakPerspectiveCamera(
            camera.scale * self.scale,
            camera.rotation @ self.rotation,
            camera.project(self.translation),
        )


def front_basis(model: MorphableModel) -> PointBasis:
    """The face model at some points of the front of the face."""
    layout = default_layout()
    front = np.flatnonzero(front_of_face(layout))[::EVERY]
    rows, columns = layout.vertex_pixels[front].T
    return basis_at_pixels(model, Chart.load(), rows * layout.size + columns)


def label_of(head: TexturedHead, basis: PointBasis, landmarks: Floats) -> HeadLabel:
    """The face model fitted to a head's surface by iterated closest points. ``basis``: at the front
    of the face; ``landmarks`` (68, 3) of the model's mean face."""
    surface = TrueSurface(head.vertices, head.triangles, head.landmarks)
    unit = surface.millimetres
    inner = slice(17, 68)
    scale, rotation, shift = align_similarity(landmarks[inner], head.landmarks[inner])
    placed = scale * basis.mean @ rotation.T + shift
    for _ in range(ROUNDS):
        nearest, _ = surface.nearest(placed * unit)
        found = fit(basis, (nearest / unit * FLIP_Y)[None], settings=FIT)
        placed = _placed(found, basis)
    return HeadLabel(
        coefficients=np.concatenate([found.identity[0], found.expression[0]]),
        scale=float(found.scale[0]),
        rotation=found.rotation[0],
        translation=found.translation[0] * FLIP_Y,
    )


def _placed(found: Fits, basis: PointBasis) -> Floats:
    """The fitted points (K, 3) in the head frame."""
    points = basis.points(np.concatenate([found.identity, found.expression], axis=1))[0]
    turned = found.scale[0] * points @ found.rotation[0].T
    return np.asarray(turned + found.translation[0] * FLIP_Y, np.float64)


def render_heads(
    folder: Path,
    labels: Sequence[Path],
    model: Path | None,
    out: Path,
    *,
    count: int,
    seed: int = 0,
) -> None:
    """Write ``heads-000.npy`` and ``.npz`` to a prepared folder: ``count`` renders."""
    heads = HeadSet(folder)
    chosen = np.flatnonzero(~heads.held_out)
    if not len(chosen):
        raise PrnetError(f"{folder}: expected heads to train on, got {len(heads)} held out")
    names = tuple(str(name) for name in joined_labels(labels)["expression_names"])
    shapes = face_model(model)
    basis, points = front_basis(shapes), landmark_basis(out)
    if basis.expression_names != names:
        shapes.expression_basis(names)  # says which are missing
        basis = _reordered(basis, names)
    backgrounds = map_crops(out / CROPS)
    size = backgrounds.shape[1]
    random = np.random.default_rng(seed)
    images = np.zeros((count, size, size, 3), np.uint8)
    rows: dict[str, list[Floats]] = {
        key: [] for key in ("coefficients", "scale", "rotation", "translation")
    }
    owner = np.sort(chosen[np.arange(count) % len(chosen)])
    head, label = None, None
    for i, index in enumerate(tqdm(owner, desc="heads", mininterval=10)):
        if i == 0 or index != owner[i - 1]:
            head = heads[int(index)]
            label = label_of(head, basis, points.mean.astype(np.float64))
        assert head is not None
        assert label is not None
        camera = _camera(label, points, size, random)
        images[i] = head.render(camera, size, size, background=_background(backgrounds, random))
        seen = label.camera(camera)
        values = (label.coefficients, seen.scale, seen.rotation, seen.translation[:2])
        for key, value in zip(rows, values, strict=True):
            rows[key].append(np.asarray(value))
    shuffled = random.permutation(count)
    arrays: Arrays = {key: np.array(values, np.float32)[shuffled] for key, values in rows.items()}
    arrays["apart"] = np.zeros_like(arrays["coefficients"])
    arrays["view"] = np.tile(np.array([0, 0, 1], np.float32), (count, 1))
    path = out / "heads-000"
    write_array(path.with_suffix(".npy"), images[shuffled])
    arrays["sample"] = np.full(count, HEAD)
    write_arrays(path.with_suffix(".npz"), arrays, compressed=False)


def _camera(
    label: HeadLabel, points: MapBasis, size: int, random: np.random.Generator
) -> WeakPerspectiveCamera:
    """A head at a random pose in the crop that is stored of a photo."""
    pitch, roll = random.normal(0, (PITCH / 2, ROLL / 2))
    rotation = rotation_from_pose(Pose(float(random.uniform(-YAW, YAW)), float(pitch), float(roll)))
    camera = WeakPerspectiveCamera(size / 4, rotation, np.zeros(3))
    coefficients = label.coefficients[None].astype(np.float32)
    landmarks = label.camera(camera).project(points.positions(coefficients)[0])
    crop = stored_crop(landmarks, size)
    shift = np.append(crop.to_crop(np.zeros(2)), 0.0)
    return WeakPerspectiveCamera(camera.scale * crop.scale, rotation, shift)


def _background(crops: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The corner of some photo's crop, where its face is not, enlarged."""
    size = crops.shape[1]
    corner = crops[random.integers(len(crops)), : size // 4, : size // 4]
    return np.asarray(Image.fromarray(corner).resize((size, size), Image.Resampling.BICUBIC))


def _reordered(basis: PointBasis, names: tuple[str, ...]) -> PointBasis:
    order = [basis.identities + basis.expression_names.index(name) for name in names]
    modes = np.concatenate([basis.modes[: basis.identities], basis.modes[order]])
    return PointBasis.plain(basis.mean, modes, names)
