"""The ``prnet`` command: hands over to one module of :mod:`prnet.commands`, imported on demand."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from prnet.errors import DEBUG_HINT, PrnetError, in_words
from prnet.files.keep import keep_files
from prnet.files.results import without_empty_folders
from prnet.files.streams import say, steady_streams
from prnet.words import language_of, speak, translated

COMMANDS = {
    "try": ("prnet.commands.try_", "everything on the sample photo, to see whether it works"),
    "reconstruct": ("prnet.commands.reconstruct", "photos -> meshes, landmarks, pose, overlays"),
    "dataset": (
        "prnet.commands.bulk.dataset",
        "photos by the million -> shards of rows and files",
    ),
    "depth-labels": (
        "prnet.commands.bulk.depth_labels",
        "photos -> pseudo depth for training anti-spoofing networks",
    ),
    "video": ("prnet.commands.films.video", "a film -> tracks, landmarks, pose, an overlay film"),
    "live": ("prnet.commands.films.live", "a camera -> curves and pose to another program, by UDP"),
    "evaluate": ("prnet.commands.evaluate", "score the network or others on a test set"),
    "texture": ("prnet.commands.texture", "put an edited texture back into its photo"),
    "page": ("prnet.commands.serving.page", "the page that does it in a browser, as static files"),
    "serve": (
        "prnet.commands.serving.serve",
        "the page on this machine, and a service for programs",
    ),
    "swap": ("prnet.commands.swap", "the face of one photo on the face of another"),
    "demo": ("prnet.commands.demo", "the 2018 release's demo.py, its options and files"),
    "demo-texture": ("prnet.commands.demo_texture", "the 2018 release's demo_texture.py"),
    "train": ("prnet.commands.training.train", "train the network on a prepared folder"),
    "train-detector": (
        "prnet.commands.training.train_detector",
        "train the face detector on its pools",
    ),
    "prepare": ("prnet.commands.prepare", "photos and labels -> the arrays that training reads"),
    "import-checkpoint": (
        "prnet.commands.import_checkpoint",
        "the 2018 release's TensorFlow checkpoint -> a model folder",
    ),
    "data": ("prnet.commands.data", "check a data set's folder before training"),
    "label": ("prnet.commands.label", "photos -> labels to train on"),
    "facemodel": ("prnet.commands.facemodel", "a face model's own files -> one .npz for training"),
}
"""Name: (module, summary). The module's docstring is the command's description."""

OUTPUTS = ("out", "outputDir", "output_path")
"""Options that say where results go; all other paths are inputs."""

FAILED, USAGE_ERROR, INTERRUPTED = 1, 2, 130
"""Exit statuses. Failed: by an error that nobody foresaw. Usage error: the command could not
start, for wrong options, no model, no place for results."""


_NUMBERS = re.compile(r"-[\d.][\d.eE+-]*(,[\d.eE+-]+)+")


class _Parser(argparse.ArgumentParser):
    """Wrong options are one line, as other errors are, not all the options again."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        if "" in args:
            self.error("expected no empty word, got one (a variable that is not set?)")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        say(f"{self.prog}: {message} ({self.prog} --help tells more)", error=True)
        self.exit(USAGE_ERROR)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Results are finished whatever becomes of stdout."""
    argv = sys.argv[1:] if argv is None else list(argv)
    speak(language_of(argv, os.environ))
    left: SystemExit | None = None
    with steady_streams() as unsaid:
        try:
            chosen = next((word for word in argv if word in COMMANDS), "")
            status = _run(_parser(chosen).parse_args(_with_values(argv)))
        except KeyboardInterrupt:  # while the command is imported
            status = INTERRUPTED
        except SystemExit as leaving:  # wrong options, --help
            left, status = leaving, FAILED
    if unsaid:
        say(f"prnet: expected a stdout that takes the report, got: {unsaid[0]}", error=True)
        return status or FAILED
    if left is not None:
        raise left
    return status


def _with_values(argv: Sequence[str]) -> list[str]:
    """Options with values that begin with a minus, in one word: argparse takes -10,0,90,80 for an
    option."""
    words: list[str] = []
    for word in argv:
        if _NUMBERS.fullmatch(word) and words and words[-1].startswith("--"):
            word = f"{words.pop()}={word}"
        words.append(word)
    return words


def _run(args: argparse.Namespace) -> int:
    warnings.formatwarning = _one_line
    try:
        with keep_files(_given_files(args)), without_empty_folders(_results(args)):
            status: int = args.run(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        say(f"prnet {args.command}: {in_words(error, DEBUG_HINT)}", error=True)
        return USAGE_ERROR if isinstance(error, PrnetError) else FAILED
    return status


def _given_files(args: argparse.Namespace) -> Iterator[Path]:
    """Files that options name, which no result may replace. Training goes on in its own files."""
    for name, value in vars(args).items():
        if name not in OUTPUTS and not args.command.startswith("train"):
            values = value if isinstance(value, list) else [value]
            yield from (path for path in values if isinstance(path, Path))


def _results(args: argparse.Namespace) -> list[Path]:
    """Files and folders that options name for them."""
    values = [getattr(args, name, None) for name in OUTPUTS]
    return [path for path in values if isinstance(path, Path)]


def _parser(chosen: str) -> argparse.ArgumentParser:
    """All commands by name; only the chosen one is imported, so that ``--help`` is quick."""
    parser = _Parser(prog="prnet", description="3D faces from one photo.", allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == chosen:
            from prnet.commands._options import add_common_arguments

            module = importlib.import_module(module_name)
            command.description = module.__doc__
            module.add_arguments(command)
            for each in (parser, command):  # before the command's name or behind it
                add_common_arguments(each)
            command.set_defaults(run=module.run, default_of=command.get_default)
    return parser


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    line = f"prnet: {' '.join(str(message).split())}"
    return translated(line, getattr(sys.stderr, "encoding", None)) + "\n"


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"prnet {version('prnet')}")
        parser.exit()
