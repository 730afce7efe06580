"""Names and folders of results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from prnet.errors import PrnetError


def output_names(paths: Sequence[Path]) -> list[str]:
    """One name for each photo's results: its stem; where stems clash (a.jpg and a.png, on file
    systems that ignore case A.jpg too), with the suffix (a_jpg, a_png); then with a number."""
    stems = Counter(path.stem.casefold() for path in paths)
    taken: set[str] = set()
    names = []
    for path in paths:
        clash = stems[path.stem.casefold()] > 1 or _is_face_of_another(path.stem, stems)
        name = f"{path.stem}_{path.suffix[1:].lower()}" if clash else path.stem
        unique, number = name, 2
        while unique.casefold() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.casefold())
        names.append(unique)
    return names


def _is_face_of_another(stem: str, stems: Collection[str]) -> bool:
    """a_1.jpg next to a.jpg, whose second face is called a_1."""
    name, _, number = stem.casefold().rpartition("_")
    return number.isdigit() and name in stems


def face_names(name: str, count: int) -> list[str]:
    """NAME for one face, NAME_0, NAME_1 ... for several."""
    return [name] if count == 1 else [f"{name}_{i}" for i in range(count)]


def make_folder(path: Path) -> Path:
    """The folder for results, made when missing; PrnetError when nothing can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PrnetError(f"{path}: expected a folder for the results, got: {reason}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PrnetError(f"{path}: expected a folder that can be written, got one that cannot")
    return path
