"""A prepared folder to train on: drawn faces, discs whose centre and size the label knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prnet.layout.uv_layout import default_layout

STORED_SIZE = 192


def write_prepared(folder: Path, count: int = 48) -> None:
    random = np.random.default_rng(0)
    layout = default_layout()
    modes = 4
    canonical = layout.canonical * [1, -1, 1]
    blocks = canonical.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    inside = layout.region.reshape(64, 4, 64, 4).all(axis=(1, 3))
    landmarks = layout.sample_landmarks(layout.canonical) * [1, -1, 1]
    middle = landmarks.mean(axis=0)
    grids = {"basis.npz": (blocks, inside), "full_basis.npz": (canonical, layout.region)}
    for name, (grid, within) in grids.items():
        np.savez(
            folder / name,
            grid_inside=within,
            grid_mean=(grid[within] - middle).astype(np.float32),
            grid_offsets=np.zeros((modes, within.sum(), 3), np.float32),
            landmark_mean=(landmarks - middle).astype(np.float32),
            landmark_offsets=np.zeros((modes, 68, 3), np.float32),
        )
    translation = random.uniform(86, 106, (count, 2)).astype(np.float32)
    scale = random.uniform(4.5, 6.0, count).astype(np.float32)
    crops = np.zeros((count, STORED_SIZE, STORED_SIZE, 3), np.uint8)
    y, x = np.mgrid[:STORED_SIZE, :STORED_SIZE]
    for crop, (cx, cy), s in zip(crops, translation, scale, strict=True):
        crop[(x - cx) ** 2 + (y - cy) ** 2 < (8 * s) ** 2] = 200
    np.save(folder / "crops.npy", crops)
    np.savez(
        folder / "samples.npz",
        files=np.array([f"drawn/{i}.jpg" for i in range(count)]),
        held_out=np.arange(count) % 6 == 0,
        coefficients=np.zeros((count, modes), np.float32),
        apart=np.zeros((count, modes), np.float32),
        view=np.tile(np.array([0, 0, 1], np.float32), (count, 1)),
        scale=scale,
        rotation=np.broadcast_to(np.eye(3, dtype=np.float32), (count, 3, 3)),
        translation=translation,
        crop=np.zeros((count, 3)),
        annotated68=np.full((count, 68, 2), np.nan, np.float32),
    )
