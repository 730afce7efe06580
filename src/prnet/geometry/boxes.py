"""Face boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prnet.errors import PrnetError

FARTHEST = 1e6
"""Where corners may lie, in pixels: pictures are smaller, and float32 holds 1/16 pixel there."""

LONGEST_SIDE = 65_536.0
"""Of a box, in pixels: more than the longer side of any JPEG. It bounds the memory of a crop."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned face box in image pixels (x right, y down, pixel centres on integers).

    ``x0, y0, x1, y1`` are edges, so a box that covers pixel 0 alone is -0.5, -0.5, 0.5, 0.5.
    ``score`` is the detector's confidence; scales differ from detector to detector.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    score: float = 1.0

    def __post_init__(self) -> None:
        """Numbers of any kind (NumPy's, say) become Python's, so that a box is JSON, too."""
        for name in ("x0", "y0", "x1", "y1", "score"):
            try:
                object.__setattr__(self, name, float(getattr(self, name)))
            except (TypeError, ValueError) as error:
                given = (self.x0, self.y0, self.x1, self.y1, self.score)
                raise PrnetError(f"expected a box of numbers, got {given!r:.100}") from error

    @classmethod
    def given(cls, box: Box | Sequence[float]) -> Box:
        """A caller's box, or its x0, y0, x1, y1 (and score) in any sequence; PrnetError for what
        cannot be the box of a face in a picture."""
        if not isinstance(box, Box):
            try:
                box = cls(*box)
            except TypeError as error:
                raise PrnetError(
                    f"expected a box or its x0, y0, x1, y1, got {box!r:.100}"
                ) from error
        if not (box.x0 < box.x1 and box.y0 < box.y1 and all(map(math.isfinite, box.xyxy))):
            raise PrnetError(f"expected a box with x0 < x1 and y0 < y1, got {box.xyxy}")
        sides = box.width, box.height
        if min(sides) < 1 or max(sides) > LONGEST_SIDE or max(map(abs, box.xyxy)) > FARTHEST:
            raise PrnetError(
                f"expected a box with sides of 1 to {LONGEST_SIDE:.0f} pixels and corners within "
                f"{FARTHEST:.0f}, got {box.xyxy}"
            )
        return box

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        return self.x0, self.y0, self.x1, self.y1

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)
