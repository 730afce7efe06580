from __future__ import annotations

import argparse
import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from prnet.cli import COMMANDS, _parser, main
from prnet.files.atomic import write_bytes


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, (_, summary) in COMMANDS.items():
        assert name in text
        assert summary in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    explanation = importlib.import_module(COMMANDS[name][0]).__doc__ or ""
    assert explanation.split("\n")[0]
    assert explanation.split("\n")[0] in capsys.readouterr().out


def with_subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from with_subcommands(each)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_written_out_and_results_go_to_o(name: str) -> None:
    """`--tex` means something else once there is another option of that beginning."""
    for parser in with_subcommands(_parser(name)):
        assert not parser.allow_abbrev
        if "--out" in parser._option_string_actions:
            assert parser._option_string_actions["-o"] is parser._option_string_actions["--out"]


def test_warnings_are_one_line(tmp_path: Path, sample_image: NDArray[np.uint8]) -> None:
    """A process of its own: pytest keeps warnings to itself."""
    photo = tmp_path / "cut.jpg"
    Image.fromarray(sample_image[:64, :64]).save(photo)
    photo.write_bytes(photo.read_bytes()[:-2])
    pages = tmp_path / "pages.tif"
    page = Image.fromarray(sample_image[:64, :64])
    page.save(pages, save_all=True, append_images=[page])
    (tmp_path / "film.mov").write_bytes(b"x")
    folders = [str(tmp_path), "-o", str(tmp_path / "out")]
    command = [sys.executable, "-m", "prnet", "reconstruct", *folders]
    lines = subprocess.run(command, capture_output=True, text=True).stderr.splitlines()
    assert lines == [
        f"prnet: {tmp_path}: left out: cannot be read: film.mov",
        f"prnet: {photo}: the end of this JPEG is missing, its pixels are not",
        f"prnet: {pages}: expected one picture, got several; the first is taken",
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("", "required: COMMAND (prnet --help tells more)"),
        ("unknown", "invalid choice: 'unknown'"),
        ("reconstruct", "required: PHOTO, -o/--out (prnet reconstruct --help tells more)"),
        ("reconstruct '' -o out", "expected no empty word, got one"),
        ("reconstruct a.jpg -o out --min-score nan", "expected a number, got 'nan'"),
        ("reconstruct a.jpg -o out --box -1,2,x,4", "--box: expected one argument"),
        ("prepare labels.npz -o out --stored-size 1", "expected 64 to 2048 pixels, got '1'"),
        ("label photos -o out --processes 0", "expected a positive whole number, got '0'"),
        ("texture edit a.jpg b.png", "required: -o/--out (prnet texture edit --help tells more)"),
    ],
)
def test_wrong_calls_are_one_line_and_status_2(
    call: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(call))
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_help_that_nobody_gets_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "prnet", "--help"]
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("prnet: expected a stdout that takes the report, got: ")


def test_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "prnet", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith(
        "prnet "
    )


def test_an_interrupt_while_the_command_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("prnet.cli.importlib.import_module", interrupted)
    assert main(["video", "a.mp4", "--out", "b"]) == 130


@pytest.mark.parametrize("debug", [False, True])
def test_errors_that_nobody_foresaw_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], debug: bool
) -> None:
    import prnet.commands.try_ as command

    def run(_: object) -> int:
        raise KeyError("two\nlines")

    monkeypatch.setattr(command, "run", run)
    assert main(["try", *(["--debug"] if debug else [])]) == 1
    *traceback, line = capsys.readouterr().err.splitlines()
    assert line == "prnet try: got an unforeseen KeyError: 'two\\nlines' (--debug shows where)"
    assert bool(traceback) == debug


def test_no_command_writes_over_a_file_that_an_option_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import prnet.commands.facemodel as command

    model = tmp_path / "ict.npz"
    model.write_bytes(b"the only copy")
    (tmp_path / "link.npz").symlink_to(model)
    monkeypatch.setattr(command, "_write_expression_model", lambda _, out: write_bytes(out, b""))
    arguments = ["facemodel", "expression", str(model), "--out"]
    for out in ("ict.npz", "link.npz"):
        assert main([*arguments, str(tmp_path / out)]) == 2
        assert "expected a place for a result, got one of" in capsys.readouterr().err
    assert model.read_bytes() == b"the only copy"
    assert main([*arguments, str(tmp_path / "other.npz")]) == 0
