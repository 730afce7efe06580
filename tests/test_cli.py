from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from prnet.cli import COMMANDS, main


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


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["reconstruct"]])
def test_wrong_calls_are_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "prnet", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith(
        "prnet "
    )
