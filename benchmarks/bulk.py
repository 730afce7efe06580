"""Many photos: what processes, shards and the folder's book-keeping cost.

python benchmarks/bulk.py speed PHOTOS            one process and two, beside bare calls; memory
python benchmarks/bulk.py outputs PHOTOS          seconds and bytes of a face for each --save
python benchmarks/bulk.py rows --count 10000000   made-up rows: planning, resuming, checking
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

from prnet.bulk.check import check
from prnet.bulk.dataset import unfinished
from prnet.bulk.items import Item
from prnet.bulk.manifest import Manifest, begin
from prnet.bulk.parquet import import_pyarrow
from prnet.bulk.plan import Columns
from prnet.bulk.rows import SAMPLE_KINDS, SampleOptions, rows_of, samples_of
from prnet.bulk.shards import ABOUT, REPEATED, RowsFile, rows_path
from prnet.files.inputs import expand_inputs
from prnet.packaged import SAMPLE_PHOTO
from prnet.reconstruct import Reconstructor

SHARD = 1000
TURN = 1.0
"""Seconds."""
MOST_LISTED = 100_000
DIGITS = 9
COLUMNS = Columns()
SOURCE = "photos {:09}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "outputs", "rows"))
    parser.add_argument("photos", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.out) as name:
        folder = Path(name)
        if args.what == "rows":
            rows(folder, args.count)
        elif args.what == "speed":
            speed(args.photos, folder, args.turns)
        else:
            outputs(args.photos, folder)


def speed(photos: Path, folder: Path, turns: int) -> None:
    """Photos a second of ``prnet dataset`` with one and two workers, and of bare calls in this
    process. These and one worker are stopped and go on in turns, as other work on the machine slows
    both."""
    paths = expand_inputs([photos], recursive=True)
    reconstruct = Reconstructor()
    print(f"{len(paths)} photos")
    for turn in range(turns):
        one, bare = in_turns(photos, folder / f"{turn}-turns", cycle(paths), reconstruct)
        print(
            f"in turns: bare calls {bare:.1f} photos a second, one worker {len(paths) / one:.1f}: "
            f"{100 * len(paths) / one / bare:.0f} %",
            flush=True,
        )
        found = {}
        for workers in (1, 2):
            seconds, parent, memory, total = timed(photos, folder / f"{turn}-{workers}", workers)
            found[workers] = len(paths) / seconds
            print(
                f"{workers} workers: {found[workers]:.1f} photos a second, "
                f"{len(paths) / total:.1f} a CPU second of all processes; the parent's share "
                f"{100 * parent / total:.1f} %; a process's memory {memory:.0f} MB at most"
            )
        print(f"two over one: {found[2] / found[1]:.2f}", flush=True)


def command_of(photos: Path, out: Path, workers: int) -> list[str]:
    command = [sys.executable, "-m", "prnet", "dataset", str(photos), "--recursive", "--shard-size"]
    return [*command, "20", "--out", str(out), "--workers", str(workers)]


def in_turns(
    photos: Path, out: Path, paths: Iterator[Path], reconstruct: Reconstructor
) -> tuple[float, float]:
    """Seconds of one worker's run from its start to its end, without those in which it is stopped
    and this process calls; photos a second of the calls."""
    process = subprocess.Popen(command_of(photos, out, 1), stdout=subprocess.DEVNULL)
    worked = called = 0.0
    calls = 0
    while True:
        start = time.perf_counter()
        with suppress(subprocess.TimeoutExpired):
            process.wait(TURN)
        worked += time.perf_counter() - start
        if process.returncode is not None:
            return worked, calls / called
        process.send_signal(signal.SIGSTOP)
        start = time.perf_counter()
        while time.perf_counter() - start < TURN:
            reconstruct(next(paths))
            calls += 1
        called += time.perf_counter() - start
        process.send_signal(signal.SIGCONT)


def timed(photos: Path, out: Path, workers: int) -> tuple[float, float, float, float]:
    """Seconds of a run, the parent's CPU seconds, the largest process's MB, all CPU seconds."""
    command = command_of(photos, out, workers)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watch = Watch(process.pid)
    process.wait()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, watch.parent, watch.memory, total


class Watch:
    """Looks at a process and its children now and then."""

    def __init__(self, pid: int) -> None:
        self.parent, self.memory, self._pid = 0.0, 0.0, pid
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            try:
                told = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                return
            self.parent = (int(told[11]) + int(told[12])) / 100
            for path in Path("/proc").glob("[0-9]*/status"):
                try:
                    text = path.read_text()
                except OSError:
                    continue
                if f"\nPPid:\t{self._pid}\n" in text or path.parent.name == str(self._pid):
                    line = next((each for each in text.splitlines() if "VmHWM" in each), "VmHWM 0")
                    self.memory = max(self.memory, int(line.split()[1]) / 1024)
            time.sleep(0.2)


def outputs(photos: Path, folder: Path) -> None:
    """CPU seconds and bytes a face, by kind of sample, and of the row."""
    reconstruct = Reconstructor()
    faces = [face for path in expand_inputs([photos])[:100] for face in reconstruct(path)]
    print(f"{len(faces)} faces")
    for kind in SAMPLE_KINDS:
        start, size = time.process_time(), 0
        for face in faces:
            size += sum(map(len, samples_of(face, SampleOptions((kind,))).values()))
        cpu = 1000 * (time.process_time() - start) / len(faces)
        print(f"{kind}: {cpu:.1f} ms, {size / len(faces) / 1024:.1f} KB")
    start = time.process_time()
    with RowsFile(folder / "rows.parquet") as table:
        for number, face in enumerate(faces):
            table.add(rows_of(Item(f"{number:08d}.jpg", "", ""), number, (640, 480), [face]))
    cpu = 1000 * (time.process_time() - start) / len(faces)
    size = (folder / "rows.parquet").stat().st_size
    print(f"rows: {cpu:.1f} ms, {size / len(faces) / 1024:.2f} KB")


def rows(folder: Path, count: int) -> None:
    """``count`` photos that are not there, named in a list or a Parquet file: their plan, shards
    of one face's row for each (the network alone is left out), then resuming and checking; the
    time and the memory of each."""
    (face,) = Reconstructor()(SAMPLE_PHOTO)
    print(f"{count} rows in {count // SHARD} shards")
    names = (f"{number // 10000:06d}/{number:010d}.jpg" for number in range(count))
    settings = {"shard_size": SHARD, "recursive": False, "save": []}
    listed = min(count, MOST_LISTED)
    with (folder / "list.txt").open("w") as file:
        file.writelines(f"{name}\n" for name in islice(names, listed))
    inputs = [f"@{folder / 'list.txt'}"]
    told(
        f"plan of a list of {listed}",
        lambda: begin(inputs, folder / "a", settings, columns=COLUMNS),
    )
    pa = import_pyarrow()
    path, out = folder / "names.parquet", folder / "out"
    with pa.parquet.ParquetWriter(path, pa.schema([("image", pa.string())])) as writer:
        for _ in range(0, count, SHARD):
            some = [*islice(names, SHARD)] or ["again.jpg"] * SHARD
            writer.write_table(pa.table({"image": some}))

    def begun() -> Manifest:
        return begin([str(path)], out, settings, columns=COLUMNS)

    manifest = told("plan of a Parquet file", begun)
    told("write", lambda: write_shards(out, manifest.digest, count // SHARD, face))
    assert not told("resume", lambda: unfinished(out, begun())[0])
    assert told("check", lambda: wrong(out)) == 0
    path = rows_path(out, count // SHARD // 2)
    data = path.read_bytes()
    path.write_bytes(data.replace(source_of(count // SHARD // 2), source_of(0)))
    assert told("check, photos of a shard in another, too", lambda: wrong(out)) == 1
    path.unlink()
    assert len(told("resume, a shard missing", lambda: unfinished(out, manifest)[0])) == 1
    assert told("check, a shard missing", lambda: wrong(out)) == 1


def wrong(out: Path) -> int:
    return sum(state.wrong is not None for state in check(out))


def write_shards(out: Path, digest: str, shards: int, face) -> None:
    """All alike but for their numbers and their photos' source: the first is written as ever, with
    the sources not compressed; the others are its bytes."""
    first = rows_path(out, 0)
    number = 10 ** (DIGITS - 1)
    with RowsFile(first) as file:
        for item in range(SHARD):
            named = Item(f"{item:010d}.jpg", SOURCE.format(number), "")
            file.add(rows_of(named, item, (640, 480), [face]))
        counts = {"items": SHARD, "faces": SHARD, "failed": 0, "broken": [], "samples": None}
        file.about = {"settings": digest, "number": number, **counts}
    pa = import_pyarrow()
    with pa.parquet.ParquetFile(first) as file:
        table, about = file.read(), file.metadata.metadata[ABOUT]
        columns = [column.path for column in file.schema]
    compression = {path: "none" if path == "source" else "zstd" for path in columns}
    table = table.replace_schema_metadata({ABOUT: about})
    pa.parquet.write_table(table, first, compression=compression, use_dictionary=REPEATED)
    data = first.read_bytes()
    told_number = f'"number": {number}'
    assert data.count(told_number.encode()) == 1
    for other in range(shards):
        path = rows_path(out, other)
        path.parent.mkdir(exist_ok=True)
        mine = data.replace(told_number.encode(), f'"number": {other:{DIGITS}}'.encode())
        path.write_bytes(mine.replace(source_of(number), source_of(other)))


def source_of(shard: int) -> bytes:
    return SOURCE.format(shard).encode()


def told(what: str, call):
    """The call's result; its seconds and this process's peak memory are printed."""
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what}: {time.perf_counter() - start:.1f} s ({time.process_time() - cpu:.1f} s of "
        f"processor), peak {peak:.0f} MB",
        flush=True,
    )
    return result


if __name__ == "__main__":
    main()
