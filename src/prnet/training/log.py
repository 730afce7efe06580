"""What a run tells of itself: log.jsonl, and an error when the losses are no numbers any more."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from torch import Tensor

from prnet.errors import PrnetError
from prnet.files.atomic import append_line

LOOK_EVERY = 100
"""Steps between looks at the loss: reading a number makes the program wait for a GPU."""


class Log:
    """JSON lines of the leading process: the settings once a start, then means since the last line
    with the validation. Losses stay on their device until somebody looks."""

    def __init__(self, path: Path, settings: Mapping[str, Any], leads: bool) -> None:
        self._path = path if leads else None
        self._start = time.monotonic()
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._append({"config": {k: str(v) for k, v in settings.items()}})

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """The losses, () each, of the step that ended; raises PrnetError, now and then, where one
        since the last line was not finite."""
        self._sums = {name: self._sums.get(name, 0) + loss for name, loss in losses.items()}
        self._count += 1
        if step % LOOK_EVERY == 0:
            self.means(step)

    def means(self, step: int) -> dict[str, float]:
        """Of the losses since the last line; raises PrnetError for what is not finite."""
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        check_finite(step, means.get("total", 0))
        return {name: float(f"{mean:.5g}") for name, mean in means.items()}

    def write(self, step: int, validation: dict[str, float]) -> None:
        seconds, losses = round(time.monotonic() - self._start), self.means(step)
        self._append({"step": step, "seconds": seconds, "losses": losses, "nme": validation})
        self._sums, self._count = {}, 0

    def judged(self, scores: dict[str, float]) -> None:
        """Of the last part of a run, where the recipe has it."""
        if scores:
            print(f"judging itself: {scores}", flush=True)
            self._append({"judged": scores})

    def _append(self, line: dict[str, Any]) -> None:
        if self._path is not None:
            append_line(self._path, json.dumps(line))


def check_finite(step: int, loss: float) -> None:
    """Raises PrnetError where it is not."""
    if not isfinite(loss):
        raise PrnetError(f"step {step}: the loss is not finite; try a lower --learning-rate")
