"""The page as files: what is in ``page/``, the networks, and what the page must know of us."""

from __future__ import annotations

import gzip
import hashlib
import json
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
    worker = files.pop("sw.js")
    if offline:
        for name in _OF_SERVICE:
            del files[name]
        files["sw.js"] = _kept(files) + worker
    return files


def _kept(files: dict[str, bytes]) -> bytes:
    """For the service worker: which files, and a name for just these."""
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(name.encode() + b"\0" + data)
    names = json.dumps(["./", *sorted(files)])
    return f'const VERSION = "prnet-{digest.hexdigest()[:16]}";\nconst FILES = {names};\n'.encode()
