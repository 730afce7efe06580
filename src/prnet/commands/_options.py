"""Options that several commands share, and what their values may be."""

from __future__ import annotations

import argparse
import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, get_args

from prnet.bulk.workers import usable_processors
from prnet.detection.anchorfree import MIN_SCORE
from prnet.detection.make import DetectorName
from prnet.errors import PrnetError
from prnet.files.onnx_session import Device
from prnet.geometry.boxes import Box
from prnet.reconstruct import MIN_PRESENCE, Reconstructor
from prnet.words import LANGUAGES


def add_finding_arguments(parser: argparse._ActionsContainer) -> None:
    """How faces are found, and by which network they are mapped."""
    add = parser.add_argument
    add("--detector", choices=get_args(DetectorName), default="auto", help="by default auto")
    add(
        "--detector-model",
        type=Path,
        metavar="PATH",
        help="file for dlib-cnn (mmod_human_face_detector.dat) or yunet "
        "(face_detection_yunet_2023mar.onnx); for prnet a folder of both of train-detector's files",
    )
    add(
        "--model",
        type=Path,
        metavar="DIR|accurate",
        help="model folder, by default the package's own; accurate: the mean of four looks by it",
    )
    add_device_argument(parser)


def add_device_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--device",
        choices=get_args(Device),
        default="auto",
        help="where the network runs; auto (default): on a GPU where ONNX Runtime has CUDA or "
        "DirectML, else on the CPU",
    )


def add_choosing_arguments(parser: argparse.ArgumentParser) -> None:
    """Which of the faces that were found are wanted."""
    add = parser.add_argument
    add(
        "--min-score",
        type=finite,
        metavar="S",
        help="leave out faces that score less, on the detector's own scale (default: "
        f"{MIN_SCORE} of detector prnet)",
    )
    add(
        "--min-presence",
        type=share,
        default=MIN_PRESENCE,
        metavar="P",
        help="leave out what the network does not take for a face, 0 keeps all "
        "(default %(default)s; not for given boxes or landmarks)",
    )
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--largest", action="store_true", help="the largest face alone")
    many.add_argument("--max-faces", type=positive, metavar="N", help="the N largest faces")
    add("--small-faces", action="store_true", help="look for small faces beside large ones, too")


def add_passes_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--passes",
        type=passes,
        metavar="N|auto",
        default="auto",
        help="2: crop again by the first landmarks; auto (default): where the first crop was off, "
        "with --box up to three times, given landmarks excepted; and heads that are turned far "
        "mirrored, too",
    )


_OF_RECONSTRUCTORS: Final = (
    *("detector", "detector_model", "min_score", "min_presence", "max_faces", "small_faces"),
    *("passes", "threads", "device", "max_pixels"),
)


def reconstructor_of(args: argparse.Namespace) -> Reconstructor:
    """With the options of a command; those that it does not have are the Reconstructor's own."""
    given = {name: getattr(args, name) for name in _OF_RECONSTRUCTORS if hasattr(args, name)}
    if getattr(args, "largest", False):
        given["max_faces"] = 1
    return Reconstructor(args.model, **given)


def add_workers_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N|auto",
        help="processes that share the work; auto: one for each processor (default 1)",
    )


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of every command."""
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of every error",
    )
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        default=argparse.SUPPRESS,
        help="language of the errors; by default zh where LC_ALL or LANG say so, else en",
    )


_OF_DETECTORS: Final = (
    *("detector", "detector_model", "min_score", "largest", "max_faces", "small_faces"),
    "min_presence",
)


def check_no_detector(args: argparse.Namespace, instead: str) -> None:
    """Raises PrnetError for an option that only a detector heeds, given beside ``instead``."""
    for option in _given(args, _OF_DETECTORS):
        if option != "--detector" or args.detector != "none":
            raise PrnetError(
                f"expected {option}, which is for detectors, or {instead} instead of one, got both"
            )


def check_not_given(args: argparse.Namespace, names: Iterable[str], other: str) -> None:
    """Raises PrnetError for one of the options ``names``, given beside ``other``."""
    for option in _given(args, names):
        raise PrnetError(f"expected {option} or {other}, beside which it does nothing, got both")


def _given(args: argparse.Namespace, names: Iterable[str]) -> Iterator[str]:
    """Options that are not what they are by default."""
    for name in names:
        if name in args and getattr(args, name) != args.default_of(name):
            yield "--" + name.replace("_", "-")


def parsed_box(text: str) -> Box:
    """X0,Y0,X1,Y1 in pixels."""
    try:
        x0, y0, x1, y1 = (float(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected X0,Y0,X1,Y1, got '{text}'") from None
    if not (all(map(math.isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1):
        raise argparse.ArgumentTypeError(f"expected X0 < X1 and Y0 < Y1, got '{text}'")
    return Box(x0, y0, x1, y1)


def listed(text: str) -> tuple[str, ...]:
    """Names with commas between them, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def some_of(text: str, known: Collection[str]) -> tuple[str, ...]:
    """At least one of the known names."""
    names = listed(text)
    if not names or set(names) - set(known):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(known)}, got '{text}'")
    return names


def _number(text: str) -> float:
    """NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def finite(text: str) -> float:
    """A number that is one."""
    number = _number(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number, got '{text}'")
    return number


def positive(text: str) -> int:
    """A whole number from 1."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got '{text}'")
    return int(text)


def _workers(text: str) -> int:
    """A whole number from 1, or auto."""
    return usable_processors() if text == "auto" else positive(text)


def passes(text: str) -> int | Literal["auto"]:
    """A whole number from 1, or auto."""
    if text == "auto":
        return "auto"
    try:
        return positive(text)
    except argparse.ArgumentTypeError as error:
        message = f"expected auto or a whole number from 1, got '{text}'"
        raise argparse.ArgumentTypeError(message) from error


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got '{text}'")
    return value


def pupils_apart(text: str) -> float:
    """Millimetres between the pupils that people, children too, have."""
    from prnet.formats.output import EYES_APART

    (low, high), distance = EYES_APART, _number(text)
    if not low <= distance <= high:
        raise argparse.ArgumentTypeError(
            f"expected {low:g} to {high:g} millimetres between the pupils, got '{text}'"
        )
    return distance
