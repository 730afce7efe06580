"""Who is held out: the people on whom a network is judged, whole, in any naming of photos."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import md5
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

NOBODY = frozenset(
    [
        *("crop", "dsc", "dscf", "dscn", "face", "file", "frame", "id", "im", "image", "img"),
        *("person", "photo", "pic", "picture", "pxl", "sample", "scan", "screenshot", "shot"),
        *("subject", "test"),
    ]
)
"""What cameras and programs put before a number, and what would only number the people."""

COLLECTION = 1000
"""More photos than one person's folder holds, unless they are but a fiftieth of all."""


def person_of(name: str) -> str | None:
    """The person that a file's name carries before its number, ``news/Ada_Lovelace_0003.jpg``,
    ``Ada Lovelace (3).jpg``, ``S005_001_00000011.png``; None for ``0003.jpg``, ``IMG_0003.jpg``."""
    stem = PurePosixPath(name).stem
    match = re.fullmatch(r"(.*?\S)(?:[\s_.(-]+\d+\)?)+", stem)
    if match is None or not re.search(r"[^\W\d_]", match[1]) or match[1].lower() in NOBODY:
        return None
    return match[1]


def people_of(names: Sequence[str]) -> list[str | None]:
    """The person on each photo, as the names (N) of all of them tell: `person_of`, or else the
    photo's outermost folder that is one person's.

    None where neither tells. Folders of several names, those beside them, and whatever has more
    than half of the photos, or more than 1,000 and a fiftieth, are collections of many people.
    """
    most = min(len(names) / 2, max(COLLECTION, len(names) / 50))
    by_name = [person_of(name) for name in names]
    crowds = {person for person, count in Counter(by_name).items() if count > most}
    people = [None if person in crowds else person for person in by_name]

    inside = Counter(folder for name in names for folder in _folders(name))
    named = defaultdict(set)
    for name, person in zip(names, people, strict=True):
        for folder in _folders(name) if person is not None else ():
            named[folder].add(person)
    levels = {folder.parent for folder, persons in named.items() if len(persons) > 1}

    def owner(name: str) -> str | None:
        own = (f for f in _folders(name) if inside[f] <= most and f.parent not in levels)
        return next((folder.name for folder in own), None)

    return [person or owner(name) for name, person in zip(names, people, strict=True)]


def told_people(names: Sequence[str], people: Sequence[str]) -> NDArray[np.str_]:
    """(N,): ``people`` where they are given, else as `people_of` tells; empty where unknown."""
    told = zip(people, people_of(names), strict=True)
    return np.array([str(given) or person or "" for given, person in told])


def is_held_out(name: str) -> bool:
    """Whether a photo is kept for validation, as far as its own name tells: with a fifth of the
    persons, or else as one of a twentieth of the photos."""
    return _chosen(name, person_of(name))


def held_out_names(names: Sequence[str], people: Sequence[str] | None = None) -> NDArray[np.bool_]:
    """(N,) `is_held_out` of every name, with `people_of` the names unless ``people`` (N,) are told,
    perhaps after a source (``lfw:Ada_Lovelace``), empty where unknown.

    Where that would be nobody, or more than half of the photos, as many whole persons as a tenth of
    the photos needs, though not all.
    """
    if people is None:
        known = people_of(names)
    else:
        known = [person.split(":", 1)[-1] or None for person in people]
    chosen = np.array([_chosen(*pair) for pair in zip(names, known, strict=True)], bool)
    if 0 < chosen.sum() <= len(names) / 2:
        return chosen
    groups = [person or name for name, person in zip(names, known, strict=True)]
    if len(set(groups)) == 1:
        groups = list(names)
    sizes, kept, count = Counter(groups), set(), 0
    for group in sorted(sizes, key=_hash)[:-1]:
        if count < len(names) / 10:
            kept.add(group)
            count += sizes[group]
    return np.array([group in kept for group in groups], bool)


def _chosen(name: str, person: str | None) -> bool:
    return _hash(name) % 20 == 0 if person is None else _hash(person) % 5 == 0


def _folders(name: str) -> Iterable[PurePosixPath]:
    """The folders that a photo lies in, the outermost first."""
    return reversed(PurePosixPath(name).parents[:-1])


def _hash(text: str) -> int:
    return int(md5(text.encode("utf-8", "surrogatepass")).hexdigest(), 16)
