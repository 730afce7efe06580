"""Film -> faces frame by frame: the one place where the steps of a video are joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, is_number, is_whole
from prnet.face import Face
from prnet.files.image import load_image
from prnet.reconstruct import Reconstructor
from prnet.video.frames import USUAL_RATE, Frame, read_frames
from prnet.video.live.camera import read_camera
from prnet.video.smooth import Smoother
from prnet.video.track import Tracker

LATEST: Final = 1e9
"""Second of a film at which one may begin: what comes later, FFmpeg cannot count."""

People = int | Literal["largest"] | None


def follow(
    source: str | Path | int | Iterable[NDArray[Any] | Frame],
    *,
    reconstruct: Reconstructor | None = None,
    people: People = None,
    smooth: bool = True,
    start: float | None = None,
    end: float | None = None,
    rate: float | None = None,
) -> Iterator[tuple[Frame, list[Face]]]:
    """The frames of a film with the faces in them, whose ``track`` is one number for one person.

    ``source``: a film's file (with ``start`` and ``end``, seconds), a camera's number, from 0, or
    pictures in turn, RGB arrays as `load_image` takes them at ``rate`` a second (25), or Frames
    that carry their times.
    ``people``: at most so many at a time, "largest" for one. ``smooth``: steady faces; else
    each is as the network gave it. One Reconstructor may follow many films.

        for frame, faces in prnet.follow("film.mp4"):
            for face in faces:
                print(frame.seconds, face.track, face.pose)
    """
    most = 1 if people == "largest" else people
    if most is not None and not (is_whole(most) and most >= 1):
        raise PrnetError(f"expected a positive whole number of people or largest, got {most}")
    if start is not None and not (is_number(start) and abs(start) < LATEST):
        raise PrnetError(f"expected a start in seconds, below {LATEST:g}, got {start!r}")
    if end is not None and not (is_number(end) and (start or 0) < end):
        raise PrnetError(f"expected a start before the end, got {start or 0} and {end} s")
    if rate is not None and isinstance(source, str | Path | int | np.integer):
        kind = "a film's file" if isinstance(source, str | Path) else "a camera"
        raise PrnetError(f"expected a rate with pictures, got one with {kind}")
    if isinstance(source, str | Path):
        frames = read_frames(source, start=start, end=end)
    elif start is not None or end is not None:
        kind = "a camera" if isinstance(source, int) else "pictures"
        raise PrnetError(f"expected start and end with a film's file, got them with {kind}")
    elif isinstance(source, np.ndarray) and source.ndim == 3 and source.shape[2] in (3, 4):
        raise PrnetError(f"expected pictures in turn, got one of shape {source.shape}")
    elif isinstance(source, int | np.integer) and not isinstance(source, bool):
        frames = read_camera(int(source))
    elif isinstance(source, Iterable):
        frames = _frames(source, float(USUAL_RATE) if rate is None else rate)
    else:
        kind = type(source).__name__
        raise PrnetError(f"expected a film's file, a camera's number or pictures, got {kind}")
    return _followed(frames, reconstruct or Reconstructor(), most, smooth)


def _followed(
    frames: Iterator[Frame], reconstruct: Reconstructor, people: int | None, smooth: bool
) -> Iterator[tuple[Frame, list[Face]]]:
    tracker = Tracker(reconstruct, people=people)
    smoothers: dict[int | None, Smoother] = {}
    for frame in frames:
        faces = tracker(frame.image, frame.seconds)
        if smooth:
            # Who is away for a frame starts afresh: the filter holds nothing of the way between.
            smoothers = {face.track: smoothers.get(face.track) or Smoother() for face in faces}
            faces = [smoothers[face.track](face, frame.seconds) for face in faces]
        yield frame, faces


def _frames(pictures: Iterable[NDArray[Any] | Frame], rate: float) -> Iterator[Frame]:
    if not (is_number(rate) and rate > 0):
        raise PrnetError(f"expected a rate of frames above 0, got {rate!r}")
    for number, picture in enumerate(pictures):
        if isinstance(picture, Frame):
            if not (is_number(picture.seconds) and np.isfinite(float(picture.seconds))):
                raise PrnetError(f"expected a frame's time in seconds, got {picture.seconds!r}")
            yield Frame(_kept(picture.image), picture.seconds)
        else:
            yield Frame(_kept(picture), number / rate)


def _kept(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Of its own memory: cameras fill one array again and again."""
    image = load_image(picture)
    return image.copy() if np.may_share_memory(image, picture) else image
