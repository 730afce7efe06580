"""Films in: what a film is, and its frames, upright, with their times. PyAV (extra ``video``) reads
them: edit lists, turned films, frames at uneven times and 10 bits come out as players show them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from prnet.errors import PrnetError, PrnetWarning, missing, reason_of
from prnet.files.decode import check_no_url

USUAL_RATE = Fraction(25)
"""Frames a second where nobody says."""

MAX_FRAME_PIXELS = 2**27
"""Larger frames are refused: 16K film has 2^27 pixels."""

NEAR, MOST_SPANS = 1.0, 5
"""Damage within so many seconds is said as one; so many places are said."""

MISSING = 0.5
"""Seconds of which a film may end before its header says so without a word."""

BACK = 0.5
"""Seconds by which a clock that goes back is another film's, which was joined to the first."""

SOUGHT = 0.0, 15.0, math.inf
"""So many seconds before the wanted one are tried in turn until a key frame is found."""

BT709, UNTOLD, LARGE = 1, 2, (1280, 576)
"""FFmpeg's numbers of HD's colours and of those that nobody tells: players take them for HD's where
a picture is that wide, or higher."""


class Frame(NamedTuple):
    """One picture of a film: ``image`` RGB uint8 (H, W, 3), upright; ``seconds`` since the film's
    begin."""

    image: NDArray[np.uint8]
    seconds: float


@dataclass(frozen=True)
class Film:
    """What a file is: ``width`` and ``height`` in pixels as shown, after the turn by ``rotation``
    degrees (counterclockwise, of what is stored); ``rate`` in frames a second, the mean where they
    come unevenly; ``seconds``, None where the file does not say; whether it has ``sound``."""

    path: Path
    width: int
    height: int
    rotation: int
    rate: Fraction
    seconds: float | None
    sound: bool


def import_av() -> Any:
    """PyAV; PrnetError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise missing("the package 'av' for films", "video", error) from error
    return av


def read_film(path: str | Path) -> Film:
    """What the film ``path`` is. PrnetError for a pipe, what is no film, or has no first frame."""
    if Path(path).is_fifo():
        raise PrnetError(f"{path}: expected a film in a file, got a pipe")
    with open_film(path) as container:
        stream = container.streams.video[0]
        first = next(_decoded(container, _Gaps()), None)
        if first is None:
            raise PrnetError(f"{path}: expected a film, got one without a frame that can be read")
        turned = first.rotation % 180 != 0
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        return Film(
            path=Path(path),
            width=width,
            height=height,
            rotation=first.rotation,
            rate=Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE),
            seconds=container.duration / 1e6 if container.duration else None,
            sound=bool(container.streams.audio),
        )


def read_frames(
    path: str | Path, *, start: float | None = None, end: float | None = None
) -> Iterator[Frame]:
    """The frames from ``start`` to before ``end``, in seconds.

    Where pictures change their size, all are fitted into that of the first, in the middle, the rest
    black. Where the clock goes back, as in films that were joined, times go on. What is damaged is
    left out, and a PrnetWarning says where, or that the end is missing, or the clock goes back.
    Raises PrnetError where there is no film, or no frame between ``start`` and ``end``.
    """
    size: tuple[int, ...] = ()
    damaged, shown, lasts, last, moved = _Gaps(), 0.0, 0.0, 0.0, 0.0
    with open_film(path) as container:
        stream = container.streams.video[0]
        begin = _begin(container)
        if start:
            _seek_key_frame(container, start + begin)
        rate = stream.average_rate or USUAL_RATE
        lasts = _told_seconds(container)
        for count, frame in enumerate(_decoded(container, damaged)):
            # Bare streams have no times.
            seconds = float(count / rate) if frame.time is None else frame.time - begin + moved
            if count and seconds < last - BACK:
                if not moved:
                    told = f"{path}: the clock goes back at {shown:.2f} s: times go on from there"
                    warnings.warn(told, PrnetWarning, stacklevel=2)
                moved, seconds = moved + shown - seconds, shown
            last = seconds
            if end is not None and seconds >= end - 1e-6:
                break
            shown = seconds + float((frame.duration or 0) * (frame.time_base or 0))
            if start is None or seconds >= start - 1e-6:
                image = _upright(frame)
                size = size or image.shape[1::-1]
                yield Frame(_fitted(image, *size), max(seconds, start or 0.0, 0.0))
    if damaged.said:
        warnings.warn(f"{path}: left out what is damaged: {damaged}", PrnetWarning, stacklevel=2)
    if size and end is None and shown < lasts - MISSING:
        told = f"{path}: the film ends at {shown:.2f} s, its header says {lasts:.2f}: is it whole?"
        warnings.warn(told, PrnetWarning, stacklevel=2)
    if not size:
        wanted = "" if start is None and end is None else f" from {start or 0:g} s on"
        wanted += "" if end is None else f" to {end:g} s"
        raise PrnetError(f"{path}: expected frames{wanted}, got none")


@contextmanager
def open_film(path: str | Path) -> Iterator[Any]:
    """An open container with pictures in it; PrnetError for anything else."""
    av = import_av()
    check_no_url(path)
    if not Path(path).exists():
        raise PrnetError(f"{path}: expected a film, got no such file")
    if Path(path).is_dir():
        raise PrnetError(f"{path}: expected a film, got a folder")
    try:
        container = av.open(str(Path(path).absolute()))  # absolute: no protocol of FFmpeg's
    except (av.FFmpegError, OSError, ValueError) as error:
        raise PrnetError(f"{path}: expected a film, got: {reason_of(error)}") from error
    with container:
        if not container.streams.video:
            kind = "sound alone" if container.streams.audio else "a file without pictures"
            raise PrnetError(f"{path}: expected a film, got {kind}")
        stream = container.streams.video[0]
        size = stream.codec_context.width, stream.codec_context.height
        if size[0] * size[1] > MAX_FRAME_PIXELS:
            raise PrnetError(
                f"{path}: expected frames of at most {MAX_FRAME_PIXELS} pixels, "
                f"got {size[0]} x {size[1]}"
            )
        stream.thread_type = "AUTO"
        yield container


def _seek_key_frame(container: Any, seconds: float) -> None:
    """Go to a key frame of the pictures at ``seconds`` of the film's clock or before, or to its
    begin. FFmpeg goes to any picture where there is no index, astray where there are no times."""
    if container.duration is None:
        return
    for before in SOUGHT:
        place = int(max(seconds - before, _begin(container) - 1) * 1e6)
        with suppress(import_av().FFmpegError):
            container.seek(place)
            packets = container.demux(container.streams.video[0])
            found = (p.pts * p.time_base for p in packets if p.is_keyframe and p.pts is not None)
            first = next(found, math.inf)
            container.seek(place)
            if first <= seconds + 1e-6:
                return


def _decoded(container: Any, damaged: _Gaps) -> Iterator[Any]:
    """The frames that can be read; where others are goes to ``damaged``."""
    av = import_av()
    stream, begin = container.streams.video[0], _begin(container)
    for packet in _packets(container, damaged):
        try:
            frames = stream.codec_context.decode(packet)
        except av.FFmpegError:
            at = None if packet.pts is None else float(packet.pts * packet.time_base) - begin
            damaged.add(at)
            continue
        for frame in frames:
            if frame.is_corrupt:
                damaged.add(None if frame.time is None else frame.time - begin)
            else:
                damaged.end(None if frame.time is None else frame.time - begin)
                yield frame


def _told_seconds(container: Any) -> float:
    """How long the pictures last by the film's header; 0 where it does not say."""
    stream = container.streams.video[0]
    if container.format.name == "avi":  # whose duration FFmpeg shortens to what is there
        return float(stream.frames / (stream.average_rate or USUAL_RATE))
    if stream.duration:
        return float(stream.duration * stream.time_base)
    whole = (container.duration or 0) / 1e6
    if container.streams.audio:  # perhaps the longer: Matroska may tell of each stream
        whole = min(whole, _clock(stream.metadata.get("DURATION", "")))
    return whole - _begin(container)


def _clock(text: str) -> float:
    """The seconds of 00:01:02.500000000; 0 for what is no such time."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", text)
    hours, minutes, seconds = map(float, match.groups()) if match else (0.0, 0.0, 0.0)
    return (hours * 60 + minutes) * 60 + seconds


def _begin(container: Any) -> float:
    """The film's second 0: streams of television begin anywhere. FFmpeg rounds to microseconds."""
    return float(container.start_time or 0) / 1e6


def _packets(container: Any, damaged: _Gaps) -> Iterator[Any]:
    """Packets of the pictures up to where the file ends, whatever its index says; the last one is
    empty, for which the decoder gives what it still holds."""
    try:
        yield from container.demux(container.streams.video[0])
    except import_av().FFmpegError:
        damaged.add(None)


class _Gaps:
    """Times of what could not be read: each from the first such picture to the next good one."""

    def __init__(self) -> None:
        self.said = False
        self._spans: list[tuple[float, float]] = []
        self._open = False

    def add(self, seconds: float | None) -> None:
        self.said = True
        if seconds is None:
            return
        seconds = max(seconds, 0.0)  # what an edit list hides comes before
        near = bool(self._spans) and seconds <= self._spans[-1][1] + NEAR
        first, last = self._spans.pop() if self._open or near else (seconds, seconds)
        self._spans.append((min(first, seconds), max(last, seconds)))
        self._open = True

    def end(self, seconds: float | None) -> None:
        """A good picture; those that the decoder held back may come from before the damage."""
        if self._open and seconds is not None and seconds > self._spans[-1][1]:
            self._spans[-1] = self._spans[-1][0], seconds
            self._open = False

    def __str__(self) -> str:
        said = [_span(*span) for span in self._spans[:MOST_SPANS]]
        more = len(self._spans) - len(said)
        return ", ".join([*said, *([f"{more} places more"] if more else [])]) or "the end"


def _span(first: float, last: float) -> str:
    told = f"{first:.2f}", f"{last:.2f}"
    return f"at {told[0]} s" if told[0] == told[1] else f"between {told[0]} and {told[1]} s"


def _upright(frame: Any) -> NDArray[np.uint8]:
    large = frame.width >= LARGE[0] or frame.height > LARGE[1]
    colours = BT709 if large and frame.colorspace == UNTOLD else None
    image = frame.reformat(format="rgb24", src_colorspace=colours).to_ndarray()
    if _mirrored(frame):
        image = image[::-1]
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90))


def _mirrored(frame: Any) -> bool:
    """Whether players show the frame mirrored, left and right or, before its turn, up and down."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32).astype(float)
    return bool(a * d < b * c)


def _fitted(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    return np.array(ImageOps.pad(Image.fromarray(image), (width, height)))
