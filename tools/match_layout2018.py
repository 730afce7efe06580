"""Learn where the 2018 release's vertices lie in our UV layout, so that its drop-in can use our
network.

    python tools/match_layout2018.py UV_DATA

UV_DATA is the release's ``Data/uv-data`` folder (MIT licence). Its mean face is bent onto ours,
from stiff to soft, by the 68 landmarks and by the nearest places of the two surfaces (nonrigid ICP
after Amberg et al., "Optimal step nonrigid ICP algorithms for surface registration", CVPR 2007,
with a Laplacian for stiffness). Then every vertex takes the place of our chart where it came to
lie, the field of places is smoothed, and the release's landmark pixels get ours exactly.

Writes ``src/prnet/data/layout2018.npz``, which `prnet.release2018.resample` reads. Nothing of the
release's files is in it but which pixels are vertices: that is what callers' indices mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from prnet.files.arrays import write_arrays
from prnet.geometry.camera import align_similarity
from prnet.geometry.mesh import vertex_normals
from prnet.geometry.sampling import sample_bilinear
from prnet.layout.layout2018 import read_uv_folder
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.release2018.resample import STEPS, TABLE

FINE = 4
"""Our surface is searched at so many places a pixel, each way."""
STIFFNESS = (300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 1.0)
"""Weight of the Laplacian of the movement, from round to round."""
LANDMARK_WEIGHT = 5.0
FARTHEST = 0.5
"""Centimetres to the nearest place: beyond, a vertex does not pull, nor where normals disagree."""
SMOOTHING = 4.0
"""Weight of the Laplacian of the final field of places."""
EXACT = 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("uv_data", type=Path)
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    theirs, ours = read_uv_folder(arguments.uv_data), default_layout()
    places, scale, shift = match(theirs, ours)
    rows = theirs.region
    write_arrays(
        arguments.out,
        {
            "first": np.where(rows.any(axis=1), rows.argmax(axis=1), 0).astype(np.int32),
            "count": rows.sum(axis=1).astype(np.int32),
            "places": np.rint(np.clip(places, 0, 255) * STEPS).astype(np.uint16),
            "frame": np.array([scale, *shift], np.float32),
        },
    )
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


def match(theirs: UVLayout, ours: UVLayout) -> tuple[np.ndarray, float, np.ndarray]:
    """(V, 2) places in our chart, and the similarity (scale, shift) from our face to theirs."""
    source = theirs.canonical_vertices.astype(np.float64)
    pixels = np.rint(theirs.landmarks).astype(int)
    marks = theirs.vertex_index[pixels[:, 1], pixels[:, 0]]
    goals = ours.sample_landmarks(ours.canonical).astype(np.float64)
    scale, rotation, shift = align_similarity(source[marks], goals)
    start = scale * source @ rotation.T + shift
    columns, surface, normals = fine_surface(ours)
    tree, laplacian = cKDTree(surface), grid_laplacian(theirs)
    moved = np.zeros_like(start)
    for stiffness in STIFFNESS:
        here = start + moved
        distance, nearest = tree.query(here)
        facing = (vertex_normals(here, theirs.triangles) * normals[nearest]).sum(axis=1)
        pull = np.where((distance < FARTHEST * max(stiffness, 10) / 10) & (facing > 0.5), 1.0, 0.0)
        weight = pull.copy()
        weight[marks] += LANDMARK_WEIGHT * stiffness
        target = pull[:, None] * (surface[nearest] - start)
        target[marks] += LANDMARK_WEIGHT * stiffness * (goals - start[marks])
        system = sp.diags(weight + 1e-6) + stiffness * (laplacian.T @ laplacian)
        moved = splu(system.tocsc()).solve(target)
        here = start + moved
        off = np.linalg.norm(here[marks] - goals, axis=1)
        print(
            f"stiffness {stiffness:g}: {distance.mean():.3f} cm to our surface, "
            f"{(pull > 0).mean():.1%} pull; landmarks {off.mean():.3f} cm"
        )
    distance, nearest = tree.query(here)
    facing = (vertex_normals(here, theirs.triangles) * normals[nearest]).sum(axis=1)
    trust = np.clip(1 - distance / FARTHEST, 0, 1) * np.clip(facing, 0, 1) ** 2
    trust[marks] += EXACT
    wanted = columns[nearest].astype(np.float64)
    wanted[marks] = ours.landmarks
    system = sp.diags(trust + 1e-4) + SMOOTHING * (laplacian.T @ laplacian)
    places = splu(system.tocsc()).solve((trust + 1e-4)[:, None] * wanted)
    report(theirs, ours, places, here, marks)
    inner, aim = goals[17:], source[marks][17:]
    size = float(np.sqrt(aim.var(axis=0).sum() / inner.var(axis=0).sum()))
    return places, size, aim.mean(axis=0) - size * inner.mean(axis=0)


def fine_surface(ours: UVLayout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places in the chart (N, 2), points (N, 3) and normals (N, 3) of our canonical surface."""
    normals = np.zeros_like(ours.canonical)
    normals[ours.region] = vertex_normals(ours.canonical_vertices, ours.triangles)
    steps = np.arange(0, ours.size - 1 + 1e-9, 1 / FINE)
    places = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    corner, next_one = np.floor(places).astype(int), np.ceil(places).astype(int)
    inside = np.ones(len(places), bool)
    for x in (corner[:, 0], next_one[:, 0]):
        for y in (corner[:, 1], next_one[:, 1]):
            inside &= ours.region[y, x]
    places = places[inside]
    return places, sample_bilinear(ours.canonical, places), sample_bilinear(normals, places)


def grid_laplacian(layout: UVLayout) -> sp.csr_matrix:
    """(V, V): each vertex less the mean of its neighbours on the pixel grid."""
    index = layout.vertex_index
    pairs = []
    for one, other in ((index[:, :-1], index[:, 1:]), (index[:-1], index[1:])):
        both = (one >= 0) & (other >= 0)
        pairs.append(np.stack([one[both], other[both]], axis=1))
    edges = np.concatenate([*pairs, *(pair[:, ::-1] for pair in pairs)])
    count = len(layout.vertex_pixels)
    adjacency = sp.csr_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    return sp.identity(count) - sp.diags(1 / degree) @ adjacency


def report(theirs, ours, places, bent, marks) -> None:
    triangles = theirs.triangles
    a, b, c = (places[triangles[:, i]] for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    outside = ~ours.region[tuple(np.clip(np.rint(places), 0, 255).astype(int).T[::-1])]
    landed = sample_bilinear(ours.canonical, places)
    off = np.linalg.norm(landed - bent, axis=1)
    print(
        f"flipped triangles {(np.sign(area) != np.sign(np.median(area))).mean():.3%}, "
        f"outside our region {outside.mean():.2%}, "
        f"surface to surface {np.median(off):.3f} cm median, {np.percentile(off, 95):.3f} cm 95 %"
    )


if __name__ == "__main__":
    main()
