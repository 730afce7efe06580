"""kill -9 at random moments: nothing broken, and nothing left behind after the next run.

  python tools/kill_test.py batch --kills 40
  python tools/kill_test.py train --kills 10

A run that nobody disturbs gives the files to compare with; results have no times in them, so
that those of the disturbed runs must be the same to the last byte.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from folders import contents as contents

from prnet.packaged import SAMPLE_PHOTO

PHOTOS = 4
KINDS = "obj,obj-texture,ply,glb,npz,mat,json,landmarks,depth,texture,overlay"
TEMPORARY = re.compile(r"\.prnet-[0-9a-f]{12}.*")
SAMPLES = 320


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("batch", "train"))
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = photos_command if args.what == "batch" else training_command
        command = make(folder)
        random = np.random.default_rng(args.seed)
        return killed(command, folder, args.kills, random)


def photos_command(folder: Path) -> list[str]:
    """Many results of many photos."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(PHOTOS):
        (photos / f"photo_{number:02d}.jpg").write_bytes(SAMPLE_PHOTO.read_bytes())
    return ["reconstruct", str(photos), "--save", KINDS]


def training_command(folder: Path) -> list[str]:
    """A training that keeps a checkpoint every other step."""
    import drawn_faces

    (folder / "prepared").mkdir()
    drawn_faces.write_prepared(folder / "prepared")
    options = f"--samples {SAMPLES} --batch 8 --warmup 8 --validate-every 16 --loaders 0"
    return ["train", "--data", str(folder / "prepared"), "--threads", "1", *options.split()]


def killed(command: list[str], folder: Path, kills: int, random: np.random.Generator) -> int:
    """Runs, disturbed and not; prints what was found, returns the exit status."""
    whole, disturbed = folder / "whole", folder / "disturbed"
    start = time.monotonic()
    assert finished([*command, "--out", str(whole)])
    seconds = time.monotonic() - start
    expected = contents(whole)
    broken, left, done, seen = [], 0, 0, 0
    while done < kills:
        if not killed_once([*command, "--out", str(disturbed)], seconds * random.random()):
            shutil.rmtree(disturbed)  # it had ended: a training that went on is shorter
            continue
        done += 1
        if not disturbed.exists():
            continue
        files = contents(disturbed)
        temporary = {name for name in files if TEMPORARY.fullmatch(Path(name).name)}
        left += len(temporary)
        seen += len(files) - len(temporary)
        for name in set(files) - temporary:
            if not whole_file(name, files[name], expected):
                broken.append(f"{name} after kill {done}")
    assert finished([*command, "--out", str(disturbed)])
    final = contents(disturbed)
    over = sorted(set(final) - set(expected))
    different = [name for name in expected if not whole_file(name, final.get(name), expected)]
    print(
        f"{kills} kills within a run of {seconds:.0f} s: {seen} files looked at, {len(broken)} "
        f"broken; {left} temporary files left by killed runs, "
        f"{len(over)} after the next whole run, {len(different)} of {len(expected)} results "
        "missing or other than undisturbed"
    )
    for line in [*broken, *over, *different]:
        print(f"  {line}")
    return 1 if broken or over or different else 0


def killed_once(command: list[str], seconds: float) -> bool:
    """Start and kill -9; False when it had ended before."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-m", "prnet", *command], stdout=quiet, stderr=quiet
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def finished(command: list[str]) -> bool:
    run = subprocess.run(
        [sys.executable, "-m", "prnet", *command], capture_output=True, check=False
    )
    if run.returncode:
        print(run.stdout.decode(), run.stderr.decode(), sep="\n")
    return run.returncode == 0


def whole_file(name: str, data: bytes | None, expected: dict[str, bytes]) -> bool:
    """Whether a result is one that an undisturbed run writes, at its end or on its way there."""
    if data is None or name not in expected:
        return False
    if name == "log.jsonl":  # grows, with times in it
        return data.endswith(b"\n") and all(json.loads(line) for line in data.splitlines())
    if name == "checkpoint.pt":
        return same_weights(data, expected[name])
    return data == expected[name]


def same_weights(data: bytes, expected: bytes) -> bool:
    """Whether a checkpoint is whole, and at the last step the one expected."""
    import torch

    one, other = (torch.load(io.BytesIO(each), weights_only=True) for each in (data, expected))
    pairs = zip(one["averaged"].items(), other["averaged"].items(), strict=True)
    same = all(name == twin and torch.equal(a, b) for (name, a), (twin, b) in pairs)
    return bool(one["step"] < other["step"]) or same


if __name__ == "__main__":
    sys.exit(main())
