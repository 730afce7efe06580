"""Many photos: processes, shards, what is done and what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prnet.bulk.batches import reconstruct_many as reconstruct_many
    from prnet.bulk.ray_data import reconstruct_dataset as reconstruct_dataset
    from prnet.bulk.rows import SampleOptions as SampleOptions
    from prnet.bulk.rows import unpack_map as unpack_map

_HOME = {
    "SampleOptions": "prnet.bulk.rows",
    "reconstruct_dataset": "prnet.bulk.ray_data",
    "reconstruct_many": "prnet.bulk.batches",
    "unpack_map": "prnet.bulk.rows",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    """Each is imported when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'prnet.bulk' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
