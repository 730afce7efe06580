"""The page as files: what is in ``page/``, the networks, and what the page must know of us."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prnet.detection.anchorfree import FIRST, SECOND
from prnet.network.position_map_network import network_file
from prnet.packaged import DATA, SAMPLE_PHOTO
from prnet.serve.settings import page_settings

PAGE: Final = Path(__file__).parent / "page"
_PACKED: Final = ("vendor/ort.wasm", "vendor/NOTICES.onnxruntime.txt")
"""Kept as gzip."""


_OF_SERVICE: Final = ("try.html", "js/try.js")
"""What makes no sense without the service."""

_WORKER: Final = "sw.js"
_LISTED: Final = re.compile(rb'const VERSION = "prnet-[0-9a-f]+";\nconst FILES = (\{.*\});\n')
"""How the service worker begins."""


def page_files(*, offline: bool) -> dict[str, bytes]:
    """Path inside the page: its bytes. ``offline``: once loaded, the page keeps itself in the
    browser and needs no host."""
    files = {
        path.relative_to(PAGE).as_posix(): path.read_bytes()
        for path in sorted(PAGE.rglob("*"))
        if path.is_file()
    }
    for name in _PACKED:
        files[name] = gzip.decompress(files.pop(f"{name}.gz"))
    files |= {f"models/{name}": (DATA / name).read_bytes() for name in (FIRST, SECOND)}
    files["models/network.onnx"] = network_file().read_bytes()
    for name in ("LICENSE-WEIGHTS.md", "NOTICE"):
        files[f"models/{name}"] = (DATA / name).read_bytes()
    files["sample.jpg"] = SAMPLE_PHOTO.read_bytes()
    settings, arrays = page_settings()
    files |= arrays
    loaded = ("vendor/ort.wasm", *arrays, *(f"models/{name}" for name in (FIRST, SECOND)))
    settings["files"] = {name: len(files[name]) for name in (*loaded, "models/network.onnx")}
    settings["offline"] = offline
    files["settings.json"] = json.dumps(settings).encode()
    worker = files.pop(_WORKER)
    if offline:
        for name in _OF_SERVICE:
            del files[name]
        files[_WORKER] = _kept(files) + worker
    return files


def foreign_files(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Those of ``files`` that ``folder`` has with other bytes than a page of ours, this one or the
    one that is there, wrote."""
    written = _written(folder / _WORKER)
    return [
        name
        for name, data in files.items()
        if name not in ({_WORKER} if written else ())
        and _is_other(folder / name, (_digest(data), written.get(name)))
    ]


def _is_other(path: Path, ours: tuple[str | None, ...]) -> bool:
    return path.is_dir() or (path.is_file() and _digest(path.read_bytes()) not in ours)


def _written(worker: Path) -> dict[str, str]:
    """What a page's service worker says that was written beside it: name, and digest."""
    try:
        named = _LISTED.match(worker.read_bytes())
        return dict(json.loads(named[1])) if named else {}
    except (OSError, ValueError, TypeError):
        return {}


def _kept(files: Mapping[str, bytes]) -> bytes:
    """For the service worker: which files, with their digests, and a name for just these."""
    digests = {name: _digest(data) for name, data in sorted(files.items())}
    listed = json.dumps(digests)
    version = _digest(listed.encode())
    return f'const VERSION = "prnet-{version}";\nconst FILES = {listed};\n'.encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
