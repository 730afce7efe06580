"""A full disk under a training: one line, a status other than 0, nothing half written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from full_disk import SAYS, files_below, full_disk

pytest.importorskip("torch")

from prnet.cli import main

NEW = "--samples 8 --batch 8 --loaders 0 --threads 1"


@pytest.mark.parametrize(("room", "left"), [(64, []), (4096, ["log.jsonl"])])
def test_training(
    room: int, left: list[str], prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before its first step, and where its checkpoint should go."""
    out = tmp_path / "run"
    with full_disk(room):
        assert main(["train", "--data", str(prepared), "--out", str(out), *NEW.split()]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("prnet train: ")
    assert SAYS in last
    assert files_below(out) == left
    for name in left:
        assert all(json.loads(line) for line in (out / name).read_text().splitlines())
