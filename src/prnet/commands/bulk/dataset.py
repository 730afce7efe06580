"""Photos by the million -> shards: tables of faces, and files of them in tars.

  prnet dataset photos/ --recursive --out faces --save crops,depth
  prnet dataset "tars/*.tar" --out faces --workers auto
  prnet dataset --check faces

Inputs: folders, files, patterns, lists (@FILE, -); photos, tars of photos (WebDataset), Parquet
files with photos or their paths, films. A shard is a Parquet file of rows (--save rows, always) and
a tar of what else --save names. The same command again goes on where it was stopped.

exit status:
  0  all shards are there; with --check, and whole
  1  some shard could not be made or is not whole, or an input could not be read to its end
  2  wrong options, no input, no model, no place for the results, or a folder of another run
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prnet.bulk.check import check
from prnet.bulk.dataset import count_whole, make_shards, unfinished
from prnet.bulk.manifest import begin, digest_of, read_manifest, settings_of
from prnet.bulk.parquet import import_pyarrow
from prnet.bulk.plan import Columns, Part
from prnet.bulk.progress import Progress, progress
from prnet.bulk.ray_data import CPUS, import_ray, make_shards_with_ray
from prnet.bulk.rows import SAMPLE_KINDS, SampleOptions
from prnet.bulk.shards import ShardDone, ShardWork
from prnet.bulk.workers import usable_processors
from prnet.commands._options import (
    add_choosing_arguments,
    add_finding_arguments,
    add_passes_argument,
    add_workers_argument,
    finite,
    positive,
    reconstructor_of,
    some_of,
)
from prnet.errors import PrnetError
from prnet.files.image import MAX_PIXELS
from prnet.files.streams import say
from prnet.reconstruct import Reconstructor

ALL_WELL, SOME_FAILED = 0, 1
SHARD_SIZE = 1000
FINDING = (
    *("detector", "passes", "min_score", "min_presence", "max_faces", "small_faces"),
    "max_pixels",
)
"""Options that decide which faces there are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet dataset``."""
    add = parser.add_argument
    add("inputs", nargs="*", metavar="INPUT", help="folder, photo, tar, Parquet file, film, list")
    add("-o", "--out", type=Path, metavar="DIR", help="folder for the shards")
    add("--check", type=Path, metavar="DIR", help="verify the shards of DIR, make none")
    add("--quick", action="store_true", help="with --check: sizes of tars, not what is in them")
    add("--recursive", action="store_true", help="subfolders of folders, too")
    kinds = ("rows", *SAMPLE_KINDS)
    add(
        "--save",
        type=_kinds,
        default=(),
        metavar="KIND,...",
        help=f"some of {','.join(kinds)}; rows, always there, are the default",
    )
    add("--crop-size", type=positive, default=256, metavar="N", help="of crops and depth (256)")
    add("--texture-size", type=positive, default=256, metavar="N", help="of textures (256)")
    add(
        "--shard-size", type=positive, default=SHARD_SIZE, metavar="N", help="photos a shard (1000)"
    )
    add("--image-column", default="image", help="of Parquet: bytes, paths or both (image)")
    add("--key-column", help="of Parquet: names of the photos; by default their numbers")
    add("--part", type=_share, default=(1, 1), metavar="K/N", help="every Nth shard from the Kth")
    add_finding_arguments(parser)
    add_choosing_arguments(parser)
    add_passes_argument(parser)
    add("--max-pixels", type=positive, default=MAX_PIXELS, help=f"by default {MAX_PIXELS}")
    add("--batch", type=positive, default=1, metavar="N", help="crops a network call (1)")
    add_workers_argument(parser)
    add(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="who shares the work: processes of this machine (default), or Ray, on all machines "
        "of a cluster (RAY_ADDRESS) that see DIR",
    )
    add("--cpus-per-worker", type=_above_zero, metavar="X", help=f"as Ray counts ({CPUS})")
    add("--gpus-per-worker", type=_above_zero, metavar="X", help="as Ray counts (none)")
    parser.set_defaults(workers=None)


def run(args: argparse.Namespace) -> int:
    """Make what is missing, or check what is there."""
    import_pyarrow()
    if args.check is not None:
        if args.inputs or args.out:
            raise PrnetError("expected --check DIR alone, got inputs or --out, too")
        return _checked(args)
    if args.quick:
        raise PrnetError("expected --quick with --check DIR, got it without")
    if args.engine != "ray" and (args.cpus_per_worker, args.gpus_per_worker) != (None, None):
        raise PrnetError(
            "expected --cpus-per-worker or --gpus-per-worker with --engine ray, got processes"
        )
    if not args.inputs or args.out is None:
        raise PrnetError("expected INPUT and --out DIR, or --check DIR, got neither")
    if args.engine == "ray":
        import_ray()
    reconstruct = reconstructor_of(args)
    samples = SampleOptions(args.save, args.crop_size, args.texture_size)
    columns = Columns(args.image_column, args.key_column)
    settings = settings_of(
        args.inputs,
        reconstruct,
        samples,
        columns,
        shard_size=args.shard_size,
        recursive=args.recursive,
        finding=_finding(args, reconstruct),
    )
    manifest = begin(args.inputs, args.out, settings, columns=columns)
    parts, before = unfinished(args.out, manifest, share=args.part)
    work = ShardWork(reconstruct, args.out, columns, samples, manifest.digest, args.batch)
    known = [part.count for part in parts]
    total = None if None in known else sum(count or 0 for count in known)
    lost = shards = 0
    broken = _tell_broken(before)
    with progress("photo", total) as bar:
        try:
            for done in _made(work, parts, args):
                broken += _tell_broken(done.broken)
                if done.lost is not None:
                    lost += 1
                    say(f"prnet dataset: {done.lost}", error=True)
                shards += done.lost is None
                bar.add(done=done.items, faces=done.faces, failed=done.failed)
        except KeyboardInterrupt:  # results come in order: shards behind a slow one are there, too
            whole = count_whole(args.out, manifest, parts)
            say(
                f"prnet dataset: stopped after {whole} of {len(parts)} shards; the same command "
                "goes on",
                error=True,
            )
            raise
    _tell(args.out, manifest.shards, len(parts), shards, bar)
    return SOME_FAILED if lost or broken else ALL_WELL


def _tell_broken(inputs: Sequence[str]) -> int:
    """How many there are."""
    for told in inputs:
        say(f"prnet dataset: {told}", error=True)
    return len(inputs)


def _made(work: ShardWork, parts: list[Part], args: argparse.Namespace) -> Iterator[ShardDone]:
    if args.engine == "processes":
        return make_shards(work, parts, workers=args.workers or usable_processors())
    return make_shards_with_ray(
        work,
        parts,
        actors=args.workers,
        num_cpus=args.cpus_per_worker or CPUS,
        num_gpus=args.gpus_per_worker or 0.0,
    )


def _tell(out: Path, shards: int, wanted: int, made: int, bar: Progress) -> None:
    others = f" ({shards - wanted} made before, or of another --part)" if wanted < shards else ""
    why = " (the column error says why)" if bar.failed else ""
    say(
        f"shards: {made} of {wanted}{others}; photos: {bar.done}, faces: {bar.faces}, "
        f"failed: {bar.failed}{why}; results in {out}"
    )


def _checked(args: argparse.Namespace) -> int:
    manifest = read_manifest(args.check)
    wrong = faces = broken = 0
    with progress("shard", manifest.shards) as bar:
        for state in check(
            args.check, quick=args.quick, workers=args.workers or usable_processors()
        ):
            if state.wrong is not None:
                wrong += 1
                say(f"prnet dataset: {state.wrong}", error=True)
            broken += _tell_broken(state.broken)
            faces += state.faces
            bar.add(faces=state.faces, failed=state.failed)
    say(
        f"shards: {manifest.shards}, wrong or missing: {wrong}; faces: {faces}, "
        f"failed: {bar.failed}"
    )
    return SOME_FAILED if wrong or broken else ALL_WELL


def _finding(args: argparse.Namespace, reconstruct: Reconstructor) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in FINDING}
    given["model"] = None if args.model is None else Path(args.model).name  # accurate, say
    if args.detector_model is not None:
        given["detector_model"] = digest_of(args.detector_model)
    detector = reconstruct.detector.name
    return {**given, "max_faces": reconstruct.max_faces, "detector": detector}


def _kinds(text: str) -> tuple[str, ...]:
    kinds = some_of(text, ("rows", *SAMPLE_KINDS))
    return tuple(kind for kind in SAMPLE_KINDS if kind in kinds)


def _above_zero(text: str) -> float:
    number = finite(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got '{text}'")
    return number


def _share(text: str) -> tuple[int, int]:
    mine, _, machines = text.partition("/")
    if not (mine.isdecimal() and machines.isdecimal() and 1 <= int(mine) <= int(machines)):
        raise argparse.ArgumentTypeError(f"expected K/N with K from 1 to N, got '{text}'")
    return int(mine), int(machines)
