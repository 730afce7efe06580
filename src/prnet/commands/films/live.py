"""A camera -> the faces in it, frame by frame, to a program that listens on a UDP port.

  prnet live --send vmc                        # camera 0 to VMC's port 39539 on this machine
  prnet live 1 --send osf:192.168.0.7          # camera 1 to OpenSeeFace's port 11573 there
  prnet live film.mp4 --send json::9000        # a film, in its own time, to port 9000 here

vmc: ARKit's 52 curves as VMC blend shapes, one person. osf: OpenSeeFace's packets, all faces: pose,
points, lids, brows, mouth. json: one object a frame with pose, curves and landmarks of all faces.
Ends with the film, or with Ctrl-C. Nothing leaves this machine unless a host is named.

exit status:
  0  the film has ended, or Ctrl-C
  1  an error that nobody foresaw
  2  wrong options, no such camera or film, no model, no such host
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from prnet.commands._options import add_finding_arguments, reconstructor_of
from prnet.commands.films.video import people_option
from prnet.errors import PrnetError
from prnet.files.streams import say
from prnet.video.frames import Frame, read_frames
from prnet.video.live.camera import read_camera
from prnet.video.live.send import Sent, Target, send_faces

TOLD_EVERY = 0.5
"""Seconds between two reports on a terminal."""
LINE = 60
"""Signs of a report, so that nothing of a longer one stays: older consoles of Windows know no other
way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet live``."""
    add = parser.add_argument
    add(
        "camera",
        nargs="?",
        type=_source,
        default=0,
        metavar="CAMERA",
        help="number of the camera, by default 0, or a film",
    )
    add(
        "--send",
        type=_target,
        required=True,
        metavar="KIND[:HOST[:PORT]]",
        help="vmc, osf or json, by default to this machine and the usual port",
    )
    add("--people", type=people_option, metavar="N|largest", help="follow at most so many")
    add("--no-smooth", action="store_true", help="each frame as the network sees it")
    add_finding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Follow and send until the end."""
    camera = isinstance(args.camera, int)
    sending = send_faces(
        read_camera(args.camera) if camera else in_its_time(read_frames(args.camera)),
        args.send,
        reconstruct=reconstructor_of(args),
        people=args.people,
        smooth=not args.no_smooth,
    )
    begun, last, frames, line = 0.0, 0.0, 0, ""
    try:
        for sent in sending:
            now = time.monotonic()
            begun = begun or now
            line = _line(frames / max(now - begun, 1e-6), sent)
            frames += 1
            if now - last >= TOLD_EVERY and sys.stderr is not None and sys.stderr.isatty():
                last = now
                print(f"\r{line:{LINE}}", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        if last:  # what is said next, an error, too, has a line of its own
            print(f"\r{'':{LINE}}\r", end="", file=sys.stderr, flush=True)
    name = f"camera {args.camera}" if camera else args.camera
    place = f"{args.send.protocol} to {args.send.host}:{args.send.port}"
    counted = f"{frames} frame{'' if frames == 1 else 's'}"
    say(f"{name}: {counted}, {place}; {line or 'nothing was sent'}")
    return 0


def in_its_time(frames: Iterator[Frame]) -> Iterator[Frame]:
    """A film's frames, each not before its time, which begins when the first has been looked at:
    that one waits for all that is loaded. Those whose time is over are left out."""
    begin = None
    for frame in frames:
        wait = 0.0 if begin is None else begin + frame.seconds - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        if wait > -0.1:
            yield frame
        begin = time.monotonic() - frame.seconds if begin is None else begin


def _line(rate: float, sent: Sent) -> str:
    faces = "1 face" if sent.faces == 1 else f"{sent.faces} faces"
    return f"{rate:.1f} frames a second, {faces}, {1000 * sent.seconds:.0f} ms late"


def _source(text: str) -> int | Path:
    return int(text) if text.isascii() and text.isdigit() else Path(text)


def _target(text: str) -> Target:
    try:
        return Target.parsed(text)
    except PrnetError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
