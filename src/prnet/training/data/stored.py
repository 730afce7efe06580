"""Stored crops of several files as one list, on the disk or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK = 2_000
"""Crops that are copied at a time."""


class Part(Protocol):
    """``crops``: (N, H, H, 3) uint8, all of one size."""

    @property
    def crops(self) -> NDArray[np.uint8]: ...


class StoredCrops:
    """Rows are numbered through all parts. On a GPU the crops are there whole if they take at most
    half of its free memory (the network takes the rest); else each batch comes from the disk."""

    def __init__(self, parts: Sequence[Part], device: torch.device) -> None:
        self._parts, self._device = parts, device
        self._first = np.cumsum([0, *(len(part.crops) for part in parts)])
        self.bytes = sum(part.crops.nbytes for part in parts)
        self.on_device = 2 * self.bytes <= free_memory(device)
        self._copy = self._copied() if self.on_device else None

    def __str__(self) -> str:
        place = self._device.type if self.on_device else "disk"
        return f"{self.bytes / 1e9:.1f} GB, on the {place}"

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64 -> crops (B, H, H, 3) uint8 on the device."""
        if self._copy is not None:
            return self._copy[rows]
        numbers = rows.cpu().numpy()
        parts = np.searchsorted(self._first, numbers, side="right") - 1
        places = zip(parts, numbers - self._first[parts], strict=True)
        crops = np.stack([self._parts[part].crops[place] for part, place in places])
        return torch.from_numpy(crops).to(self._device)

    def _copied(self) -> Tensor:
        shape = (int(self._first[-1]), *self._parts[0].crops.shape[1:])
        copy = torch.empty(shape, dtype=torch.uint8, device=self._device)
        for first, part in zip(self._first.tolist(), self._parts, strict=False):
            for begin in range(0, len(part.crops), CHUNK):
                piece = np.array(part.crops[begin : begin + CHUNK])
                start = first + begin
                copy[start : start + len(piece)] = torch.from_numpy(piece).to(self._device)
        return copy


def free_memory(device: torch.device) -> int:
    """Bytes; none where crops are as near on the disk, or where nobody tells."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
