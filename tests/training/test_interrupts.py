"""Ctrl-C in a run: the step ends, a checkpoint stays, the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from prnet.training.interrupts import finishing_steps

OPTIONS = "--batch 4 --samples 64 --warmup 8 --threads 1 --loaders 1 --validate-every 64"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_keeps_its_steps(prepared: Path, tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "prnet", "train", "--data", str(prepared), *OPTIONS.split()]
    run = subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    log = tmp_path / "log.jsonl"
    while not log.exists() and run.poll() is None:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT) if number == signal.SIGINT else run.send_signal(number)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 130, err
    assert "Traceback" not in err
    assert "samples; the same command goes on from there" in out
    step = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]
    assert 0 <= step < 16
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "log.jsonl"]
    if number == signal.SIGTERM:
        return  # from there on as the other
    again = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 16


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What runs in the background of a shell has Ctrl-C ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_second_signal_interrupts_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with finishing_steps(alone=True) as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with finishing_steps(alone=False) as asked:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert asked()
    assert signal.getsignal(signal.SIGINT) is before
