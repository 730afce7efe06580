"""Crops of many photos in one call of the network, while threads decode and crop those to come: for
GPUs, whose calls cost as much for one crop as for many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet.crop_mapper import Steps
from prnet.face import Face
from prnet.network.position_map_network import Prediction
from prnet.reconstruct import Reconstructor

BATCH: Final = 64
THREADS: Final = 4
AHEAD: Final = 2
"""So many times a batch are photos under way: one in the network, one on its way to it."""


@dataclass
class _Photo:
    """A photo under way; ``crops`` (N, S, S, 3) wait for the network, else it has ended."""

    number: int
    steps: Steps
    crops: NDArray[np.uint8] | None = None
    end: list[Face] | Exception | None = None


def reconstruct_many(
    reconstruct: Reconstructor,
    sources: Iterable[Any],
    *,
    batch: int = BATCH,
    threads: int = THREADS,
    load: Callable[[Any], Any] = lambda source: source,
) -> Iterator[list[Face] | Exception]:
    """For each of ``sources`` (what a Reconstructor takes, or what ``load`` makes it of, in a
    thread), in their order: its faces, or what was wrong with it.

    ``batch``: crops of a call of the network, at least, while there are photos for it; a photo's
    own stay together. ``threads``: that decode, find faces and crop meanwhile.
    """
    waiting = enumerate(sources)
    under_way, following = 0, 0
    done: dict[int, list[Face] | Exception] = {}
    asking: list[_Photo] = []
    with ThreadPoolExecutor(threads) as pool:
        running: set[Future[_Photo]] = set()

        def steps(source: Any) -> Steps:
            return (yield from reconstruct.steps(load(source)))

        while True:
            room = AHEAD * batch - under_way - len(done)
            for number, source in islice(waiting, max(room, 0)):
                running.add(pool.submit(_advance, _Photo(number, steps(source)), None))
                under_way += 1
            if running and _crops(asking) < batch:
                ready, running = wait(running, return_when=FIRST_COMPLETED)
                for photo in (future.result() for future in ready):
                    if photo.crops is not None:
                        asking.append(photo)
                    else:
                        assert photo.end is not None
                        done[photo.number] = photo.end
                        under_way -= 1
            elif asking:
                for photo, answer in _answers(reconstruct, asking):
                    running.add(pool.submit(_advance, photo, answer))
                asking = []
            elif following not in done:
                return
            while following in done:
                yield done.pop(following)
                following += 1


def _advance(photo: _Photo, answer: Prediction | Exception | None) -> _Photo:
    photo.crops = None
    try:
        if isinstance(answer, Exception):
            raise answer
        photo.crops = next(photo.steps) if answer is None else photo.steps.send(answer)
    except StopIteration as end:
        photo.end = end.value
    except Exception as error:  # whatever it is, the other photos go on
        photo.end = error
    return photo


def _crops(photos: list[_Photo]) -> int:
    return sum(len(photo.crops) for photo in photos if photo.crops is not None)


def _answers(
    reconstruct: Reconstructor, photos: list[_Photo]
) -> Iterator[tuple[_Photo, Prediction | Exception]]:
    """One call for all; each photo's rows of it. Where it fails, one call for each."""
    crops = [photo.crops for photo in photos if photo.crops is not None]
    try:
        said = reconstruct.network.predict(np.concatenate(crops))
    except Exception as error:
        if len(photos) == 1:
            yield photos[0], error
        else:
            for photo in photos:
                yield from _answers(reconstruct, [photo])
        return
    start = 0
    for photo, own in zip(photos, crops, strict=True):
        rows = slice(start, start + len(own))
        parts = [None if part is None else part[rows] for part in said[1:]]
        yield photo, Prediction(said.position_maps[rows], *parts)
        start = rows.stop
