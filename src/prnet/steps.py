"""A photo's way up to its faces, in steps between which a network is asked."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from prnet.face import Face
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import UVLayout
from prnet.light import Pixels
from prnet.network.position_map_network import PositionMapNetwork, Prediction

Source: TypeAlias = str | Path | bytes | NDArray[Any]
"""A file, a file's bytes, or pixels as :func:`prnet.load_image` takes them."""
Steps: TypeAlias = Generator[Pixels, Prediction, list[Face]]
"""It stops where the network is needed: gives crops (N, S, S, 3), and goes on with what the network
says of them (``send``)."""


def answered(network: PositionMapNetwork, steps: Steps) -> list[Face]:
    """The steps with a network call for each question."""
    try:
        crops = next(steps)
        while True:
            crops = steps.send(network.predict(crops))
    except StopIteration as end:
        faces: list[Face] = end.value
        return faces


def faces_of(
    said: Prediction,
    crops: Sequence[CropTransform],
    boxes: Sequence[Box],
    *,
    layout: UVLayout,
    image: Pixels,
    source: Path | None,
) -> list[Face]:
    """What the network said of an image's crops, of as many boxes, as faces."""
    unknown = [None] * len(crops)
    presence = unknown if said.presence is None else said.presence.tolist()
    deviations = unknown if said.deviations is None else list(said.deviations)
    face = partial(Face.from_crop_map, layout=layout, image=image, source=source)
    rows = zip(said.position_maps, crops, boxes, presence, deviations, strict=True)
    return [
        face(crop_map, crop=crop, box=box, presence=sure, deviation=spread)
        for crop_map, crop, box, sure, spread in rows
    ]
