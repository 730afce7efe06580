"""Damaged files for readers: each is read as it should be, or refused in one line.

`fuzz_readers.py` and `fuzz_pictures.py` say what is read. Round N of a seed is always the same
file, whatever came before. Rounds run in a child process of bounded memory, which is started anew
behind a round that killed it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prnet.errors import PrnetError

MEMORY = 2**30
"""Bytes that a child may have besides what it has when it starts."""
SECONDS = 20
"""A round that takes longer hangs."""
LONGEST_LINE = 300
"""Characters of a refusal, the path not counted."""

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
WORDS = ("nan", "inf", "-inf", "1e308", "-1e308", "1e-300", "-1", "0", "99999999999999999999")
VALUES = (np.nan, np.inf, 1e308, -1e308, 1e-300, 6e4, 3e38, -1.0, 0.0)


@dataclass(frozen=True)
class Subject:
    """A kind of file. ``data``: a whole one; ``read(path)`` reads and uses a file of ``name``;
    ``beside``: other files of the folder; ``weight``: how often it comes."""

    name: str
    data: bytes
    read: Callable[[Path], object]
    beside: Callable[[Path], object] = lambda folder: None
    weight: float = 1.0


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """``data`` with one to four faults, each of a kind that disks, networks or editors make."""
    octets = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        fault = FAULTS[int(random.integers(len(FAULTS)))]
        if octets:
            fault(octets, random)
    return bytes(octets)


def _place(octets: bytearray, random: np.random.Generator) -> int:
    """Mostly anywhere, often in the header, sometimes near the end (directories of zip files)."""
    size = len(octets)
    where = random.random()
    if where < 0.4:
        return int(random.integers(min(size, 256)))
    return (
        size - 1 - int(random.integers(min(size, 256)))
        if where < 0.6
        else int(random.integers(size))
    )


def _flip(octets: bytearray, random: np.random.Generator) -> None:
    octets[_place(octets, random)] ^= 1 << int(random.integers(8))


def _number(octets: bytearray, random: np.random.Generator) -> None:
    place, size = _place(octets, random), int(random.choice([1, 2, 4, 8]))
    value = int(NUMBERS[int(random.integers(len(NUMBERS)))]) % (1 << 8 * size)
    order = "little" if random.random() < 0.7 else "big"
    octets[place : place + size] = value.to_bytes(size, order)  # type: ignore[arg-type]


def _noise(octets: bytearray, random: np.random.Generator) -> None:
    place, size = _place(octets, random), int(random.integers(1, 64))
    octets[place : place + size] = random.bytes(min(size, len(octets) - place))


def _cut(octets: bytearray, random: np.random.Generator) -> None:
    del octets[_place(octets, random) :]


def _remove(octets: bytearray, random: np.random.Generator) -> None:
    place = _place(octets, random)
    del octets[place : place + int(random.integers(1, 256))]


def _repeat(octets: bytearray, random: np.random.Generator) -> None:
    place = _place(octets, random)
    octets[place:place] = octets[place : place + int(random.integers(1, 256))]


def _word(octets: bytearray, random: np.random.Generator) -> None:
    """A number of a text becomes another one."""
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(octets[:20000])))
    if numbers:
        number = numbers[int(random.integers(len(numbers)))]
        octets[number.start() : number.end()] = str(random.choice(WORDS)).encode()


def _line(octets: bytearray, random: np.random.Generator) -> None:
    """A line less, or a line twice."""
    lines = bytes(octets).split(b"\n")
    row = int(random.integers(len(lines)))
    lines[row : row + 1] = [] if random.random() < 0.5 else [lines[row]] * 2
    octets[:] = b"\n".join(lines)


FAULTS = (_flip, _number, _noise, _cut, _remove, _repeat, _word, _line)


def changed_archive(data: bytes, random: np.random.Generator) -> bytes:
    """A whole ``.npz``, with right checksums, of other arrays: one is missing, damaged, of another
    shape or type, or holds what it should not."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = str(random.choice(sorted(members)))
    choice = random.random()
    if choice < 0.1:
        del members[name]
    elif choice < 0.4:
        members[name] = damaged(members[name], random)
    else:
        stream = io.BytesIO()
        np.save(stream, changed_array(np.load(io.BytesIO(members[name])), random))
        members[name] = stream.getvalue()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return stream.getvalue()


def changed_array(array: np.ndarray[Any, Any], random: np.random.Generator) -> Any:
    """Of another shape or type, or with other values."""
    choice = random.random()
    if choice < 0.25 and array.size:
        values = np.array(array.ravel() if array.ndim else array[None])
        kind = values.dtype.kind
        where = slice(None) if random.random() < 0.3 else random.integers(values.size)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "f":
                values[where] = VALUES[int(random.integers(len(VALUES)))]
            elif kind in "iu":
                values[where] = random.choice([0, 1, 127, 255]) - (kind == "i") * 2
            elif kind == "b":
                values[where] = random.random() < 0.5
            else:
                values[where] = str(random.choice(["", "x", "\ud800", "../..", "a\nb"]))
        return values.reshape(array.shape)
    if choice < 0.5:
        kinds = ["U3"] if array.dtype.kind == "U" else ["f2", "f8", "i4", "u1", "c8", "U3", "?"]
        with np.errstate(all="ignore"):
            return array.astype(str(random.choice(kinds)))
    if choice < 0.6:
        return array[..., None]
    if choice < 0.7:
        return array.ravel()
    if choice < 0.8 and array.ndim:
        return array[:0]
    if choice < 0.9 and array.ndim:
        return array[:-1]
    return array.T if array.ndim > 1 else np.zeros((), array.dtype)


def run(subjects: Callable[[Path], Sequence[Subject]], doc: str) -> int:
    """The program: rounds in children, then a table; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that found something")
    parser.add_argument("--only", default="", help="subjects whose name holds this")
    parser.add_argument("--first", type=int, default=0, help="the first round")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        _child(subjects, args)
        return 0
    start, round_, outcomes, faults, peak = time.monotonic(), args.first, Counter[str](), [], 0
    while round_ < args.first + args.count:
        for line in _lines_of_child(args, round_):
            if "round" not in line:
                peak = max(peak, line["peak"])
                continue
            round_ = line["round"] + 1
            outcomes[line["outcome"]] += 1
            if line["outcome"] not in ("read", "refused"):
                faults.append(line)
    for fault in faults:
        print(f"round {fault['round']}, {fault['subject']}: {fault['outcome']}: {fault['words']}")
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    print(
        f"{args.count} files from round {args.first}, seed {args.seed}: {told}; "
        f"{len(faults)} faults; most memory {peak / 2**20:.0f} MB "
        f"above the start's, {time.monotonic() - start:.0f} s"
    )
    return 1 if faults else 0


def _lines_of_child(args: argparse.Namespace, round_: int) -> list[dict[str, Any]]:
    """What a child told; when it died, the round that it was in as the last line."""
    rest = args.first + args.count - round_
    command = [sys.executable, sys.argv[0], "--child", "--count", str(rest), "--seed"]
    command += [str(args.seed), "--first", str(round_), "--only", args.only]
    command += ["--keep", str(args.keep)] if args.keep else []
    child = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith(b"{")]
    if child.returncode and not (lines and "begun" in lines[-1]):
        raise SystemExit(f"the child ended with {child.returncode} outside of its rounds")
    told = [line for line in lines if "begun" not in line]
    if child.returncode:
        died = {"outcome": "crash", "words": f"status {child.returncode}"}
        told.append({"round": lines[-1]["begun"], "subject": lines[-1]["subject"], **died})
    return told


def _child(subjects: Callable[[Path], Sequence[Subject]], args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        chosen = [one for one in subjects(Path(name)) if args.only in one.name]
        for number, subject in enumerate(chosen):  # whole files are read, and imports are done
            folder = Path(name) / str(number)
            folder.mkdir()
            subject.beside(folder)
            (folder / subject.name).write_bytes(subject.data)
            subject.read(folder / subject.name)
        before = _limit_memory()
        weights = np.array([subject.weight for subject in chosen])
        for round_ in range(args.first, args.first + args.count):
            random = np.random.default_rng([args.seed, round_])
            number = int(random.choice(len(chosen), p=weights / weights.sum()))
            subject = chosen[number]
            _tell(begun=round_, subject=subject.name)
            archive = subject.name.endswith(".npz") and random.random() < 0.5
            data = (changed_archive if archive else damaged)(subject.data, random)
            path = Path(name) / str(number) / subject.name
            path.write_bytes(data)
            if args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                (args.keep / f"{round_}-{subject.name}").write_bytes(data)
            outcome, words = _outcome(subject, path)
            if args.keep and outcome in ("read", "refused"):
                (args.keep / f"{round_}-{subject.name}").unlink()
            _tell(round=round_, subject=subject.name, outcome=outcome, words=words)
        _tell(peak=_peak() - before)


def _outcome(subject: Subject, path: Path) -> tuple[str, str]:
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            subject.read(path)
        noise = [str(one.message) for one in warned if issubclass(one.category, RuntimeWarning)]
        return ("warned", noise[0]) if noise else ("read", "")
    except PrnetError as error:
        line = str(error).replace(str(path), "").replace(str(path.parent), "")
        fits = len(line) <= LONGEST_LINE and "\n" not in line
        return ("refused" if fits else "long", line[: 2 * LONGEST_LINE])
    except Exception as error:
        trace: Any = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        return "error", f"{type(error).__name__}: {str(error)[:200]} ({where})"
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _hangs(*_: object) -> None:
    os.write(2, b"a round hangs\n")
    os._exit(99)


def _tell(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _limit_memory() -> int:
    """Bound the address space from here on; returns the peak of resident memory so far."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0
    status = Path("/proc/self/status")
    if status.exists():
        match = re.search(r"VmSize:\s+(\d+)", status.read_text())
        assert match is not None
        most = int(match.group(1)) * 1024 + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return _peak()


def _peak() -> int:
    """Largest resident memory so far, bytes."""
    try:
        import resource
    except ModuleNotFoundError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
