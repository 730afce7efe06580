"""Make the package's UV layout and the chart that training reads, from ICT-FaceKit's model.

    python tools/make_uv_layout.py ict.npz correspondence.npz labels.npz

``correspondence.npz`` gives three model vertices and barycentric weights for each of the 68
landmarks, ``labels.npz`` the coefficients whose mean is the canonical face. Writes
``src/prnet/data/uv_layout.npz``, ``src/prnet/data/training/ict_chart.npz`` and the pictures of
``docs/uv-layout.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from closed_surface import CHART_VERTICES, EYEBALL_VERTICES, ClosedSurface, close_surface
from uv_chart import SIZE, flatten

from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.position_map import Chart
from prnet.geometry.rasterize import rasterize
from prnet.layout.uv_layout import Part, UVLayout
from prnet.packaged import DATA, TRAINING_DATA


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("correspondence", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--flat", type=Path, help="cache of the flattened chart")
    arguments = parser.parse_args()

    model = MorphableModel.load(arguments.model)
    surface = close_surface(model)
    neutral = surface.combine @ model.neutral.astype(np.float64)
    if arguments.flat and arguments.flat.exists():
        flat = np.load(arguments.flat)
    else:
        flat = flatten(surface, neutral)
        if arguments.flat:
            np.save(arguments.flat, flat)

    sampling = sample_pixels(flat, surface)
    combination = (sampling @ surface.combine).tocsr()
    combination.sort_indices()
    rigid = np.zeros(len(model.neutral), bool)
    rigid[EYEBALL_VERTICES] = True
    chart = Chart(
        start=combination.indptr.astype(np.int64),
        vertex=combination.indices.astype(np.int32),
        weight=combination.data.astype(np.float32),
        rigid=rigid,
    )
    TRAINING_DATA.mkdir(exist_ok=True)
    chart.save(TRAINING_DATA / "ict_chart.npz")

    layout = UVLayout(
        name="prnet-ict",
        region=chart.region,
        landmarks=symmetric_landmarks(flat, arguments.correspondence),
        parts=parts_of(sampling @ neutral, chart.region),
        canonical=canonical_map(model, chart, arguments.labels),
        openings=(sampling[:, CHART_VERTICES:].getnnz(axis=1) > 0).reshape(SIZE, SIZE),
    )
    layout.save(DATA / "uv_layout.npz")
    report(layout)


def sample_pixels(flat: np.ndarray, surface: ClosedSurface) -> sp.csr_matrix:
    """(65536, N) barycentric weights of the closed vertices at the pixel centres.

    The left half is sampled and mirrored, so that the layout is symmetric to the pixel.
    """
    triangles = short_diagonal_triangles(flat, surface.polygons)
    raster = rasterize(np.column_stack([flat, np.zeros(len(flat))]), triangles, SIZE, SIZE)
    left = raster.triangle_id[:, : SIZE // 2] >= 0
    rows, columns = np.nonzero(left)
    corners = triangles[raster.triangle_id[rows, columns]]
    weights = raster.barycentric[rows, columns].astype(np.float64)
    pixels = rows * SIZE + columns
    mirrored = rows * SIZE + SIZE - 1 - columns
    return sp.csr_matrix(
        (
            np.concatenate([weights, weights]).ravel(),
            (
                np.repeat(np.concatenate([pixels, mirrored]), 3),
                np.concatenate([corners, surface.mirror[corners]]).ravel(),
            ),
        ),
        shape=(SIZE * SIZE, len(flat)),
    )


def short_diagonal_triangles(flat: np.ndarray, polygons: np.ndarray) -> np.ndarray:
    corners = flat[polygons]
    across = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1)
    other = np.linalg.norm(corners[:, 1] - corners[:, 3], axis=1)
    triangle = polygons[:, 2] == polygons[:, 3]
    falling = polygons[~triangle & (across <= other)]
    rising = polygons[~triangle & (across > other)]
    return np.concatenate(
        [
            falling[:, [0, 1, 2]],
            falling[:, [0, 2, 3]],
            rising[:, [0, 1, 3]],
            rising[:, [1, 2, 3]],
            polygons[triangle][:, :3],
        ]
    )


def symmetric_landmarks(flat: np.ndarray, correspondence: Path) -> np.ndarray:
    """(68, 2) float32 (column, row), each averaged with its mirror image's partner."""
    from prnet.geometry.mirror import MIRRORED_LANDMARKS

    with np.load(correspondence) as arrays:
        corners = flat[arrays["landmarks68_vertices"]]
        landmarks = (corners * arrays["landmarks68_weights"][..., None]).sum(axis=1)
    mirrored = landmarks[MIRRORED_LANDMARKS] * [-1, 1] + [SIZE - 1, 0]
    print(f"landmarks: largest asymmetry {np.abs(landmarks - mirrored).max():.2f} UV pixels")
    return ((landmarks + mirrored) / 2).astype(np.float32)


def parts_of(points: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Label pixels by where their neutral point (65536, 3) lies on the model (cm)."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    parts = np.full(len(points), Part.FACE, np.uint8)
    parts[(y < -9.2) | ((y < -6.5) & (z < 6.0)) | ((y < -3) & (z < 1.5))] = Part.NECK
    parts[(z < 3.2) & (x > 6.85) & (y > -3)] = Part.EARS
    parts[(x < 1.9 - 0.22 * (y + 1.4)) & (y > -1.6) & (y < 3.2)] = Part.NOSE
    parts[((x / 3.1) ** 2 + ((y + 3.4) / 1.5) ** 2 < 1) & (z > 5)] = Part.MOUTH
    parts[((x - 3.2) / 2.35) ** 2 + ((y - 3.7) / 1.7) ** 2 < 1] = Part.EYES
    return np.where(region, parts.reshape(region.shape), np.uint8(Part.OUTSIDE))


def canonical_map(model: MorphableModel, chart: Chart, labels: Path) -> np.ndarray:
    """The mean of the training maps, their cameras removed: (256, 256, 3), y down, cm."""
    with np.load(labels) as arrays:
        names = tuple(str(name) for name in arrays["expression_names"])
        mean = [arrays[key].astype(np.float32).mean(axis=0) for key in ("identity", "expression")]
    vertices = model.neutral + np.tensordot(mean[0], model.identity.astype(np.float32), 1)
    expression = np.tensordot(mean[1], model.expression_basis(names).astype(np.float32), 1)
    expression[chart.rigid] = 0
    pixels = np.flatnonzero(chart.region)
    rows = np.zeros((SIZE * SIZE, 3), np.float32)
    rows[pixels] = chart.apply(vertices + expression, pixels) * [1, -1, 1]
    canonical = rows.reshape(SIZE, SIZE, 3)
    return (canonical + canonical[:, ::-1] * [-1, 1, 1]).astype(np.float32) / 2


def report(layout: UVLayout) -> None:
    total = layout.region.sum()
    shares = {part.name: f"{(layout.parts == part).sum() / total:.1%}" for part in Part if part}
    print(f"{total} pixels, {len(layout.triangles)} triangles; {shares}")


if __name__ == "__main__":
    main()
