"""Labels of several sets as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prnet.errors import PrnetError
from prnet.evaluation.held_out import told_people
from prnet.facemodel.labels import read_labels
from prnet.files.arrays import Arrays


def joined_labels(paths: Sequence[Path]) -> Arrays:
    """The rows of all ``labels.npz``, with "person" as given or as the names of all tell, and with
    "plane", which older labels do not have: the shape itself.

    Raises PrnetError where their expressions are not the same, or where two name one photo.
    """
    tables = [read_labels(path) for path in paths]
    names = [tuple(table.pop("expression_names")) for table in tables]
    if len(set(names)) > 1:
        raise PrnetError("expected labels of the same expressions, got different ones")
    for path, table in zip(paths, tables, strict=True):
        shape = np.concatenate([table["identity"], table["expression"]], axis=1)
        table.setdefault("plane", shape)
        table.setdefault("person", np.full(len(shape), ""))
        if table["plane"].shape != shape.shape:
            raise PrnetError(f"{path}: expected plane {shape.shape}, got {table['plane'].shape}")
    _check_names(paths, [table["files"].tolist() for table in tables])
    joined = {key: np.concatenate([table[key] for table in tables]) for key in tables[0]}
    joined["person"] = told_people(joined["files"].tolist(), joined["person"].tolist())
    return {**joined, "expression_names": np.array(names[0])}


def _check_names(paths: Sequence[Path], names: Sequence[Sequence[str]]) -> None:
    """Photos are found by name alone: of two sets' photos of a name, one would get both labels."""
    first: dict[str, Path] = {}
    for path, some in zip(paths, names, strict=True):
        for name in some:
            if first.setdefault(name, path) is not path:
                raise PrnetError(
                    f"{path}: expected photos that no other labels name, got {name}, as in "
                    f"{first[name]} (label the folder that both lie in)"
                )
