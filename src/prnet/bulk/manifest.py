"""What a folder of shards was made of and how: a run goes on in its own folder alone."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from prnet.bulk.plan import PHOTOS, PLAN, Columns, Part, read_plan, write_plan
from prnet.bulk.rows import SampleOptions
from prnet.errors import PrnetError, reason_of
from prnet.files.atomic import is_temporary, write_bytes
from prnet.files.results import make_folder
from prnet.network.crop_rules import CROP_RULES_FILE
from prnet.network.position_map_network import layout_file
from prnet.reconstruct import Reconstructor

MANIFEST: Final = "manifest.json"
FORMAT: Final = 2


@dataclass(frozen=True)
class Manifest:
    """``settings``: everything that results depend on, by name; ``shards``: how many there are to
    be; ``items``: photos, None where tars or films do not say before they are read; ``lists``:
    checksums of the plan and the list of photos."""

    settings: dict[str, Any]
    shards: int
    items: int | None
    lists: dict[str, int]

    @property
    def digest(self) -> str:
        """Of the settings: every shard carries it."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]


def settings_of(
    inputs: Sequence[str],
    reconstruct: Reconstructor,
    samples: SampleOptions,
    columns: Columns,
    *,
    shard_size: int,
    recursive: bool,
    finding: dict[str, Any],
) -> dict[str, Any]:
    """``finding``: how faces are found and chosen, as the command line names it."""
    return {
        "prnet": version("prnet"),
        "network": digest_of(*_model_files(reconstruct.network.path)),
        "inputs": [name if name == "-" else os.path.abspath(name) for name in inputs],
        "recursive": recursive,
        "image_column": columns.image,
        "key_column": columns.key,
        "shard_size": shard_size,
        "save": list(samples.kinds),
        "crop_size": samples.crop_size,
        "texture_size": samples.texture_size,
        **finding,
    }


def _model_files(network: Path) -> list[Path]:
    """Its file, and those beside it that results depend on, too."""
    beside = layout_file(network), network.with_name(CROP_RULES_FILE)
    return [network, *filter(Path.exists, beside)]


def digest_of(path: Path, *beside: Path) -> str:
    """Of a network's file, or of the networks in a folder, and of files beside."""
    files = [*(sorted(path.glob("*.onnx")) if path.is_dir() else [path]), *beside]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def begin(
    inputs: Sequence[str],
    out: Path,
    settings: dict[str, Any],
    *,
    columns: Columns,
) -> Manifest:
    """The manifest of ``out``: of an earlier run, or of the plan that is made now. Raises
    PrnetError for a folder of other files, or of a run with other settings."""
    if (out / MANIFEST).exists():
        manifest = read_manifest(out)
        _check_same(out, manifest.settings, settings)
        return manifest
    make_folder(out)
    others = [
        name for name in os.listdir(out) if name not in (PHOTOS, PLAN) and not is_temporary(name)
    ]
    if others:
        raise PrnetError(
            f"{out}: expected an empty folder or that of an earlier run, got one with {others[0]}"
        )
    plan = write_plan(
        inputs,
        out,
        shard_size=settings["shard_size"],
        recursive=settings["recursive"],
        columns=columns,
    )
    lists = {name: crc32_of(out / name) for name in (PLAN, PHOTOS)}
    manifest = Manifest(settings, plan["shards"] or 0, plan["items"], lists)
    text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2) + "\n"
    write_bytes(out / MANIFEST, text.encode())
    return manifest


def read_manifest(out: Path) -> Manifest:
    """Raises PrnetError for a folder without one."""
    path = out / MANIFEST
    try:
        told = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']}")
        lists = dict(told["lists"])
        return Manifest(dict(told["settings"]), int(told["shards"]), told["items"], lists)
    except FileNotFoundError:
        raise PrnetError(f"{out}: expected a folder of prnet dataset, got none") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrnetError(f"{path}: expected a manifest, got: {reason_of(error)}") from error


def planned(out: Path, manifest: Manifest) -> list[Part]:
    """The plan's parts, a shard each. Raises PrnetError where the plan or the list of photos is not
    the one that the manifest knows."""
    for name, known in manifest.lists.items():
        try:
            found = crc32_of(out / name)
        except OSError as error:
            raise PrnetError(f"{out / name}: expected a plan, got: {reason_of(error)}") from error
        if found != known:
            raise PrnetError(
                f"{out / name}: expected it as the first run wrote it, got it cut off or changed"
            )
    return list(read_plan(out))


def crc32_of(path: Path) -> int:
    """A file's checksum."""
    crc = 0
    with path.open("rb") as file:
        while data := file.read(2**20):
            crc = zlib.crc32(data, crc)
    return crc


def _check_same(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name in before | now:
        if before.get(name) != now.get(name):
            raise PrnetError(
                f"{out}: expected the settings of the run that began it, {name} "
                f"{before.get(name)!r:.80}, got {now.get(name)!r:.80} (take another folder)"
            )
