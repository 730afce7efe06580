"""The container's files, without a Docker engine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from prnet.cli import _parser
from prnet.commands.serving.serve import TOKEN

ROOT = Path(__file__).parents[2]


def test_the_image_is_not_root_and_its_command_is_ours() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    last = text[text.rindex("FROM ") :]
    user = re.findall(r"^USER (\S+)$", last, re.M)[-1]
    assert user not in ("0", "root")
    program, *words = json.loads(re.findall(r"^ENTRYPOINT (.*)$", last, re.M)[0])
    assert program == "prnet"
    options = _parser("serve").parse_args(words)
    assert options.allow_remote
    assert not options.open
    check = json.loads(re.findall(r"HEALTHCHECK.*?CMD (\[.*\])", last)[0])
    assert f":{options.port}/api/health" in check[-1]


def test_what_the_image_needs_is_let_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    named = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert named >= {"src", "pyproject.toml", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in named)


def test_the_example_keeps_the_file_system_and_the_token() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prnet"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["environment"][TOKEN].startswith(f"${{{TOKEN}:?")
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
