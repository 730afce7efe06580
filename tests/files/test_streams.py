"""Commands finish their results whatever becomes of stdout, and say so in one line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prnet.files.streams import SteadyStream, say

CALL = """
import sys
from prnet import cli
from prnet.files.streams import say

def run(args):
    for number in range(3):
        say(f"photo {number} \\u5199\\udcff\\n")
        open(f"{sys.argv[2]}/{number}", "w").close()
    return 0

cli._parser = lambda _: type("P", (), {"parse_args": lambda *_: type(
    "A", (), {"run": staticmethod(run), "command": "x", "debug": False})})()
sys.exit(cli.main(sys.argv[1:]))
"""


def _call(
    folder: Path, *, encoding: str = "utf-8", **options: object
) -> subprocess.CompletedProcess[bytes]:
    """As a user's shell would, with a stdout that Python buffers."""
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    env.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(
        [sys.executable, "-c", CALL, "x", str(folder)],
        stderr=subprocess.PIPE,
        check=False,
        env=env,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8", "utf-16"])
def test_names_that_the_stream_cannot_encode(tmp_path: Path, encoding: str) -> None:
    done = _call(tmp_path, stdout=subprocess.PIPE, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode(encoding).splitlines()
    sign = "写" if encoding.startswith("utf") else r"\u5199"
    escaped = [line.replace(r"\u5199", sign) for line in lines]
    assert escaped == [rf"photo {number} {sign}\udcff\x0a" for number in range(3)]


def test_reader_who_has_gone(tmp_path: Path) -> None:
    there, here = os.pipe()
    os.close(there)
    done = _call(tmp_path, stdout=here)
    os.close(here)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_stdout(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = _call(tmp_path, stdout=full)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "expected a stdout that takes the report" in line
    assert "No space left" in line
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(os.name == "nt", reason="closes a file descriptor in the child")
def test_no_stdout_at_all(tmp_path: Path) -> None:
    done = _call(tmp_path, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(tmp_path.iterdir())) == 3


def test_line_feeds_of_names_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb\x1b[31m: no face")
    assert capsys.readouterr().out == "a\\x0ab\\x1b[31m: no face\n"


def test_steady_stream_is_otherwise_the_stream() -> None:
    inner = io.StringIO()
    stream = SteadyStream(inner)
    assert stream.write("é") == 1
    stream.flush()
    assert (inner.getvalue(), stream.isatty()) == ("é", False)
