"""kill -9 at random moments of ``prnet dataset``: the parent, one of its workers, Ray's driver.

  python tools/kill_shards.py --kills 10
  python tools/kill_shards.py --kills 10 --victim worker
  python tools/kill_shards.py --kills 10 --engine ray

After each kill: no process of the run is left after a few seconds, and shards that were there
still are, whole. At the end: the next run's files are those of an undisturbed one to the last byte,
nothing is left beside them, and ``--check`` finds every photo once.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from kill_test import TEMPORARY, contents

from prnet.packaged import SAMPLE_PHOTO

PHOTOS, SHARD = 48, 4
PATIENCE = 15.0
"""Seconds in which processes have to end."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--victim", choices=("parent", "worker"), default="parent")
    parser.add_argument("--engine", choices=("processes", "ray"), default="processes")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return killed(Path(name), args, np.random.default_rng(args.seed))


def killed(folder: Path, args: argparse.Namespace, random: np.random.Generator) -> int:
    photos = folder / "photos"
    photos.mkdir()
    for number in range(PHOTOS):
        (photos / f"{number:03d}.jpg").write_bytes(SAMPLE_PHOTO.read_bytes())
    start = time.monotonic()
    run(photos, folder / "whole", args.engine).wait()
    seconds, expected = time.monotonic() - start, contents(folder / "whole")
    out, problems, done, disturbed, kept_all = folder / "disturbed", [], 0, 0, 0
    while done < args.kills:
        before = contents(out) if out.exists() else {}
        process = run(photos, out, args.engine)
        wait_for(process, out, int(random.integers(shards(out), PHOTOS // SHARD)))
        time.sleep(random.uniform(0, 1))
        family = [process.pid, *descendants(process.pid)]
        workers = begun(process.pid)
        if process.poll() is not None:
            remove_some(out, random)  # it had ended
            continue
        victim = process.pid
        if args.victim == "worker":
            victim = int(random.choice(workers))
        os.kill(victim, signal.SIGKILL)
        done += 1
        if args.victim == "worker":
            status = process.wait()
            problems += [f"kill {done}: the run ended with {status}"] if status else []
        process.wait()
        left = lives(family)
        problems += [f"kill {done}: {len(left)} processes stayed behind: {left}"] if left else []
        after = contents(out) if out.exists() else {}
        for name, data in after.items():
            temporary = TEMPORARY.fullmatch(Path(name).name)
            if not temporary and name in expected and name.startswith("rows"):
                problems += [f"kill {done}: {name} is not whole"] if data != expected[name] else []
            disturbed += bool(temporary)
        lost = [name for name in before if name.startswith("rows") and name not in after]
        problems += [f"kill {done}: {lost} are gone"] if lost else []
        kept_all += sum(name.startswith("rows") for name in after)
        remove_some(out, random, share=0.6)
    assert run(photos, out, args.engine).wait() == 0
    final = contents(out)
    different = [name for name in expected if final.get(name) != expected[name]]
    over = sorted(set(final) - set(expected))
    check = [sys.executable, "-m", "prnet", "dataset", "--check", str(out)]
    status = subprocess.run(check, stdout=subprocess.DEVNULL, check=False).returncode
    print(
        f"{done} kills of the {args.victim} ({args.engine}) within runs of {seconds:.0f} s: "
        f"{kept_all} shards looked at, {len(problems)} broken or other troubles; {disturbed} "
        f"temporary files left by killed runs, {len(over)} after the next whole run, "
        f"{len(different)} of {len(expected)} files missing or other than undisturbed; "
        f"check: {status}"
    )
    for line in [*problems, *different, *over]:
        print(f"  {line}")
    return int(bool(problems or different or over or status))


def wait_for(process: subprocess.Popen[bytes], out: Path, done: int) -> None:
    """Until it has workers and so many shards are there: times of a busy machine say little."""
    while process.poll() is None and not (begun(process.pid) and shards(out) >= done):
        time.sleep(0.05)


def shards(out: Path) -> int:
    return sum(not TEMPORARY.fullmatch(path.name) for path in (out / "rows").rglob("*.parquet"))


def run(photos: Path, out: Path, engine: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "prnet", "dataset", str(photos), "--out", str(out)]
    command += ["--save", "crops,maps", "--shard-size", str(SHARD), "--engine", engine]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*command, "--workers", "2"], stdout=quiet, stderr=quiet)


def remove_some(out: Path, random: np.random.Generator, *, share: float = 0.8) -> None:
    """Some of the shards, so that there is something left to do."""
    for path in sorted((out / "rows").rglob("*.parquet")) if out.exists() else []:
        if random.random() < share and not TEMPORARY.fullmatch(path.name):
            path.unlink()


def descendants(process: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(told[1]), []).append(int(path.parent.name))
    found, waiting = [], [process]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def begun(process: int) -> list[int]:
    """Its workers."""
    return [pid for pid in descendants(process) if is_worker(pid)]


def is_worker(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return False
    return bool(re.search(r"spawn_main|MapWorker", words)) and "tracker" not in words


def lives(family: list[int]) -> list[int]:
    """Those of a run's processes that do not end."""
    deadline = time.monotonic() + PATIENCE
    while left := [pid for pid in family if alive(pid)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.2)
    return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
