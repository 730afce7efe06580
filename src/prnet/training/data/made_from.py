"""What a prepared folder was made from, so that a second ``prnet prepare`` adds to no other's."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np

from prnet.errors import PrnetError
from prnet.files.atomic import write_atomically

MADE_FROM = "made-from.json"


def note_sources(out: Path, labels: Path, face_model: Path) -> None:
    """Write down in ``out`` which labels and face model it is made from."""
    with write_atomically(out / MADE_FROM) as temporary:
        temporary.write_text(json.dumps(_digests(labels, face_model)), encoding="utf-8")


def check_sources(out: Path, labels: Path, face_model: Path, stored_size: int | None) -> None:
    """Raise PrnetError where ``out`` was prepared from other files or with crops of another size;
    None is any size. Folders that say nothing of their sources are taken as they are."""
    other = "(choose another --out)"
    size = np.load(out / "crops.npy", mmap_mode="r").shape[1]
    if stored_size not in (None, size):
        raise PrnetError(
            f"{out}: expected --stored-size {size}, as its photos have, got {stored_size} {other}"
        )
    try:
        made_from = json.loads((out / MADE_FROM).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise PrnetError(f"{out / MADE_FROM}: expected names and digests, got {error}") from error
    for kind, digest in _digests(labels, face_model).items():
        if not isinstance(made_from, dict) or made_from.get(kind) != digest:
            raise PrnetError(
                f"{out}: expected the {kind} that it was made from, got others {other}"
            )


def _digests(labels: Path, face_model: Path) -> dict[str, str]:
    return {"labels": _digest(labels), "face model": _digest(face_model)}


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        reason = error.strerror or error
        raise PrnetError(f"{path}: expected a file that can be read, got: {reason}") from error
