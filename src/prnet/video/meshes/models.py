"""Animated meshes of a film as files, one a person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from prnet.video.people import Person, Take, file_of_each


class Animated(Person, Protocol):
    """What becomes a GLB: an AnimatedMap, a PersonRig."""

    def glb(self, name: str) -> bytes: ...


def animated_glbs(
    path: Path, start: float, begin: Callable[[], Animated]
) -> AbstractContextManager[Take]:
    """Write each person's GLB (`file_of_each`)."""
    return file_of_each(path, begin, lambda person, track: person.glb(f"person{track}"), start)
