"""ARKit's curves of a film as tables: a person's head has one shape over the whole track."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.face import Face
from prnet.facemodel.arkit.curves import CurveModel, MeanMeasure, Person, curve_model
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.files.atomic import write_bytes
from prnet.geometry.camera import Pose
from prnet.video.frames import Frame
from prnet.video.people import by_track

_ANGLES = [
    f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye") for turn in ("Yaw", "Pitch", "Roll")
]
LIVE_LINK_HEADER = ",".join(
    ["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ARKIT_NAMES), *_ANGLES]
)
"""Of the CSV that the app Live Link Face exports."""


class Shown(NamedTuple):
    """A person in a frame: ``number`` of the frame, ``seconds``, ``pose`` in degrees, ``curves``
    (52,) as `ARKIT_NAMES`."""

    number: int
    seconds: float
    track: int
    pose: Pose
    curves: NDArray[np.float64]


class TrackCurves:
    """Gathers faces, a few hundred numbers each; gives their curves when all have been seen."""

    def __init__(self, model: CurveModel | None = None) -> None:
        self._model = model or curve_model()
        self._people: defaultdict[int, MeanMeasure] = defaultdict(MeanMeasure)
        self._seen: list[tuple[int, float, int, Pose]] = []
        self._measures: list[NDArray[np.float32]] = []

    def __call__(self, number: int, frame: Frame, faces: Sequence[Face]) -> None:
        for face in faces:
            track, measure = face.track or 0, self._model.measure(face)
            self._people[track].add(measure)
            self._seen.append((number, frame.seconds, track, face.pose))
            self._measures.append(measure.values)

    def people(self) -> dict[int, Person]:
        """By track."""
        return {track: self._model.person(mean) for track, mean in self._people.items()}

    def __iter__(self) -> Iterator[Shown]:
        """In the order in which they were seen."""
        people = self.people()
        for seen, measure in zip(self._seen, self._measures, strict=True):
            (values,) = self._model.curves(measure[None], people[seen[2]])
            yield Shown(*seen, values)


@contextmanager
def arkit_table(path: Path) -> Iterator[TrackCurves]:
    """Write the 52 curves, a row a frame and track, when the block ends."""
    gathered = TrackCurves()
    yield gathered
    lines = [f"frame,seconds,track,{','.join(ARKIT_NAMES)}"]
    lines += [
        f"{each.number},{each.seconds:.6f},{each.track},{_numbers(each.curves)}"
        for each in gathered
    ]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


@contextmanager
def live_link_tables(path: Path, rate: Fraction) -> Iterator[TrackCurves]:
    """Write what the app Live Link Face exports: to ``path`` the person who is seen longest, each
    other beside it, with the track's number after the name."""
    gathered = TrackCurves()
    yield gathered
    lines: defaultdict[int, list[str]] = defaultdict(lambda: [LIVE_LINK_HEADER])
    for each in gathered:
        head = np.radians(each.pose)
        values = np.concatenate([each.curves, head, np.zeros(6)])
        row = f"{timecode(each.seconds, rate)},{len(values)},{_numbers(values)}"
        lines[each.track].append(row)
    for track, file in by_track(path, lines).items():
        write_bytes(file, ("\n".join(lines[track]) + "\n").encode())


def timecode(seconds: float, rate: Fraction) -> str:
    """Hours, minutes, seconds, and the frame in its second at ``rate`` frames, with thousandths."""
    thousandths = round((seconds % 1) * float(rate) * 1000)
    whole = int(seconds)
    if thousandths >= rate * 1000 - 0.5:
        whole, thousandths = whole + 1, 0
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}:{thousandths / 1000:06.3f}"


def _numbers(values: NDArray[np.floating]) -> str:
    return ",".join(f"{value:.6f}" for value in values)
