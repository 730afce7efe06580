"""The package's detector, led astray."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from prnet.detection.anchorfree import PrnetDetector
from prnet.geometry.boxes import Box
from prnet.geometry.crop import LANDMARK_RULE


class Misled:
    """Its boxes, each led ``astray``, behind the ``first`` of them as they are."""

    name, crop_rule = "prnet", LANDMARK_RULE

    def __init__(self, astray: Callable[[Box], Box], *, first: int = 0) -> None:
        self.astray, self.first = astray, first

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        found = PrnetDetector()(image)
        return [*found[: self.first], *map(self.astray, found)]
