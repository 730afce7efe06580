"""Shards of a plan, on all processors: those that are there already are left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from prnet.bulk.check import ShardCheck
from prnet.bulk.manifest import Manifest, planned
from prnet.bulk.plan import Part
from prnet.bulk.shards import ShardDone, ShardWork, finished
from prnet.bulk.workers import spread
from prnet.errors import PrnetWarning


def unfinished(
    out: Path, manifest: Manifest, *, share: tuple[int, int] = (1, 1)
) -> tuple[list[Part], list[str]]:
    """Parts of the plan whose shards are not there, or not whole by the sizes of their files: a
    PrnetWarning tells of these; and what the inputs of the others could not give. ``share`` (k, n):
    of every nth, from the kth, for the kth of n machines."""
    done, (mine, machines) = finished(out), share
    state_of = ShardCheck(out, manifest, "sizes")
    parts, wrong, broken = list[Part](), list[str](), list[str]()
    for part in planned(out, manifest):
        if part.number % machines != mine - 1:
            continue
        state = state_of(part) if part.number in done else None
        if state is None or state.wrong is not None:
            parts.append(part)
        if state is not None:
            broken += state.broken
            wrong += [] if state.wrong is None else [state.wrong]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        warnings.warn(f"{wrong[0]}{more}; made again", PrnetWarning, stacklevel=2)
    return parts, broken


def count_whole(out: Path, manifest: Manifest, parts: list[Part]) -> int:
    """Shards of these parts that are there, whole by the sizes of their files."""
    done, state_of = finished(out), ShardCheck(out, manifest, "sizes")
    return sum(part.number in done and state_of(part).wrong is None for part in parts)


def make_shards(work: ShardWork, parts: list[Part], *, workers: int) -> Iterator[ShardDone]:
    """Each part's shard, as it is done, in their order."""
    return spread(work, parts, workers=min(workers, len(parts)) or 1, lost=_lost, ahead=1)


def _lost(part: Part, reason: str) -> ShardDone:
    message = (
        f"{part.source}, shard {part.number}: expected a process that lives, got one that ended "
        f"{reason}, twice"
    )
    return ShardDone(part.number, lost=message)
