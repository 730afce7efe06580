"""Shards of a plan, on all processors: those that are there already are left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prnet.bulk.manifest import Manifest, planned
from prnet.bulk.plan import Part
from prnet.bulk.shards import ShardDone, ShardWork, finished
from prnet.bulk.workers import spread


def unfinished(out: Path, manifest: Manifest, *, share: tuple[int, int] = (1, 1)) -> list[Part]:
    """Parts of the plan whose shards are not there; ``share`` (k, n): of every nth, from the kth,
    for the kth of n machines."""
    done, (mine, machines) = finished(out), share
    return [
        part
        for part in planned(out, manifest)
        if part.number not in done and part.number % machines == mine - 1
    ]


def make_shards(work: ShardWork, parts: list[Part], *, workers: int) -> Iterator[ShardDone]:
    """Each part's shard, as it is done, in their order."""
    return spread(work, parts, workers=min(workers, len(parts)) or 1, lost=_lost, ahead=1)


def _lost(part: Part, reason: str) -> ShardDone:
    message = (
        f"{part.source}, shard {part.number}: expected a process that lives, got one that ended "
        f"{reason}, twice"
    )
    return ShardDone(part.number, lost=message)
