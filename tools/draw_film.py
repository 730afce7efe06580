"""Draw the short moving picture of docs/video.md: the sample photo under a made-up camera move.

python tools/draw_film.py docs/images/film.webp
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from prnet import follow, load_image
from prnet.facemodel.arkit.curves import PersonCurves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.packaged import SAMPLE_PHOTO
from prnet.video.outputs import draw_faces

SIZE, RATE, SECONDS = (320, 240), 12, 3
EDGE = 160
"""Pixels by which the photo's edge goes on above and beside it."""
SHOWN = ("mouthSmileLeft", "mouthSmileRight", "jawOpen", "eyeBlinkLeft", "browInnerUp")
BAR, INK, GREY = (36, 120, 196), (40, 40, 40), (225, 228, 232)


def moved(photo: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The photo seen by a camera that circles, comes nearer and rolls; ``share`` of its way."""
    angle = 2 * np.pi * share
    zoom, roll = 1.0 + 0.25 * np.sin(angle), np.radians(14 * np.sin(angle + 1))
    c, s = np.cos(roll) / zoom, np.sin(roll) / zoom
    x, y = 224 + EDGE + 26 * np.cos(angle), 125 + EDGE + 16 * np.sin(2 * angle)
    middle = SIZE[0] / 2, SIZE[1] / 2
    matrix = (c, s, x - c * middle[0] - s * middle[1], -s, c, y + s * middle[0] - c * middle[1])
    picture = Image.fromarray(np.pad(photo, ((EDGE, 0), (EDGE, EDGE), (0, 0)), mode="edge"))
    seen = picture.transform(SIZE, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    return np.asarray(seen)


def drawn(picture: NDArray[np.uint8], curves: NDArray[np.float64]) -> Image.Image:
    """The picture, and bars of some curves."""
    sheet = Image.new("RGB", (SIZE[0] + 180, SIZE[1]), "white")
    sheet.paste(Image.fromarray(picture), (0, 0))
    canvas = ImageDraw.Draw(sheet)
    for row, name in enumerate(SHOWN):
        x, y = SIZE[0] + 14, 18 + 44 * row
        canvas.text((x, y), name, fill=INK, font=ImageFont.load_default(13))
        canvas.rectangle((x, y + 19, x + 150, y + 29), fill=GREY)
        canvas.rectangle((x, y + 19, x + 150 * curves[ARKIT_NAMES.index(name)], y + 29), fill=BAR)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path)
    path = parser.parse_args().picture
    photo, person, sheets = load_image(SAMPLE_PHOTO), PersonCurves(), []
    shares = np.arange(RATE * SECONDS) / (RATE * SECONDS)
    for frame, faces in follow((moved(photo, share) for share in shares), rate=RATE):
        sheets.append(drawn(draw_faces(frame.image, faces), person(faces[0])))
    sheets[0].save(
        path, save_all=True, append_images=sheets[1:], duration=1000 // RATE, loop=0, quality=60
    )


if __name__ == "__main__":
    main()
