"""Films out: H.264 in mp4, playable whatever ends the program."""

from __future__ import annotations

import errno
import math
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, PrnetWarning, reason_of
from prnet.files.atomic import write_atomically
from prnet.video.frames import BACK, BT709, USUAL_RATE, import_av, open_film, read_film

TICKS = Fraction(1, 90_000)
"""Seconds of a tick of the film's clock: MPEG's, which fits every usual rate."""


@dataclass(frozen=True)
class Coding:
    """How pictures become a film: the container with its options, the encoder with its own, what
    pixels are and what they become. Sides are even where the encoder wants that."""

    container: str
    container_options: dict[str, str]
    encoder: str
    encoder_options: dict[str, str]
    pixels: str
    stored: str
    even: bool


MP4 = Coding(
    "mp4",
    # Every second is playable by itself until the film is finished; then it is an ordinary mp4.
    {"movflags": "+hybrid_fragmented", "frag_duration": "1000000"},
    "libx264",
    # Without B frames the film begins at 0 in every player, and the sound with it.
    {"crf": "20", "preset": "veryfast", "bf": "0"},
    "rgb24",
    "yuv420p",
    even=True,
)
GREY16 = Coding("matroska", {}, "ffv1", {}, "gray16le", "gray16le", even=False)
"""Without loss, 16 bits of grey: pictures are uint16 (H, W)."""


LAYOUTS: Final = ("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
"""Loudspeakers of so many channels where the film does not say, as of AVI's and Matroska's PCM."""

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _File:
    """What FFmpeg writes into: after the system's first error, which is kept, all goes nowhere, so
    that the file stays as it was then. Errors that passed through FFmpeg would be lost there."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


class FilmWriter:
    """Takes the pictures of a film, all of one size, in the order of their times."""

    def __init__(
        self, path: str | Path, file: _File, rate: Fraction, sound: _Sound | None, coding: Coding
    ) -> None:
        self._path, self._file, self._rate, self._sound = path, file, rate, sound
        self._coding = coding
        self._container = import_av().open(
            file, "w", format=coding.container, options=coding.container_options
        )
        self._stream: Any = None
        self._last = -1

    def tell(self, **words: str) -> None:
        """Metadata, before the first picture."""
        self._container.metadata.update(words)

    def write(self, image: NDArray[Any], seconds: float) -> None:
        """A picture, RGB uint8 (H, W, 3) or as the coding wants it, shown from ``seconds`` on. A
        last odd row or column is doubled, as H.264 has even sides. Raises PrnetError when the disk
        is full, and for another size."""
        height, width = image.shape[:2]
        if self._coding.even and (height % 2 or width % 2):
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None:
            self._start(image)
        if image.shape[:2] != (self._stream.height, self._stream.width):
            raise PrnetError(
                f"{self._path}: expected frames of one size, "
                f"{self._stream.width} x {self._stream.height}, got {width} x {height}"
            )
        frame = import_av().VideoFrame.from_ndarray(image, format=self._coding.pixels)
        if self._coding.pixels == "rgb24":
            frame = frame.reformat(format=self._coding.stored, dst_colorspace=BT709)
        frame.pts = max(round(seconds / TICKS), self._last + 1)
        frame.duration = round(1 / self._rate / TICKS)
        frame.time_base, self._last = TICKS, frame.pts
        self._container.mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.copy_until(self._container, seconds)
        self._check()

    def finish(self) -> None:
        """What the encoder still holds, the last picture's sound, and the index of all."""
        if self._stream is not None:
            if self._sound is not None:
                end = self._last * TICKS + 1 / self._rate
                self._sound.copy_until(self._container, float(end))
            self._container.mux(self._stream.encode())
            self._container.close()
            self._check()

    def close(self) -> None:
        self._container.close()

    def _start(self, image: NDArray[Any]) -> None:
        stream = self._container.add_stream(
            self._coding.encoder, rate=self._rate, options=self._coding.encoder_options
        )
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = self._coding.stored, TICKS
        if self._coding.pixels == "rgb24":
            told = stream.codec_context
            told.colorspace = told.color_primaries = told.color_trc = BT709
        self._stream = stream
        if self._sound is not None:
            self._sound.start(self._container)

    def _check(self) -> None:
        if self._file.error is not None:
            raise PrnetError(
                f"{self._path}: expected a place that can be written, "
                f"got: {reason_of(self._file.error)}"
            ) from self._file.error


@contextmanager
def film_writer(
    path: str | Path,
    *,
    rate: Fraction = USUAL_RATE,
    sound_of: str | Path | None = None,
    start: float = 0.0,
    coding: Coding = MP4,
) -> Iterator[FilmWriter]:
    """Write the film ``path``, mp4 by default: when the block ends it is whole, when it raises
    there is none. Where the disk fills up, by this film or by what else the block writes, what is
    written stays, if it is playable.

    ``sound_of``: a film whose sound is copied as it is, from its second ``start`` on, which is 0 in
    the new one. Raises PrnetError when the system refuses to write.
    """
    sound = None if sound_of is None else _Sound(sound_of, start)
    full: PrnetError | None = None
    with write_atomically(path) as temporary, closing(_File(temporary)) as file:
        with closing(FilmWriter(path, file, rate, sound, coding)) as writer:
            try:
                yield writer
                writer.finish()
            except PrnetError as error:
                full = error
                if file.error is None:
                    if not _has_no_room(error):
                        raise
                    with suppress(PrnetError):
                        writer.finish()
        if full is not None and not _playable(temporary):
            raise full
    if full is not None:
        raise full


def _has_no_room(error: PrnetError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in NO_ROOM


def _playable(path: Path) -> bool:
    try:
        return bool(read_film(path))
    except PrnetError:
        return False


class _Sound:
    """The packets of a film's sound, copied as its pictures come; the first is that nearest to the
    start, so that the sound is off by half a packet at most: 12 ms, usually."""

    def __init__(self, path: str | Path, start: float) -> None:
        self._path, self._start = path, start
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._next: tuple[float, Any] | None = None
        self._stream: Any = None

    def start(self, container: Any) -> None:
        self._packets = self._read(container)
        self._next = next(self._packets, None)

    def copy_until(self, container: Any, seconds: float) -> None:
        while self._next is not None and self._next[0] < seconds:
            packet = self._next[1]
            packet.stream = self._stream
            container.mux(packet)
            self._next = next(self._packets, None)

    def _read(self, container: Any) -> Iterator[tuple[float, Any]]:
        """Seconds in the new film, packet; none where the film has no sound that fits into mp4."""
        av = import_av()
        with open_film(self._path) as film:
            if not film.streams.audio:
                return
            source = film.streams.audio[0]
            layout = source.layout.name
            try:
                if layout.endswith(" channels"):  # of which mp4 must tell more
                    layout = LAYOUTS[source.channels]
                self._stream = container.add_stream_from_template(source)
                self._stream.codec_context.layout = layout
            except (av.FFmpegError, ValueError, IndexError) as error:
                reason = f"its sound ({source.codec_context.name}) does not fit into mp4"
                warnings.warn(f"{self._path}: {reason}: {reason_of(error)}", PrnetWarning, 2)
                return
            origin = (film.start_time or 0) / 1e6 + self._start
            if self._start:
                film.seek(int(origin * 1e6))
            shift, first, last, end = round(origin / source.time_base), True, -math.inf, -math.inf
            with suppress(av.FFmpegError):  # a damaged file's sound ends there
                for packet in film.demux(source):
                    if packet.pts is None or packet.dts is None:
                        continue
                    if packet.pts - shift < last - BACK / source.time_base:  # of another film
                        shift = packet.pts - round(end)
                    pts, length = packet.pts - shift, packet.duration or 0
                    if pts <= last:  # which mp4 has no place for
                        continue
                    last, end = pts, pts + length
                    if pts >= -length / 2:
                        # mp4 that grows has no way to begin earlier, or later.
                        packet.pts = packet.dts = 0 if first else pts
                        first = False
                        yield float(pts * source.time_base), packet
