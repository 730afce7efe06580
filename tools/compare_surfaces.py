"""How rough predicted surfaces are beside the true ones.

    python tools/compare_surfaces.py ../shared/faces --face-model ict.npz [--model DIR]

Over photos of people that training never sees, each cropped by its true landmarks: the median angle
between the normals of neighbouring triangles, of the network's meshes and of the labels' (a wavy
or jagged surface has larger ones), over the whole face and without neck and ears.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from prnet import Reconstructor
from prnet.evaluation.datasets import open_dataset
from prnet.evaluation.dense import with_dense_truth
from prnet.geometry.mesh import triangle_normals
from prnet.layout.uv_layout import Part, UVLayout

Indices = NDArray[np.integer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, help="folder of labels.npz and the photos")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="by default the package's own")
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()

    reconstruct = Reconstructor(args.model, detector="none")
    layout = reconstruct.layout
    dataset = open_dataset(args.faces, "labels", held_out=True).evenly(args.count)
    dataset = with_dense_truth(dataset, args.face_model, layout=layout, match="known")
    pairs = neighbours(layout.triangles)
    inner = inner_pairs(layout, pairs)
    angles: dict[str, list[list[float]]] = {"network": [], "labels": []}
    for sample in tqdm(dataset.samples):
        assert sample.landmarks is not None
        assert sample.read_dense is not None
        face = reconstruct(sample.read_photo(), landmarks=[sample.landmarks])[0]
        for name, vertices in (("network", face.vertices), ("labels", sample.read_dense())):
            bend = angles_between(np.asarray(vertices, np.float64), layout.triangles, pairs)
            angles[name].append([float(np.median(bend)), float(np.median(bend[inner]))])
    means = {name: np.mean(values, axis=0) for name, values in angles.items()}
    print(f"{len(dataset.samples)} photos, median angle between neighbouring triangles, degrees:")
    for part, name in enumerate(("whole surface", "face without neck and ears")):
        ours, truth = means["network"][part], means["labels"][part]
        print(f"  {name}: network {ours:.3f}, labels {truth:.3f}, ratio {ours / truth:.3f}")


def neighbours(triangles: Indices) -> Indices:
    """(E, 2): pairs of triangles that share an edge."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    owner = np.tile(np.arange(len(triangles)), 3)
    edges = np.sort(edges, axis=1)
    order = np.lexsort(edges.T)
    edges, owner = edges[order], owner[order]
    twins = np.flatnonzero((edges[1:] == edges[:-1]).all(axis=1))
    return np.stack([owner[twins], owner[twins + 1]], axis=1)


def inner_pairs(layout: UVLayout, pairs: Indices) -> NDArray[np.bool_]:
    """(E,): neither triangle on neck or ears."""
    parts = layout.parts[layout.region][layout.triangles]
    outer = np.isin(parts, (Part.NECK, Part.EARS))
    return np.logical_not(outer[pairs].any(axis=(1, 2)))


def angles_between(
    vertices: NDArray[np.float64], triangles: Indices, pairs: Indices
) -> NDArray[np.float64]:
    """(E,) degrees between the normals of each pair of triangles."""
    normals = triangle_normals(vertices[triangles])
    one, other = normals[pairs[:, 0]], normals[pairs[:, 1]]
    # atan2 keeps small angles exact where arccos does not.
    sine = np.linalg.norm(np.cross(one, other), axis=1)
    return np.degrees(np.arctan2(sine, (one * other).sum(axis=1)))


if __name__ == "__main__":
    main()
