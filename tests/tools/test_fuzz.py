"""Thousands of damaged files: every reader reads them or refuses them in one line.

``python tools/fuzz_readers.py --help`` tells how one of them is looked at again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
COUNT = int(os.environ.get("PRNET_FUZZ", "1000"))
"""PRNET_FUZZ=20000 looks longer."""


@pytest.mark.parametrize("fuzzer", ["fuzz_pictures", "fuzz_readers"])
def test_damaged_files_are_read_or_refused_in_one_line(fuzzer: str) -> None:
    command = [sys.executable, str(TOOLS / f"{fuzzer}.py"), "--count", str(COUNT)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert f"{COUNT} files from round 0" in run.stdout
    assert "; 0 faults;" in run.stdout


def test_a_fault_is_found(tmp_path: Path) -> None:
    """A reader that raises, and one that dies: each is told with its round."""
    (tmp_path / "faulty.py").write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(TOOLS)!r})\n"
        "from fuzz import Subject, run\n"
        "whole = b'0123456789' * 9\n"
        "def raises(path):\n"
        "    if path.read_bytes() != whole: raise KeyError('x')\n"
        "def dies(path):\n"
        "    if path.read_bytes() != whole: os.abort()\n"
        "subjects = [Subject('a.bin', whole, raises), Subject('b.bin', whole, dies)]\n"
        "sys.exit(run(lambda folder: subjects, ''))\n"
    )
    command = [sys.executable, str(tmp_path / "faulty.py"), "--count", "6"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "a.bin: error: KeyError: 'x' (faulty.py:6)" in run.stdout
    assert "b.bin: crash: status -6" in run.stdout
    assert "6 files from round 0" in run.stdout
