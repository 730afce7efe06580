"""Cameras in: the newest picture, whatever was missed while the last one was looked at."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from prnet.errors import PrnetError, reason_of
from prnet.video.frames import Frame, import_av

SIZE, RATE = "1280x720", "30"
"""What a camera is asked for first; then what it likes."""

_FORMATS: Final = {"darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's devices by system; elsewhere Video4Linux."""

ASKED_AGAIN, HEARD = 0.005, 0.5
"""Seconds until a camera that has no picture yet is asked again; in which Ctrl-C is heard where
waiting for a thread is deaf to it (Windows)."""


def read_camera(number: int) -> Generator[Frame, None, None]:
    """Frames of camera ``number`` (from 0) with the seconds since the first, until it ends or the
    caller does. Raises PrnetError where there is no such camera, or it is in use."""
    if number < 0:
        raise PrnetError(f"expected a camera's number from 0, got {number}")
    with _opened(number) as container, _Newest(container) as newest:
        begin = None
        while (taken := newest.wait()) is not None:
            image, moment = taken
            begin = moment if begin is None else begin
            yield Frame(np.ascontiguousarray(image), moment - begin)
        if begin is None or newest.error is not None:
            raise PrnetError(f"camera {number}: expected pictures, got: {newest.error or 'none'}")


def camera_device(number: int) -> tuple[str, str]:
    """What FFmpeg calls the camera, and the kind of device."""
    kind = _FORMATS.get(sys.platform, "v4l2")
    if kind == "v4l2":
        return f"/dev/video{number}", kind
    if kind == "avfoundation":
        return f"{number}:none", kind
    import_av()
    from av.device import enumerate_input_devices

    names = [each.name for each in enumerate_input_devices(kind) if "video" in each.media_types]
    if number >= len(names):
        raise PrnetError(f"camera {number}: expected a camera, got {len(names)} of them")
    return f"video={names[number]}", kind


@contextmanager
def _opened(number: int) -> Iterator[Any]:
    av = import_av()
    device, kind = camera_device(number)
    container = None
    for options in ({"video_size": SIZE, "framerate": RATE}, {"framerate": RATE}, {}):
        try:
            container = av.open(device, format=kind, options=options)
            break
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = reason_of(error)
    if container is None:
        raise PrnetError(f"camera {number}: expected a camera ({device}), got: {reason}")
    with container:
        yield container


class _Newest:
    """Reads in a thread of its own, so that nothing waits in the camera's queue."""

    def __init__(self, container: Any) -> None:
        self.error: str | None = None
        self._container = container
        self._taken: tuple[Any, float] | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> _Newest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
        self._thread.join(timeout=2)

    def wait(self) -> tuple[Any, float] | None:
        """The newest picture (H, W, 3) and its moment; None when there are no more."""
        with self._changed:
            while not self._changed.wait_for(self._has_news, HEARD):
                pass
            taken, self._taken = self._taken, None
            return taken

    def _has_news(self) -> bool:
        return self._taken is not None or self._ended

    def _pictures(self) -> Iterator[Any]:
        while not self._ended:
            try:
                yield from self._container.decode(video=0)
                return
            except BlockingIOError:  # AVFoundation (macOS) does not wait for the next one
                time.sleep(ASKED_AGAIN)

    def _read(self) -> None:
        try:
            for frame in self._pictures():
                # time.monotonic goes by steps of 16 ms on Windows before Python 3.13.
                moment, image = time.perf_counter(), frame.to_ndarray(format="rgb24")
                with self._changed:
                    if self._ended:
                        return
                    self._taken = image, moment
                    self._changed.notify()
        except (import_av().FFmpegError, OSError, ValueError) as error:
            self.error = reason_of(error)
        with self._changed:
            self._ended = True
            self._changed.notify()
