"""The 2018 release's uv-data folder, made up."""

import numpy as np


def write_folder(folder):
    """A small layout of the same format: a square region, a tilted plane for a face."""
    region = np.zeros((256, 256), bool)
    region[100:160, 80:180] = True
    np.savetxt(folder / "face_ind.txt", np.flatnonzero(region))
    rows, columns = np.nonzero(region)
    landmarks = np.random.default_rng(0).integers(100, 160, (2, 68))
    np.savetxt(folder / "uv_kpt_ind.txt", landmarks)
    canonical = np.stack([columns - 128.0, rows - 100.0, 100 - 0.5 * rows], axis=1)
    np.save(folder / "canonical_vertices.npy", canonical)
    return region, landmarks, canonical
