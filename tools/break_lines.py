"""Break lines of the package one at a time and see whether a test fails: tests die with their line.

    python tools/break_lines.py                   # every break of lines_to_break.txt
    python tools/break_lines.py swap losses       # those in files whose path has one of the words
    python tools/break_lines.py --each src/prnet/geometry/crop.py tests/geometry
                                                  # every operator and small number of one file

Works on a copy of the checkout (tracked and new files as they are now). Prints the breaks that no
test noticed, and ends with 1 if there were any. With ``--each`` some breaks change nothing that
anyone could notice; read the list, it is no score.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_name("lines_to_break.txt")

SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+",
    "*": "/", "/": "*", "and": "or", "or": "and", "min": "max", "max": "min", "True": "False",
    "False": "True", "0.5": "0", "0": "1", "1": "0", "2": "1",
}  # fmt: skip
"""What ``--each`` writes in a token's place."""


class Break(NamedTuple):
    """In ``file``, ``old`` at ``offset`` becomes ``new``; one of ``tests`` should fail."""

    file: str
    offset: int
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, text: str) -> str:
        return text[: self.offset] + self.new + text[self.offset + len(self.old) :]


def read_table(text: str, root: Path = ROOT) -> list[Break]:
    """Paragraphs: the file; "- " and text that is there once; "+ " and what takes its place;
    "tests" and the nearest tests. Lines that begin with # are comments."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    breaks = []
    for paragraph in filter(str.strip, "\n".join(lines).split("\n\n")):
        file, *changed, tests = paragraph.strip("\n").split("\n")
        old, new = (
            "\n".join(line[2:] for line in changed if line.startswith(sign)) for sign in "-+"
        )
        whole = (root / file).read_text()
        if whole.count(old) != 1:
            found = f"expected one place with {old!r}, got {whole.count(old)}"
            raise SystemExit(f"{TABLE.name}, {file}: {found}")
        breaks.append(Break(file, whole.index(old), old, new, tuple(tests.split()[1:])))
    return breaks


def each_token(file: str, text: str, tests: tuple[str, ...]) -> Iterator[Break]:
    """A break for every token of ``text`` that has a swap; strings and comments stay."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row, column = token.start
        if token.string in SWAPS and token.type in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            offset = starts[row - 1] + column
            yield Break(file, offset, token.string, SWAPS[token.string], tests)


def copy_of(root: Path, folder: Path) -> Path:
    """The files of the checkout that git knows or would add."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    return folder


def passes(folder: Path, tests: tuple[str, ...], *, seconds: float = 600) -> bool | None:
    """Whether the tests pass on the copy; None where they took too long to say."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",  # breaks can be faster than a file's time stamp
    }
    try:
        told = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return None
    return told.returncode == 0


def unnoticed(breaks: list[Break], folder: Path) -> Iterator[Break]:
    """Those that no test notices, in a copy whose tests pass."""
    for tests in dict.fromkeys(each.tests for each in breaks):
        if not passes(folder, tests):
            raise SystemExit(f"{' '.join(tests)}: expected tests that pass before anything breaks")
    for number, each in enumerate(breaks, start=1):
        path = folder / each.file
        whole = path.read_text()
        path.write_text(each.apply(whole))
        survives = passes(folder, each.tests)
        path.write_text(whole)
        line = whole.count("\n", 0, each.offset) + 1
        verdict = {True: "UNNOTICED", False: "noticed  ", None: "timed out"}[survives]
        change = " ".join(f"{each.old} -> {each.new}".split())
        print(f"{number}/{len(breaks)} {verdict} {each.file}:{line}  {change}", flush=True)
        if survives:
            yield each


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="parts of paths; with --each, the tests to run")
    parser.add_argument("--each", metavar="FILE", help="break every operator of this file")
    arguments = parser.parse_args()
    if arguments.each:
        text = (ROOT / arguments.each).read_text()
        breaks = list(each_token(arguments.each, text, tuple(arguments.words)))
    else:
        words = arguments.words or [""]
        table = read_table(TABLE.read_text())
        breaks = [each for each in table if any(word in each.file for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        left = list(unnoticed(breaks, copy_of(ROOT, Path(folder))))
    print(f"{len(left)} of {len(breaks)} went unnoticed")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
