"""One texture a person, fused over a film's frames."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from prnet.appearance.fused import FusedTexture
from prnet.face import Face
from prnet.files.image import image_bytes
from prnet.video.people import Take, file_of_each

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


def fused_textures(path: Path) -> AbstractContextManager[Take]:
    """Write each person's texture, a PNG (`file_of_each`)."""
    return file_of_each(path, PersonTexture, lambda person, _: person.png())
