"""The README's moving picture: the sample photo, its overlay, and the face turning and talking.

    python tools/draw_moving.py --out docs/images/moving.webp

The photo is in the public domain (NASA); jaw and lips move by the package's face model.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import prnet
from prnet.appearance.render import render_view
from prnet.facemodel.position_map import Chart, MapBasis
from prnet.facemodel.quantised import face_model
from prnet.packaged import SAMPLE_PHOTO

SIDE, FRAMES, MILLISECONDS = 300, 36, 70
SWING = 38
"""Degrees to each side."""
TALK = ("jawOpen", "mouthFunnel")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    (face, *_) = prnet.Reconstructor()(SAMPLE_PHOTO)
    texture = face.texture(size=512, fill=True)
    layout, camera = face.layout, face.camera
    pixels = np.flatnonzero(layout.region)
    offsets = MapBasis.from_model(face_model(), Chart.load(), TALK, pixels).offsets[-len(TALK) :]
    moves = camera.scale * offsets @ camera.rotation.T * [1, -1, 1]
    photo = beside(face)
    frames = []
    for turn in np.linspace(0, 2 * np.pi, FRAMES, endpoint=False):
        open_jaw, funnel = 0.5 * np.sin(2 * turn) ** 2, 0.6 * np.sin(3 * turn) ** 2
        talking = face.position_map.copy().reshape(-1, 3)
        talking[pixels] += (open_jaw * moves[0] + funnel * moves[1]).astype(np.float32)
        moved = replace(face, position_map=talking.reshape(face.position_map.shape))
        yaw = SWING * np.sin(turn)
        views = [
            render_view(moved, yaw=yaw, size=SIDE, texture=texture),
            render_view(moved, yaw=yaw, size=SIDE, style="shaded"),
        ]
        frames.append(Image.fromarray(np.concatenate([photo, *views], axis=1)))
    frames[0].save(
        parser.parse_args().out,
        save_all=True,
        append_images=frames[1:],
        duration=MILLISECONDS,
        loop=0,
        quality=60,
        method=6,
    )


def beside(face: prnet.Face) -> np.ndarray:
    """The photo with its overlay, cut to the head."""
    assert face.image is not None
    x0, y0, x1, y1 = prnet.Box.around(face.vertices).xyxy
    half = 0.75 * max(x1 - x0, y1 - y0)
    height, width = face.image.shape[:2]
    x = float(np.clip((x0 + x1) / 2, half, width - 1 - half))
    y = float(np.clip((y0 + y1) / 2, half, height - 1 - half))
    whole = 4
    large = Image.fromarray(face.image).resize([whole * side for side in face.image.shape[1::-1]])
    moved = face.position_map * np.float32(whole) + np.array([1.5, 1.5, 0], np.float32)
    drawn = prnet.overlay(np.asarray(large), [replace(face, position_map=moved)])
    left, top, side = (whole * number for number in (x - half + 0.5, y - half + 0.5, 2 * half))
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(drawn).crop(box).resize((SIDE, SIDE)))


if __name__ == "__main__":
    main()
