"""Animated meshes of a film as files, one a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from prnet.face import Face
from prnet.files.atomic import write_bytes
from prnet.video.curves import by_track
from prnet.video.frames import Frame


class Person(Protocol):
    """What becomes a GLB: an AnimatedMap, a PersonRig."""

    def add(self, seconds: float, face: Face) -> None: ...

    def __len__(self) -> int: ...

    def glb(self, name: str) -> bytes: ...


@contextmanager
def animated_glbs(
    path: Path, start: float, begin: Callable[[], Person]
) -> Iterator[Callable[[int, Frame, Sequence[Face]], None]]:
    """Write the person who is seen longest to ``path``, each other beside it with the track's
    number after the name, when the block ends. Second ``start`` of the film is 0."""
    people: defaultdict[int, Person] = defaultdict(begin)

    def take(number: int, frame: Frame, faces: Sequence[Face]) -> None:
        for face in faces:
            people[face.track or 0].add(frame.seconds - start, face)

    yield take
    for track, file in by_track(path, people).items():
        write_bytes(file, people[track].glb(f"person{track}"))
