"""What a prepared folder was made from, so that a second ``prnet prepare`` adds to no other's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from prnet.errors import PrnetError, reason_of
from prnet.files.atomic import write_bytes
from prnet.training.data.prepared_files import CROPS, map_crops

MADE_FROM = "made-from.json"


def note_sources(out: Path, labels: Sequence[Path], face_model: Path | None) -> None:
    """Write down in ``out`` which labels and face model it is made from."""
    write_bytes(out / MADE_FROM, json.dumps(_digests(labels, face_model)).encode())


def check_sources(
    out: Path, labels: Sequence[Path], face_model: Path | None, stored_size: int | None
) -> None:
    """Raise PrnetError where ``out`` was prepared from other files or with crops of another size;
    None is any size. Folders that say nothing of their sources are taken as they are."""
    other = "(choose another --out)"
    size = map_crops(out / CROPS).shape[1]
    if stored_size not in (None, size):
        raise PrnetError(
            f"{out}: expected --stored-size {size}, as its photos have, got {stored_size} {other}"
        )
    try:
        made_from = json.loads((out / MADE_FROM).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError) as error:
        raise PrnetError(
            f"{out / MADE_FROM}: expected names and digests, got: {reason_of(error)}"
        ) from error
    for kind, digest in _digests(labels, face_model).items():
        if not isinstance(made_from, dict) or made_from.get(kind) != digest:
            raise PrnetError(
                f"{out}: expected the {kind} that it was made from, got others {other}"
            )


def _digests(labels: Sequence[Path], face_model: Path | None) -> dict[str, str]:
    model = "the package's" if face_model is None else _digest(face_model)
    return {"labels": " ".join(map(_digest, labels)), "face model": model}


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PrnetError(
            f"{path}: expected a file that can be read, got: {reason_of(error)}"
        ) from error
