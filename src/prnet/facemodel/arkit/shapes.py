"""ARKit's 52 face shapes in the terms of the package's face model."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.morphable import MorphableModel

_OF_AN_EYE: Final = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
_SIDES: Final = ("Left", "Right")


def _two(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in _SIDES)


ARKIT_NAMES: Final = (
    *(f"eye{name}{side}" for side in _SIDES for name in _OF_AN_EYE),
    *("jawForward", "jawRight", "jawLeft", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft"),
    *_two("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *_two("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp",
    *_two("browOuterUp"),
    "cheekPuff",
    *_two("cheekSquint", "noseSneer"),
    "tongueOut",
)
"""In the order of Apple's programs; Left and Right are the person's own."""

UNSEEN: Final = "tongueOut"
"""The one shape that the face model has not: always 0."""


def model_names(name: str) -> tuple[str, ...]:
    """The shapes of the face model (ICT-FaceKit's names) whose sum is ARKit's ``name``: one, or
    both sides of what ARKit does not part, or none."""
    if name == UNSEEN:
        return ()
    for side in _SIDES:
        if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return (f"{name.removesuffix(side)}_{side[0]}",)
    return (f"{name}_L", f"{name}_R") if name in ("browInnerUp", "cheekPuff") else (name,)


def arkit_shapes(model: MorphableModel) -> NDArray[np.float32]:
    """(52, V, 3) float32, model units: the offsets of each shape, as `ARKIT_NAMES`."""
    known = set(model.expression_names)
    parts = [model_names(name) for name in ARKIT_NAMES]
    if missing := [part for names in parts for part in names if part not in known]:
        raise PrnetError(f"expected a face model with {missing[0]}, got one without")
    shapes = np.zeros((len(parts), *model.neutral.shape), np.float32)
    for shape, names in zip(shapes, parts, strict=True):
        if names:
            shape[:] = model.expression_basis(names).astype(np.float32).sum(axis=0)
    return shapes
