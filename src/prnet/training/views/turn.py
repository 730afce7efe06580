"""Out-of-plane views of the prepared photos, as shards beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.facemodel.quantised import face_model
from prnet.files.arrays import write_array, write_arrays
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import WeakPerspectiveCamera, yaw_degrees
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.training.data.joined import joined_labels
from prnet.training.data.prepare import edge_padded_crop
from prnet.training.data.prepared_files import CROPS, map_crops, read_samples
from prnet.training.views.anchors import Topology
from prnet.training.views.profiling import PhotoMesh, head_turn

VIEW_STEP = 4
"""Views are rendered from a mesh of every fourth UV pixel."""
SHARD = 2000
OTHER_EXPRESSIONS = 1 / 3
"""Share of the views that show another expression than their photo."""
OTHER_IDENTITIES = 1 / 2
OTHER_IDENTITY_DEVIATION = 0.7
"""Share of the views that show another head than their photo, and how far its coefficients are
from the photo's; one is what people differ by."""
FRONTAL_YAW = 40.0

Floats = NDArray[np.float32]


def turn_views(
    labels: Sequence[Path],
    photos: Sequence[Path],
    model: Path | None,
    out: Path,
    *,
    shard: int,
    seed: int = 0,
) -> None:
    """Render the ``shard``-th 2000 photos (in a random order of their own) turned out of plane.

    Target yaws are uniform over 15..90 degrees to the side that the face already looks to (the
    mirror gives the other), pitch changes by up to 25 degrees. A third shows another expression
    than the photo (`another_expression`), half another head (`another_identity`), those at yaws
    from 0. Photos whose heads are turned beyond 40 degrees stay as they are: half of their mesh is
    a guess.
    """
    samples = read_samples(out)
    names = tuple(map(str, joined_labels(labels)["expression_names"]))
    frontal = np.flatnonzero(np.abs(yaw_degrees(samples["rotation"])) < FRONTAL_YAW)
    if not len(frontal):
        raise PrnetError(
            f"{out}: expected a photo of a head turned less than {FRONTAL_YAW:g} degrees to make "
            "views of, got none (--shards 0:0 makes none)"
        )
    order = np.random.default_rng(seed).permutation(frontal)
    cycle, first = divmod(shard * SHARD, len(order))
    rows = np.concatenate([order, order])[first : first + SHARD]
    random = np.random.default_rng([seed, shard, cycle])

    mesh = ViewMesh.make(face_model(model), names)
    store = PhotoStore(*photos)
    size = map_crops(out / CROPS, len(samples["files"])).shape[1]
    views = np.zeros((len(rows), size, size, 3), np.uint8)
    cameras: dict[str, list[Any]] = {"scale": [], "rotation": [], "translation": []}
    coefficients, apart = samples["coefficients"][rows], samples["apart"][rows]
    view_axes = samples["view"][rows]
    for i, row in enumerate(tqdm(rows, desc=f"turned views {shard}", mininterval=10)):
        x, y, length = samples["crop"][row].tolist()
        crop = CropTransform(x, y, length, size)
        photo = edge_padded_crop(store[str(samples["files"][row])], crop)
        camera = WeakPerspectiveCamera(
            float(samples["scale"][row]),
            samples["rotation"][row],
            np.append(samples["translation"][row], np.float32(0)),
        )
        shown = apart[i], view_axes[i]
        vertices = mesh.place(coefficients[i], camera, *shown)
        before = coefficients[i].copy()
        if random.random() < OTHER_EXPRESSIONS:
            coefficients[i] = another_expression(coefficients[i], names, random)
        if random.random() < OTHER_IDENTITIES:
            coefficients[i] = another_identity(coefficients[i], len(names), random)
        moved = None
        if (coefficients[i] != before).any():
            moved = mesh.place(coefficients[i], camera, *shown)
        around, _ = head_turn(camera.rotation)
        side = 1.0 if around >= 0 else -1.0
        target = side * random.uniform(15 if moved is None else 0, 90)
        forward = random.uniform(-25, 25)
        background = views[random.integers(i)] if i and random.random() < 0.3 else None
        view = PhotoMesh(photo, vertices, mesh.topology, camera).turn(
            float(target - around), float(forward), background=background, moved=moved
        )
        views[i] = view.image
        cameras["scale"].append(view.camera.scale)
        cameras["rotation"].append(view.camera.rotation)
        cameras["translation"].append(view.camera.translation[:2])
    path = out / f"turned-{shard:03d}"
    write_array(path.with_suffix(".npy"), views)
    arrays = {key: np.array(values, np.float32) for key, values in cameras.items()}
    arrays |= {"sample": rows, "coefficients": coefficients.astype(np.float16)}
    arrays |= {"apart": apart.astype(np.float16), "view": view_axes}
    write_arrays(path.with_suffix(".npz"), arrays, compressed=False)


def another_expression(
    coefficients: Floats, names: tuple[str, ...], random: np.random.Generator
) -> Floats:
    """Coefficients (I + E,) with eyes that close, a mouth that opens or closes, or both.

    Research photos show few closed eyes, so networks never learn them (3DDFA's issue 121).
    """
    changed = coefficients.copy()
    values = changed[len(changed) - len(names) :]
    closes, moves = random.choice([(True, False), (False, True), (True, True)])
    if closes:
        blink = [names.index(f"eyeBlink_{side}") for side in "LR"]
        wide = [names.index(f"eyeWide_{side}") for side in "LR"]
        values[blink] = np.maximum(values[blink], random.uniform(0.5, 1.1))
        values[wide] = 0
    if moves:
        values[names.index("jawOpen")] = random.uniform(0, 0.8)
    return changed


def another_identity(coefficients: Floats, expressions: int, random: np.random.Generator) -> Floats:
    """Coefficients (I + E,) of another head: what depth looks like from the side is seen in views
    alone, and a network that has only ever seen its labels' heads there learns the mean one."""
    changed = coefficients.copy()
    identities = len(changed) - expressions
    changed[:identities] += random.normal(0, OTHER_IDENTITY_DEVIATION, identities)
    return changed


class ViewMesh:
    """The coarse closed mesh that views are rendered from."""

    def __init__(self, basis: MapBasis, topology: Topology) -> None:
        self.basis, self.topology = basis, topology

    def place(
        self, coefficients: Floats, camera: WeakPerspectiveCamera, apart: Floats, view: Floats
    ) -> Floats:
        """Vertices (V, 3) in the image frame of ``camera``; ``apart`` (I + E,), ``view`` (3,): see
        `MapBasis.positions`."""
        positions = self.basis.positions(coefficients[None], apart[None], view[None])[0]
        return camera.project(positions).astype(np.float32)

    @classmethod
    def make(cls, model: MorphableModel, names: tuple[str, ...]) -> ViewMesh:
        """Every `VIEW_STEP`-th pixel of the layout, symmetric about the middle column."""
        layout = default_layout()
        half = np.arange(0, layout.size // 2, VIEW_STEP)
        lines = np.concatenate([half, layout.size - 1 - half[::-1]])
        coarse = UVLayout(
            name="coarse",
            region=layout.region[np.ix_(lines, lines)],
            landmarks=layout.landmarks,
            parts=layout.parts[np.ix_(lines, lines)],
            canonical=layout.canonical[np.ix_(lines, lines)],
        )
        rows, columns = coarse.vertex_pixels.T
        pixels = lines[rows] * layout.size + lines[columns]
        mirror = coarse.vertex_index[rows, len(lines) - 1 - columns]
        basis = MapBasis.from_model(model, Chart.load(), names, pixels)
        return cls(basis, Topology(coarse.triangles, mirror))
