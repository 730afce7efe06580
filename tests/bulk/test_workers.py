"""Processes that share work: order, deaths, ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from multiprocessing import context, get_context
from pathlib import Path
from typing import Any

import pytest
import tasks

from prnet.bulk import workers
from prnet.bulk.workers import spread
from prnet.errors import PrnetError, PrnetWarning
from prnet.files.keep import keep_files

HELPERS = Path(tasks.__file__).parent


def test_results_keep_the_order_and_a_death_costs_nothing(tmp_path: Path) -> None:
    """-2 ends its process once and is done again; -1 every process, and is said to be lost."""
    numbers = [*range(12), -2, 3, -1, *range(20)]
    with pytest.warns(PrnetWarning, match="seven"):
        found = list(spread(tasks.Task(tmp_path), numbers, workers=2, lost=tasks.lost))
    assert found == [-1 if number == -1 else number * number for number in numbers]
    pids = {int(path.stem) for path in tmp_path.glob("*.pid")}
    assert os.getpid() not in pids
    assert 3 <= len(pids) < 6, "two, and one more for a death while there is work"
    assert not any(_lives(pid) for pid in pids)


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    assert list(spread(tasks.Task(tmp_path), [2, 3], workers=1, lost=tasks.lost)) == [4, 9]
    assert [path.stem for path in tmp_path.glob("*.pid")] == [str(os.getpid())]


def test_what_a_task_raises_ends_it_all(tmp_path: Path) -> None:
    work = spread(tasks.Task(tmp_path), [1, 1000, *range(50)], workers=2, lost=tasks.lost)
    with pytest.raises(PrnetError, match="expected less, got 1000"):
        list(work)
    assert not any(_lives(int(path.stem)) for path in tmp_path.glob("*.pid"))


def test_files_are_kept_in_other_processes_too(tmp_path: Path) -> None:
    photo, free = tmp_path / "photo.jpg", tmp_path / "free"
    photo.write_bytes(b"old")
    with keep_files([photo]):
        said = list(spread(tasks.write_kept, [photo, free], workers=2, lost=tasks.write_lost))
    assert "expected a place for a result" in said[0]
    assert (said[1], photo.read_bytes()) == ("written", b"old")


@pytest.mark.skipif(os.name == "nt", reason="is so there")
def test_a_worker_that_died_without_a_word_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows the end of the connection that was meant for it stays open here."""
    spawn, kept = get_context("spawn"), []

    def pipe() -> tuple[Any, Any]:
        ours, theirs = context.SpawnContext.Pipe(spawn)
        kept.append(socket.socket(fileno=os.dup(theirs.fileno())))
        return ours, theirs

    monkeypatch.setattr(spawn, "Pipe", pipe)
    monkeypatch.setattr(workers, "get_context", lambda method: spawn)
    monkeypatch.setattr(workers, "LOOK", 0.1)
    assert list(spread(tasks.Task(tmp_path), [2, -1, 3], workers=2, lost=tasks.lost)) == [4, -1, 9]
    assert kept
    for each in kept:
        each.close()


def test_no_more_workers_than_can_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MOST", 2)
    list(spread(tasks.Task(tmp_path), range(6), workers=4, lost=tasks.lost))
    assert len(list(tmp_path.glob("*.pid"))) <= 2


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(HELPERS)!r})
import tasks, pathlib
from prnet.bulk.workers import spread
if __name__ == "__main__":
    work = tasks.Task(pathlib.Path({str(tmp_path)!r}), 60.0)
    list(spread(work, range(4), workers=2, lost=tasks.lost))
"""
    (tmp_path / "run.py").write_text(script)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "run.py")])
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    if os.name == "nt":  # where os.kill(pid, 0) is Ctrl-C
        told = subprocess.run(["tasklist", "/NH", "/FI", f"PID eq {pid}"], capture_output=True)
        return str(pid).encode() in told.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # a zombie is dead
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
