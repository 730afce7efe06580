"""Where eyes and mouth open in a layout."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from prnet.layout.uv_layout import UVLayout

Openings = Literal["closed", "open"]

EYELIDS_AND_LIPS = ([*range(36, 42)], [*range(42, 48)], [*range(60, 68)])
"""Landmarks around the openings."""


def opening_mask(layout: UVLayout) -> NDArray[np.bool_]:
    """(256, 256): pixels of the membranes that close eyes and mouth; where the layout does not
    tell them (the 2018 one), the polygons of the landmarks on eyelids and inner lips."""
    if layout.openings is not None:
        return layout.openings
    picture = Image.new("1", layout.region.shape[::-1])
    draw = ImageDraw.Draw(picture)
    for loop in EYELIDS_AND_LIPS:
        draw.polygon([(float(x), float(y)) for x, y in layout.landmarks[loop]], fill=1)
    return np.asarray(picture) & layout.region


@lru_cache(maxsize=4)
def open_triangles(layout: UVLayout) -> NDArray[np.int32]:
    """(T, 3) without those that touch an opening; read-only, the same array for every face."""
    inside = opening_mask(layout)[layout.region]
    triangles = layout.triangles[~inside[layout.triangles].any(axis=1)]
    triangles.setflags(write=False)
    return triangles
