"""Files of a film, one a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from prnet.face import Face
from prnet.files.atomic import write_bytes
from prnet.video.frames import Frame

Take = Callable[[int, Frame, Sequence[Face]], None]
"""Number of the frame, from 0; the frame; its faces."""


class Person(Protocol):
    """What gathers the faces of a person; its length is how many."""

    def add(self, seconds: float, face: Face) -> None: ...

    def __len__(self) -> int: ...


P = TypeVar("P", bound=Person)


@contextmanager
def file_of_each(
    path: Path, begin: Callable[[], P], data: Callable[[P, int], bytes], start: float = 0.0
) -> Iterator[Take]:
    """Write the ``data`` of the person who is seen longest to ``path``, of each other beside it
    with the track's number after the name, when the block ends. Second ``start`` of the film is 0.
    """
    people: defaultdict[int, P] = defaultdict(begin)

    def take(number: int, frame: Frame, faces: Sequence[Face]) -> None:
        for face in faces:
            people[face.track or 0].add(frame.seconds - start, face)

    yield take
    for track, file in by_track(path, people).items():
        write_bytes(file, data(people[track], track))


def by_track(path: Path, seen: Mapping[int, Sized]) -> dict[int, Path]:
    """A file for each track: ``path`` for that with the most in ``seen``, for others beside it with
    the track's number after the name."""
    longest = max(seen, key=lambda track: len(seen[track]), default=None)
    return {
        track: path if track == longest else path.with_stem(f"{path.stem}_{track}")
        for track in seen
    }
