"""Face boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prnet.errors import PrnetError

FARTHEST = 1e6
"""Where corners may lie, in pixels: pictures are smaller, and float32 holds 1/16 pixel there."""

LONGEST_SIDE = 65_536.0
"""Of a box, in pixels: more than the longer side of any JPEG. It bounds the memory of a crop."""


def roll_matrix(roll: float) -> NDArray[np.float64]:
    """(2, 2): turns image offsets clockwise, as the image is seen, by ``roll`` degrees."""
    cosine, sine = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    return np.array([[cosine, -sine], [sine, cosine]])


@dataclass(frozen=True)
class Box:
    """A face box in image pixels (x right, y down, pixel centres on integers).

    ``x0, y0, x1, y1`` are edges, so a box that covers pixel 0 alone is -0.5, -0.5, 0.5, 0.5.
    ``score`` is the detector's confidence; scales differ from detector to detector.
    ``roll``: degrees by which the face is turned clockwise in the image (the sign of
    `prnet.geometry.camera`). With it the box is that of the upright face, turned about its centre;
    edges, width and height are those before the turn. ``points`` (5, 2), where a detector gives
    them: image's left eye of the upright face, other eye, nose tip, the mouth's corners in that
    order.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    score: float = 1.0
    roll: float = 0.0
    points: NDArray[np.float32] | None = field(
        default=None, compare=False, repr=False, kw_only=True
    )

    def __post_init__(self) -> None:
        """Numbers of any kind (NumPy's, say) become Python's, so that a box is JSON, too."""
        for name in ("x0", "y0", "x1", "y1", "score", "roll"):
            try:
                object.__setattr__(self, name, float(getattr(self, name)))
            except (TypeError, ValueError, OverflowError) as error:
                given = (self.x0, self.y0, self.x1, self.y1, self.score, self.roll)
                raise PrnetError(f"expected a box of numbers, got {given!r:.100}") from error

    @classmethod
    def given(cls, box: Box | Sequence[float]) -> Box:
        """A caller's box, or its x0, y0, x1, y1 (and score, roll) in any sequence; PrnetError for
        what cannot be the box of a face in a picture."""
        if not isinstance(box, Box):
            try:
                box = cls(*box)
            except TypeError as error:
                raise PrnetError(
                    f"expected a box or its x0, y0, x1, y1, got {box!r:.100}"
                ) from error
        if not (box.x0 < box.x1 and box.y0 < box.y1 and all(map(math.isfinite, box.xyxy))):
            raise PrnetError(f"expected a box with x0 < x1 and y0 < y1, got {box.xyxy}")
        if not (math.isfinite(box.roll) and math.isfinite(box.score)):
            raise PrnetError(
                f"expected a box with a finite score and roll, got {box.score}, {box.roll}"
            )
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
    def corners(self) -> NDArray[np.float64]:
        """(2, 2): the upper left one and the lower right one, before the turn."""
        return np.array([[self.x0, self.y0], [self.x1, self.y1]])

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

    def turned(self, degrees: float) -> Box:
        """The box of a face turned so much farther, without the points, which were of the other."""
        return replace(self, roll=(self.roll + degrees + 180) % 360 - 180, points=None)

    def aside(self, sides: float) -> Box:
        """The box moved along its upper edge by so many of its longer sides, without the points."""
        move = sides * max(self.width, self.height) * roll_matrix(self.roll)[:, 0]
        x, y = move.tolist()
        low, high = (self.x0 + x, self.y0 + y), (self.x1 + x, self.y1 + y)
        return Box(*low, *high, self.score, self.roll)

    def rescaled(self, ratio: tuple[float, float], margin: int = 0) -> Box:
        """The box of a picture with a frame of ``margin`` pixels -> that of the picture before it
        was resized to 1 / ``ratio`` (x, y) and framed: edge -0.5 stays where it is."""
        (x0, y0), (x1, y1) = ((self.corners + 0.5 - margin) * ratio - 0.5).tolist()
        points = self.points
        if points is not None:
            points = ((points + 0.5 - margin) * ratio - 0.5).astype(np.float32)
        return replace(self, x0=x0, y0=y0, x1=x1, y1=y1, points=points)

    @classmethod
    def around(cls, points: NDArray[np.floating], *, roll: float = 0.0, score: float = 1.0) -> Box:
        """The box of image points (N, 2 or 3) that are turned upright by ``roll`` degrees."""
        turn = roll_matrix(roll)
        upright = np.asarray(points, np.float64)[:, :2] @ turn
        low, high = upright.min(axis=0), upright.max(axis=0)
        (x, y), (w, h) = (turn @ ((low + high) / 2)).tolist(), ((high - low) / 2).tolist()
        return cls(x - w, y - h, x + w, y + h, score, roll)


def given_boxes(boxes: Iterable[Box | Sequence[float]]) -> list[Box]:
    """A caller's boxes, as :meth:`Box.given` takes each; PrnetError for one box in place of a
    list."""
    given = list(boxes) if isinstance(boxes, Iterable) and not isinstance(boxes, str) else [boxes]
    if isinstance(boxes, Box) or any(isinstance(box, int | float | str) for box in given):
        raise PrnetError(f"expected a list of boxes, [(x0, y0, x1, y1)] say, got {boxes!r:.100}")
    return [Box.given(box) for box in given]


def landmarks_of_each(landmarks: Iterable[ArrayLike]) -> list[NDArray[np.floating]]:
    """A caller's landmarks of several faces, as :func:`given_landmarks` takes each; PrnetError for
    those of one face in place of a list."""
    if isinstance(landmarks, np.ndarray) and landmarks.ndim == 2:
        got = f"one array of shape {landmarks.shape}"
        raise PrnetError(f"expected a list of landmarks, [array] of one face say, got {got}")
    try:
        return [given_landmarks(points) for points in landmarks]
    except TypeError as error:
        raise PrnetError(f"expected a list of landmarks, got {landmarks!r:.100}") from error


def given_landmarks(points: ArrayLike) -> NDArray[np.floating]:
    """(68, 2 or 3) of a caller's landmarks; PrnetError for what are none."""
    try:
        array = np.asarray(points)
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise PrnetError("expected 68 landmarks (68, 2) or (68, 3), got no such array") from error
    if array.shape not in ((68, 2), (68, 3)):
        raise PrnetError(f"expected 68 landmarks (68, 2) or (68, 3), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise PrnetError("expected 68 finite landmarks, got some that are not")
    return array


class BesideError(PrnetError):
    """Boxes that a caller gave lie beside the image: ``places`` in the list of all."""

    def __init__(self, message: str, places: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.places = frozenset(places)


def check_seen(boxes: Sequence[Box], image: NDArray[np.uint8]) -> None:
    """Raises BesideError for a caller's boxes beside the image: there is no face to be seen."""
    height, width = image.shape[:2]
    beside = [
        i
        for i, box in enumerate(boxes)
        if min(box.x1, box.y1) <= -0.5 or box.x0 >= width - 0.5 or box.y0 >= height - 0.5
    ]
    if beside:
        got = ", ".join(str(boxes[i].xyxy) for i in beside)
        told = f"expected a box that touches the photo of {width}x{height}, got {got}"
        raise BesideError(told, beside)
