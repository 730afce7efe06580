"""Face boxes."""

from __future__ import annotations

from dataclasses import dataclass


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
