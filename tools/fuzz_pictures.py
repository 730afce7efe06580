"""Damaged pictures for `load_image`: every format that Pillow writes here.

python tools/fuzz_pictures.py --count 2000 --seed 0
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fuzz import Subject, run
from PIL import Image

from prnet.files.image import load_image

SIZE = (40, 56)

FORMATS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("plain.jpg", "RGB", {"quality": 90}),
    ("progressive.jpg", "RGB", {"progressive": True, "subsampling": 2}),
    ("grey.jpg", "L", {}),
    ("cmyk.jpg", "CMYK", {}),
    ("turned.jpg", "RGB", {"exif": 6}),
    ("plain.png", "RGB", {}),
    ("alpha.png", "RGBA", {}),
    ("palette.png", "P", {"transparency": 0}),
    ("sixteen.png", "I;16", {}),
    ("bits.png", "1", {}),
    ("lossy.webp", "RGB", {}),
    ("lossless.webp", "RGBA", {"lossless": True}),
    ("plain.bmp", "RGB", {}),
    ("palette.bmp", "P", {}),
    ("plain.tif", "RGB", {}),
    ("lzw.tif", "RGB", {"compression": "tiff_lzw"}),
    ("deflate.tif", "RGBA", {"compression": "tiff_adobe_deflate"}),
    ("jpeg.tif", "RGB", {"compression": "jpeg"}),
    ("sixteen.tif", "I;16", {}),
    ("float.tif", "F", {}),
    ("group4.tif", "1", {"compression": "group4"}),
    ("plain.gif", "P", {}),
    ("plain.ppm", "RGB", {}),
    ("sixteen.pgm", "I;16", {}),
    ("bits.pbm", "1", {}),
    ("plain.jp2", "RGB", {}),
    ("plain.avif", "RGB", {}),
)


def subjects(folder: Path) -> Sequence[Subject]:
    """Those that this Pillow can write."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    ramp = np.stack([rows * 6, columns * 4, rows + columns], axis=-1)
    picture = Image.fromarray((ramp + random.integers(0, 20, ramp.shape)).clip(0, 255).astype("u1"))
    found = []
    for name, mode, options in FORMATS:
        path = folder / name
        try:
            _in_mode(picture, mode).save(path, **_options(options))
        except (OSError, ValueError, KeyError):
            print(f"{name}: this Pillow cannot write it", file=sys.stderr)
            continue
        found.append(Subject(name, path.read_bytes(), _read))
    return found


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(picture.convert("L"), np.float32) / 255)
    if mode == "RGBA":
        picture = picture.copy()
        picture.putalpha(picture.getchannel("R"))
        return picture
    return picture.convert(mode)


def _options(options: dict[str, Any]) -> dict[str, Any]:
    if "exif" not in options:
        return options
    exif = Image.Exif()
    exif[0x0112] = options["exif"]
    return {"exif": exif}


def _read(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow's on broken EXIF data
        image = load_image(path)
        same = load_image(path.read_bytes())
    assert image.dtype == np.uint8, image.dtype
    assert image.ndim == 3, image.shape
    assert image.shape[2] == 3, image.shape
    assert np.array_equal(image, same), "another picture from the same bytes"


if __name__ == "__main__":
    sys.exit(run(subjects, __doc__ or ""))
