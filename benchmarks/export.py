"""Medians of mesh files and face swaps: python benchmarks/export.py

CPU time of one core; run with OMP_NUM_THREADS=1. The faces are the sample photo's, enlarged to
1000x1000 pixels; files are written to a temporary folder.
"""

from __future__ import annotations

import platform
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from rasterize import cpu_name, median_ms

from prnet import Face, Reconstructor, load_image
from prnet.appearance.swap import swap_face
from prnet.formats.meshes import write_glb
from prnet.formats.output import SaveOptions, Writer
from prnet.formats.table import FACE_OUTPUTS
from prnet.packaged import SAMPLE_PHOTO

SIZE = 512
GLB_LIMIT, SWAP_LIMIT = 50, 1000
"""The project's limits in ms."""


def fresh(face: Face) -> Face:
    """The face without anything computed before."""
    return replace(face)


def report(name: str, milliseconds: float, limit: float | None = None) -> None:
    print(f"{milliseconds:7.1f} ms  {name}" + (f" (limit {limit} ms)" if limit else ""))


def main() -> None:
    print(f"{cpu_name()}, Python {platform.python_version()}, NumPy {np.__version__}, one core")
    photo = Image.fromarray(load_image(SAMPLE_PHOTO))
    portrait = photo.crop((80, 0, 380, 300)).resize((1000, 1000))
    reconstruct = Reconstructor(threads=1)
    image = np.asarray(portrait)
    face = reconstruct(image)[0]
    mirrored = reconstruct(np.ascontiguousarray(image[:, ::-1]))[0]
    height = np.ptp(face.vertices[:, 1])
    print(f"{len(face.triangles)} triangles, face {height:.0f} pixels high, texture {SIZE}x{SIZE}")
    texture = face.texture(size=SIZE, fill=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        report(
            "glb, texture at hand",
            median_ms(lambda: write_glb(face, path / "face.glb", SaveOptions(texture=texture))),
            GLB_LIMIT,
        )
        for kind in ("glb", "obj", "obj-plain", "obj-texture", "ply", "mat", "npz"):
            write, name = FACE_OUTPUTS[kind].write, f"face{FACE_OUTPUTS[kind].ending}"
            report(
                f"{kind}, all from the map", median_ms(partial(_write, write, face, path / name))
            )
    swap = median_ms(lambda: swap_face(fresh(face), fresh(mirrored)))
    report("swap of two 1000x1000 photos", swap, SWAP_LIMIT)


def _write(write: Writer, face: Face, path: Path) -> None:
    write(fresh(face), path, SaveOptions())


if __name__ == "__main__":
    main()
