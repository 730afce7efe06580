"""How much the network believes in faces, and which of them are one person's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prnet.face import Face, roll_of
from prnet.geometry.doubted import ALIKE, LESS_SURE, OPPOSITE, OVER, TWICE, apart
from prnet.mapped import size_of


def belief(face: Face, *, enough: float) -> tuple[float, float]:
    """How much the network believes in a face, to compare: its presence, and from ``enough`` on its
    deviations, as crops that lie otherwise than the face are believed as much, too."""
    return min(face.presence or 0.0, enough), -_spread(face)


def is_again(face: Face, others: Sequence[Face], *, near: float) -> bool:
    """Whether it is one of the others: nearer than this to them (`apart`), or one of them taken
    upside down."""
    away = apart(face.landmarks, [other.landmarks for other in others])
    return any(
        share < near or (share < OPPOSITE and _is_upside_down(face, other))
        for share, other in zip(away, others, strict=True)
    )


def told_apart(
    faces: Iterable[Face], is_sure: Callable[[Face], bool]
) -> tuple[list[Face], list[Face]]:
    """Those that are sure, each person's once, the first in order, and the rest."""
    sure: list[Face] = []
    rest: list[Face] = []
    for face in faces:
        (sure if is_sure(face) and not is_again(face, sure, near=TWICE) else rest).append(face)
    return sure, rest


def _is_upside_down(face: Face, true: Face) -> bool:
    turn = abs((roll_of(face) - roll_of(true) + 180) % 360 - 180)
    small, large = sorted((size_of(face), size_of(true)))
    unsure = _spread(face) > LESS_SURE * _spread(true)
    return turn > OVER and small > ALIKE * large and unsure


def _spread(face: Face) -> float:
    """The mean deviation over the face's size; 0 where the network says nothing of it."""
    if face.deviation is None:
        return 0.0
    return float(face.deviation.mean()) / max(size_of(face), 1e-6)  # points that coincide
