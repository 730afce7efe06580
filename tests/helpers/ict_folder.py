"""A folder as ICT-FaceKit's FaceXModel, of five vertices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prnet.facemodel.ict_facekit import NEUTRAL

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0.5, 1]], float)
UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.25], [0.75, 0.5]])
MODES = {
    "identity000": np.eye(5, 3),
    "identity001": np.full((5, 3), 0.25),
    "jawOpen": np.arange(15).reshape(5, 3) / 8,
    "eyeBlink_L": -np.eye(5, 3),
}


def write_obj(path: Path, vertices: np.ndarray) -> None:
    lines = ["# comment", "mtllib some.mtl"]
    lines += ["v " + " ".join(f"{value:.9g}" for value in vertex) for vertex in vertices]
    lines += [f"vt {u:.9g} {v:.9g}" for u, v in UV]
    lines += ["usemtl M_Face", "f 1/1 2/2 3/3 4/4", "f 2/5 5/6 3/3"]
    path.write_text("\n".join(lines) + "\n")


def write_ict_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_obj(folder / NEUTRAL, VERTICES)
    for name, mode in MODES.items():
        write_obj(folder / f"{name}.obj", VERTICES + mode)
    (folder / "vertex_indices.json").write_text("{}")
    return folder
