"""One texture a person, fused over a film's frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prnet.appearance.fused import FusedTexture
from prnet.face import Face
from prnet.files.atomic import write_bytes
from prnet.files.image import image_bytes
from prnet.video.curves import by_track
from prnet.video.frames import Frame

EVERY: Final = 0.2
"""Seconds between two frames that are taken of a person: those between look the same."""


class PersonTexture:
    """A person's texture in the making."""

    def __init__(self) -> None:
        self._fused, self._last, self._frames = FusedTexture(), -EVERY, 0

    def __len__(self) -> int:
        return self._frames

    def add(self, seconds: float, face: Face) -> None:
        self._frames += 1
        if not 0 <= seconds - self._last < EVERY - 1e-6:
            self._last = seconds
            self._fused.add(face)

    def png(self) -> bytes:
        return image_bytes(self._fused.picture(), "PNG")


@contextmanager
def fused_textures(path: Path) -> Iterator[Callable[[int, Frame, Sequence[Face]], None]]:
    """Write the person who is seen longest to ``path``, each other beside it with the track's
    number after the name, when the block ends."""
    people: defaultdict[int, PersonTexture] = defaultdict(PersonTexture)

    def take(number: int, frame: Frame, faces: Sequence[Face]) -> None:
        for face in faces:
            people[face.track or 0].add(frame.seconds, face)

    yield take
    for track, file in by_track(path, people).items():
        write_bytes(file, people[track].png())
