"""Meshes in the layout that the NoW benchmark's own program reads.

For each image SUBJECT/CHALLENGE/NAME.jpg of the list: SUBJECT/CHALLENGE/NAME.obj without colours
(its reader knows none) and NAME.npy, seven landmarks (7, 3) of that mesh. The program aligns with
rotation, translation and scale, so the unit (pixels) does not matter. It needs the scans, which
the benchmark gives under an agreement of its own: https://now.is.tue.mpg.de
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from prnet.errors import PrnetError, in_words
from prnet.face import Face
from prnet.files.arrays import write_array
from prnet.files.atomic import write_bytes
from prnet.files.text import read_text
from prnet.formats.obj import obj_bytes
from prnet.geometry.camera import FLIP_Y
from prnet.reconstruct import Reconstructor

LISTS = ("imagepathsvalidation.txt", "imagepathstest.txt")
PHOTOS = "iphone_pictures"
SEVEN_LANDMARKS = (36, 39, 42, 45, 33, 48, 54)
"""Zero-based iBUG points: corners of the right and the left eye, nose base, mouth corners."""


def write_now_predictions(
    dataset: Path,
    reconstruct: Reconstructor,
    out: Path,
    *,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> tuple[int, dict[str, str]]:
    """Reconstruct the listed images (``dataset``: the benchmark's folder, or a list of image
    paths beside its ``iphone_pictures``); the largest face of each.

    Returns how many were written, and why others were not: the benchmark's program counts them as
    missing.
    """
    photos, names = _listed(dataset)
    written, failures = 0, {}
    for name in progress(names):
        try:
            faces = reconstruct(photos / name)
            if not faces:
                raise PrnetError("no face detected")
            _write(out / PurePosixPath(name).with_suffix(""), faces[0])
            written += 1
        except Exception as error:  # whatever it is, the other photos go on
            failures[name] = in_words(error)
    return written, failures


def _listed(dataset: Path) -> tuple[Path, list[str]]:
    lists = [dataset] if dataset.is_file() else [dataset / name for name in LISTS]
    found = [path for path in lists if path.is_file()]
    if not found:
        raise PrnetError(f"{dataset}: expected {' or '.join(LISTS)}, got none")
    texts = [read_text(path, "a list of images") for path in found]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    names = ["/".join(PurePosixPath(line).parts[-3:]) for line in lines if line]
    return found[0].parent / PHOTOS, names


def _write(stem: Path, face: Face) -> None:
    """Head axes, y up, for the mesh and its landmarks alike."""
    mesh = obj_bytes(face.vertices * FLIP_Y, face.triangles)
    write_bytes(stem.with_name(stem.name + ".obj"), mesh)
    landmarks = face.landmarks[list(SEVEN_LANDMARKS)] * FLIP_Y
    write_array(stem.with_name(stem.name + ".npy"), landmarks)
