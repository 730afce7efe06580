"""A film -> the faces in it, frame by frame, each person with a number.

  prnet video film.mp4 --out results
  prnet video film.mp4 --out results --save landmarks,pose --people largest --start 2 --end 8

Files are called after the film. overlay: NAME_overlay.mp4, the film with landmarks, pose boxes and
numbers, and its sound. landmarks: NAME_landmarks.csv and .npz, a row for each face of each frame.
pose: NAME_pose.csv. arkit: NAME_arkit.csv, ARKit's 52 curves. livelink: NAME_livelink.csv, as the
app Live Link Face exports them. glb: NAME.glb, the animated mesh. glb-arkit: NAME_arkit.glb, the
person's head with ARKit's morph targets. depth: NAME_depth.mkv, 16 bits. texture:
NAME_texture.png, of all frames. Ctrl-C keeps what is done, --resume makes it anew; a run that is
killed leaves whole files or none.

exit status:
  0  there was a face in at least one frame
  1  an error that nobody foresaw
  2  wrong options, no film, no model, or no place for the results
  3  no frame had a face: nothing is saved
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from prnet.commands._options import (
    add_finding_arguments,
    finite,
    positive,
    reconstructor_of,
    some_of,
)
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.files.results import make_folder
from prnet.files.streams import say
from prnet.video.follow import People, follow
from prnet.video.frames import Film, Frame, read_film
from prnet.video.outputs import OUTPUTS, UNFINISHED, USUAL, paths_of, tell_unfinished, unfinished

ALL_WELL, NO_FACE = 0, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet video``."""
    add = parser.add_argument
    add("film", type=Path, metavar="INPUT", help="film: mp4, mov, mkv, webm, avi, gif ...")
    add("-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add(
        "--save",
        type=partial(some_of, known=OUTPUTS),
        default=USUAL,
        metavar="KIND,...",
        help=f"of {','.join(OUTPUTS)}, by default {','.join(USUAL)}",
    )
    add(
        "--people", type=people_option, metavar="N|largest", help="follow at most so many at a time"
    )
    add("--start", type=_seconds, metavar="S", help="begin at second S of the film")
    add("--end", type=_seconds, metavar="S", help="stop at second S")
    add("--resume", action="store_true", help="leave the kinds of results that are there, whole")
    add("--no-smooth", action="store_true", help="each frame as the network sees it")
    add_finding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Follow the faces, save what is wanted."""
    film = read_film(args.film)
    base = make_folder(args.out) / args.film.stem
    if args.resume:
        parts = unfinished(base)
        there = [kind for kind in args.save if _is_there(base, kind) and kind not in parts]
        args.save = tuple(kind for kind in args.save if kind not in there)
        if not args.save:
            say(f"{args.film}: there already: {', '.join(there)}")
            return ALL_WELL
    followed = follow(
        args.film,
        reconstruct=reconstructor_of(args),
        people=args.people,
        smooth=not args.no_smooth,
        start=args.start,
        end=args.end,
    )
    try:
        frames, tracks, stopped = _save(followed, film, base, args)
    except _NoFaceError as error:
        say(f"{args.film}: no face found in {_counted(error.args[0], 'frame')}")
        return NO_FACE
    except PrnetError:
        with suppress(PrnetError):  # the disk may be full
            tell_unfinished(base, {kind for kind in unfinished(base) if _is_there(base, kind)})
        raise
    names = ", ".join(path.name for kind in args.save for path in paths_of(base, kind))
    counted = f"{_counted(frames, 'frame')}, {_counted(len(tracks), 'track')}"
    say(f"{args.film}: {counted} -> {names}")
    if stopped is not None:
        say(f"{args.film}: only a part, as {base.name}{UNFINISHED} says; --resume makes it whole")
        raise stopped
    tell_unfinished(base, unfinished(base) - set(args.save))
    return ALL_WELL


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _is_there(base: Path, kind: str) -> bool:
    """Whether all files of a kind are."""
    return all(path.exists() for path in paths_of(base, kind))


class _NoFaceError(Exception):
    """No frame had a face; of so many frames."""


def _save(
    followed: Iterator[tuple[Frame, list[Face]]], film: Film, base: Path, args: argparse.Namespace
) -> tuple[int, set[int | None], BaseException | None]:
    """Frames, track numbers, and what stopped it before the end, if anything did: what is done
    until then is kept, if there is a face in it."""
    frames, tracks, stopped = 0, set[int | None](), None
    with ExitStack() as stack:
        # The overlay is the first, and so the last to end: a disk that it fills leaves the tables.
        kinds = [kind for kind in OUTPUTS if kind in args.save]
        takers = [
            stack.enter_context(OUTPUTS[kind](base, film, args.start or 0.0)) for kind in kinds
        ]
        bar = stack.enter_context(_bar(film, args))
        try:
            for frame, faces in followed:
                if faces and not tracks:  # from now on something is saved
                    tell_unfinished(base, unfinished(base) | set(kinds))
                for take in takers:
                    take(frames, frame, faces)
                frames += 1
                tracks |= {face.track for face in faces}
                bar.update()
        except (KeyboardInterrupt, PrnetError) as error:
            stopped = error
        if not tracks:
            raise stopped or _NoFaceError(frames)
    return frames, tracks, stopped


def _bar(film: Film, args: argparse.Namespace) -> Any:
    """Frames a second and the time left, when somebody is looking."""
    from tqdm import tqdm

    start, end = args.start or 0.0, film.seconds
    if args.end is not None:
        end = args.end if end is None else min(end, args.end)
    total = None if end is None else max(round((end - start) * float(film.rate)), 0)
    silent = sys.stderr is None or not sys.stderr.isatty()
    return tqdm(total=total, unit="frame", leave=False, disable=silent)


def people_option(text: str) -> People:
    if text == "largest":
        return "largest"
    with suppress(argparse.ArgumentTypeError):
        return positive(text)
    raise argparse.ArgumentTypeError(
        f"expected a positive whole number of people or largest, got {text}"
    )


def _seconds(text: str) -> float:
    value = finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected seconds from 0, got '{text}'")
    return value
