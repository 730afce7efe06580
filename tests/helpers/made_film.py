"""Films made up from the sample photo, whose motion is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.video.write import film_writer

RATE = 25
Picture = NDArray[np.uint8]
FACE = (224.0, 115.0)
"""The middle of the sample photo's face, pixels."""
REACH = 110
"""Half the side of the square around it that shows the head."""


@dataclass(frozen=True)
class Place:
    """Where the face's middle is in the frame, how large it is beside the photo's, and the degrees
    by which it is turned clockwise."""

    x: float
    y: float
    scale: float = 1.0
    roll: float = 0.0

    def points(self, of_photo: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (N, 2 or more) of the photo -> (N, 2) of the frame."""
        moved = (of_photo[:, :2] - FACE) @ self._turn().T * self.scale
        return np.asarray(moved + np.array([self.x, self.y]))

    def _turn(self) -> NDArray[np.float64]:
        c, s = np.cos(np.radians(self.roll)), np.sin(np.radians(self.roll))
        return np.array([[c, -s], [s, c]])

    def paint(self, frame: Picture, photo: Picture) -> Picture:
        """The head on the frame."""
        height, width = frame.shape[:2]
        back = self._turn().T / self.scale
        # Pillow counts from the corners of pixels.
        origin = np.array(FACE) + 0.5 - back @ (self.x + 0.5, self.y + 0.5)
        matrix = np.c_[back, origin].ravel().tolist()
        head = Image.fromarray(photo).transform(
            (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
        )
        y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
        round_mask = (np.hypot(x - FACE[0], y - FACE[1]) < REACH).astype(np.uint8) * 255
        mask = Image.fromarray(round_mask).transform(
            (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        return np.asarray(Image.composite(head, Image.fromarray(frame), mask))


def ground(width: int = 480, height: int = 320) -> Picture:
    """An empty frame: soft waves, no face."""
    y, x = np.mgrid[:height, :width]
    waves = 90 + 30 * np.sin(x / 37.0) * np.cos(y / 23.0)
    return np.repeat(waves.astype(np.uint8)[..., None], 3, axis=2)


def scene(*heads: tuple[Place, Picture], size: tuple[int, int] = (480, 320)) -> Picture:
    """A frame with heads, the last in front."""
    frame = ground(*size)
    for place, photo in heads:
        frame = place.paint(frame, photo)
    return frame


def another_person(photo: Picture) -> Picture:
    """Mirrored about the face, with other colours and another light."""
    columns = (2 * int(FACE[0]) - np.arange(photo.shape[1])).clip(0, photo.shape[1] - 1)
    other = photo[:, columns, ::-1].astype(np.float32)
    light = np.linspace(0.4, 1.3, photo.shape[0])[:, None, None]
    return np.asarray((255 - 0.8 * (255 - other * light)).clip(0, 255), np.uint8)


def write_film(path: Path, frames: Iterable[Picture], *, rate: int = RATE) -> Path:
    with film_writer(path, rate=Fraction(rate)) as writer:
        for number, frame in enumerate(frames):
            writer.write(frame, number / rate)
    return path


def numbers(faces: Sequence) -> list[int]:
    return [face.track for face in faces]
