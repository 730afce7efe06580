"""Draw the gallery's picture of textures: taken from the sample photo, filled, painted on, put
back; and the painted face, mirrored and turned, swapped onto the photo.

python tools/draw_textures.py docs/images/textures.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import prnet
from prnet.packaged import SAMPLE_PHOTO

TILE, GAP, CAPTION = 240, 6, 22
SIZE = 512
"""Side of the texture."""


def painted(texture: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A cat's nose and whiskers on a texture; ``landmarks`` (68, 2) in its pixels."""
    mask = Image.new("L", (SIZE, SIZE))
    ink, nose = ImageDraw.Draw(mask), landmarks[30]
    unit = float(np.linalg.norm(landmarks[45] - landmarks[36])) / 10
    x, y = unit * np.eye(2)
    for mouth, side in ((landmarks[48], -x), (landmarks[54], x)):
        cheek = (nose + mouth) / 2 + 1.2 * side
        for rise in (-0.24, 0.3, 0.84):
            root = cheek + 0.4 * side + rise * y
            tip = root + 4 * side + (rise - 0.4) * y
            ink.line([*root, *tip], fill=255, width=round(0.28 * unit))
            ink.ellipse((*(root - side - 0.2 * unit), *(root - side + 0.2 * unit)), fill=255)
    ink.polygon([*(nose - x - y / 2), *(nose + x - y / 2), *(nose + y)], fill=255)
    picture = Image.fromarray(texture)
    soft = mask.filter(ImageFilter.GaussianBlur(unit / 12))
    picture.paste((25, 20, 20), (0, 0, SIZE, SIZE), soft)
    return np.asarray(picture)


def row(tiles: dict[str, NDArray[np.uint8]]) -> Image.Image:
    width = len(tiles) * (TILE + GAP) - GAP
    strip = Image.new("RGB", (width, TILE + CAPTION), "white")
    pen = ImageDraw.Draw(strip)
    for number, (caption, tile) in enumerate(tiles.items()):
        left = number * (TILE + GAP)
        strip.paste(Image.fromarray(tile).resize((TILE, TILE), Image.Resampling.LANCZOS), (left, 0))
        pen.text((left + 2, TILE + 3), caption, fill=(40, 40, 40), font=ImageFont.load_default(13))
    return strip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    reconstruct = prnet.Reconstructor()
    photo = prnet.load_image(SAMPLE_PHOTO)
    (face,) = reconstruct(photo)
    taken, filled = (face.texture(size=SIZE, fill=fill) for fill in (False, True))
    cat = painted(taken, (face.layout.landmarks + 0.5) * SIZE / face.layout.size - 0.5)
    worn = prnet.apply_texture(face, cat)
    turned = Image.fromarray(worn[:, ::-1]).rotate(15, Image.Resampling.BICUBIC, center=(288, 110))
    (reference,) = reconstruct(np.asarray(turned))

    left, top, right, bottom = 140, 15, 310, 185

    def near(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return picture[top:bottom, left:right]

    rows = [
        row({"photo": near(photo), "its texture": taken, "filled": filled, "painted on": cat}),
        row(
            {
                "put back": near(worn),
                "another photo": np.asarray(turned)[top + 30 : bottom + 30, 212:382],
                "its face on the first": near(prnet.swap_face(face, reference)),
                "its nose alone": near(prnet.swap_face(face, reference, region="nose")),
            }
        ),
    ]
    sheet = Image.new("RGB", (rows[0].width, sum(each.height for each in rows)), "white")
    for number, each in enumerate(rows):
        sheet.paste(each, (0, number * each.height))
    sheet.save(parser.parse_args().out, quality=88)


if __name__ == "__main__":
    main()
