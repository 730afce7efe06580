"""kill -9 at random moments of ``prnet dataset``: the parent, one of its workers, Ray's driver.

  python tools/kill_shards.py --kills 10
  python tools/kill_shards.py --kills 10 --victim worker
  python tools/kill_shards.py --kills 10 --engine ray

After each kill, told at once: no process of the run is left within a minute, shards that were
there still are, as they were, and no more than one for each worker was under way, which is all
that the next run does again. At the end: the next run's files are those of an undisturbed one to
the last byte, nothing is left beside them, and ``--check`` finds every photo once.
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

PHOTOS, SHARD, WORKERS = 160, 4, 2
PATIENCE = 60.0
"""Seconds in which processes have to end; how long they took is told."""


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
    out, problems, done = folder / "disturbed", list[str](), 0
    while done < args.kills:
        before = made(out)
        process = run(photos, out, args.engine)
        wait_for(process, out, int(random.integers(len(before), PHOTOS // SHARD)))
        time.sleep(random.uniform(0, 0.3))
        family = [process.pid, *descendants(process.pid)]
        workers = begun(process.pid)
        if process.poll() is not None:
            print("(ended before it was killed)", flush=True)
            remove_some(out, random)
            continue
        victim = process.pid if args.victim == "parent" else int(random.choice(workers))
        os.kill(victim, signal.SIGKILL)
        done += 1
        status = process.wait()
        wrong = [f"the run ended with {status}"] if args.victim == "worker" and status else []
        told = time.monotonic()
        left = lives(family)
        took = time.monotonic() - told
        wrong += [f"{len(left)} processes stayed behind: {left}"] if left else []
        after, files = made(out), contents(out) if out.exists() else {}
        half = [name for name in files if TEMPORARY.fullmatch(Path(name).name)]
        rows = [name for name in files if name.startswith("rows") and name not in half]
        wrong += [f"{name} is not whole" for name in rows if files[name] != expected[name]]
        wrong += [
            f"{path} is gone or made again" for path in before if before[path] != after.get(path)
        ]
        under_way = sum(name.startswith("rows") for name in half)
        wrong += [f"{under_way} shards under way"] if under_way > WORKERS else []
        print(
            f"kill {done} of {args.victim} ({args.engine}): {len(rows)} shards whole, "
            f"{under_way} under way, {len(left)} processes left, the others gone in {took:.0f} s"
            + "".join(f"; {each}" for each in wrong),
            flush=True,
        )
        problems += wrong
        remove_some(out, random, share=0.6)
    assert run(photos, out, args.engine).wait() == 0
    final = contents(out)
    different = [name for name in expected if final.get(name) != expected[name]]
    over = sorted(set(final) - set(expected))
    check = [sys.executable, "-m", "prnet", "dataset", "--check", str(out)]
    status = subprocess.run(check, stdout=subprocess.DEVNULL, check=False).returncode
    print(
        f"{done} kills of the {args.victim} ({args.engine}) within runs of {seconds:.0f} s: "
        f"{len(problems)} troubles; after the next whole run {len(over)} files too many, "
        f"{len(different)} of {len(expected)} missing or other than undisturbed; check: {status}"
    )
    for line in [*different, *over]:
        print(f"  {line}")
    return int(bool(problems or different or over or status))


def wait_for(process: subprocess.Popen[bytes], out: Path, done: int) -> None:
    """Until it has workers and so many shards are there: times of a busy machine say little."""
    while process.poll() is None and not (begun(process.pid) and len(made(out)) >= done):
        time.sleep(0.05)


def made(out: Path) -> dict[Path, int]:
    """The shards that are there, and when they were made."""
    rows = (out / "rows").rglob("*.parquet")
    return {path: path.stat().st_mtime_ns for path in rows if not TEMPORARY.fullmatch(path.name)}


def run(photos: Path, out: Path, engine: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "prnet", "dataset", str(photos), "--out", str(out)]
    command += ["--save", "crops,maps", "--shard-size", str(SHARD), "--engine", engine]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*command, "--workers", str(WORKERS)], stdout=quiet, stderr=quiet)


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
    return bool(re.search(r"spawn_main|MapWorker", words)) and "resource_tracker" not in words


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
