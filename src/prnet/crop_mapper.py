"""Crops of an image -> faces: the network, and what its answers ask of it again."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, is_whole
from prnet.face import Face, mean_face, roll_of, yaw_of
from prnet.files.onnx_session import Device
from prnet.geometry.boxes import Box
from prnet.geometry.crop import OFF_ROLL, CropTransform, crop_is_off
from prnet.layout.uv_layout import UVLayout
from prnet.light import Pixels, crops_in_white_light
from prnet.network.contrast import stretched
from prnet.network.crop_rules import load_crop_rules
from prnet.network.looks import (
    MIRRORED,
    ONE_LOOK,
    Look,
    looks_of,
    mean_of,
    mirrored_share,
    seen_by,
)
from prnet.network.position_map_network import PositionMapNetwork, Prediction, layout_file

if TYPE_CHECKING:
    from typing_extensions import Self

Source: TypeAlias = str | Path | bytes | NDArray[Any]
"""A file, a file's bytes, or pixels as :func:`prnet.load_image` takes them."""
Steps: TypeAlias = Generator[Pixels, Prediction, list[Face]]
"""A photo's way up to its faces, step by step. It stops where the network is needed: gives crops
(N, S, S, 3), and goes on with what the network says of them (``send``)."""


MOST_PASSES = 32
"""So that a slip of the finger does not run for hours."""


class CropMapper:
    """A model with its UV layout and crop rules, as `prnet.reconstruct.Reconstructor` says."""

    def __init__(
        self,
        model: str | Path | None,
        *,
        passes: int | Literal["auto"],
        threads: int,
        device: Device,
    ) -> None:
        if passes != "auto" and not (is_whole(passes) and 1 <= passes <= MOST_PASSES):
            raise PrnetError(f"expected 1 to {MOST_PASSES} passes or 'auto', got {passes!r}")
        self.passes, self.looks = passes, looks_of(model)
        self.network = PositionMapNetwork(model, threads=threads, device=device)
        self._layout_file = os.path.abspath(layout_file(model))
        self.layout = UVLayout.load(self._layout_file)
        self.crop_rules = load_crop_rules(layout_file(model).parent)
        self.as_released = "landmarks" in self.crop_rules  # a rule of its own, as 2018's

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "layout"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, layout=UVLayout.load(state["_layout_file"]))

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def landmark_crop(self, landmarks: NDArray[np.floating], roll: float = 0.0) -> CropTransform:
        """The crop that the network wants of a face with these landmarks (68, 2 or 3), image
        pixels, turned by ``roll`` degrees."""
        rule, size = self.crop_rules.get("landmarks"), self.network.crop_size
        if rule is None:
            return CropTransform.from_landmarks(landmarks, size=size, roll=roll)
        # A network with a rule of its own learned from unturned crops, as the 2018 release's.
        return CropTransform.from_box(Box.given(Box.around(landmarks)), rule, size=size)

    def from_crops(
        self,
        image: Pixels,
        boxes: Sequence[Box],
        crops: Sequence[CropTransform],
        *,
        source: Path | None = None,
    ) -> list[Face]:
        """One network call for crops of one image (H, W, 3) uint8, read from the file ``source``,
        and one for the mirror images of heads turned far; a face for each, which keeps the image
        itself, not a copy."""
        return self._answered(self._seen(image, boxes, crops, source))

    def _seen(
        self,
        image: Pixels,
        boxes: Sequence[Box],
        crops: Sequence[CropTransform],
        source: Path | None,
    ) -> Steps:
        faces = yield from self._from_crops(image, boxes, crops, source)
        return (yield from self._mirrored_too(image, faces))

    def _mapped(
        self,
        source: Source,
        image: Pixels,
        boxes: Sequence[Box],
        crops: Sequence[CropTransform],
        passes: int,
    ) -> Steps:
        file = Path(os.path.abspath(source)) if isinstance(source, str | Path) else None
        faces = yield from self._from_crops(image, boxes, crops, file)
        return (yield from self._passed_again(image, faces, passes - 1))

    def _passes(self, *, by_landmarks: bool = False) -> int:
        """Landmarks place the crop well; 2018's network is used as it was made."""
        if self.passes != "auto":
            return self.passes
        return 1 if by_landmarks or self.as_released else 2

    def _passed_again(self, image: Pixels, faces: list[Face], times: int) -> Steps:
        """The faces, so many times more, from crops that their landmarks place; with "auto" those
        alone whose crop was off."""
        for _ in range(times):
            crops = [self.landmark_crop(face.landmarks, roll_of(face)) for face in faces]
            again = {
                i: crop
                for i, (face, crop) in enumerate(zip(faces, crops, strict=True))
                if self.passes != "auto" or crop_is_off(face.crop, crop)
            }
            boxes, source = [faces[i].box for i in again], faces[0].source if faces else None
            better = yield from self._from_crops(image, boxes, [*again.values()], source)
            new = dict(zip(again, better, strict=True))
            faces = [new.get(i, face) for i, face in enumerate(faces)]
        return faces

    def _mirrored_too(self, image: Pixels, faces: list[Face]) -> Steps:
        """The faces; those that are turned far as the mean with what their mirror image gives."""
        if self.passes != "auto" or self.looks != ONE_LOOK or self.as_released:
            return faces
        if not self.layout.is_symmetric:
            return faces
        shares = [mirrored_share(yaw_of(face)) for face in faces]
        far = [face for face, share in zip(faces, shares, strict=True) if share]
        boxes, crops = [face.box for face in far], [face.crop for face in far]
        seen = iter((yield from self._from_crops(image, boxes, crops, None, MIRRORED)))
        return [
            mean_face(face, next(seen), share) if share else face
            for face, share in zip(faces, shares, strict=True)
        ]

    def _given_roll(self, landmarks: NDArray[np.floating]) -> float:
        """Of a caller's landmarks, where a crop of theirs that is not turned would be off."""
        roll = self.layout.image_roll(landmarks)
        return roll if abs(roll) > OFF_ROLL else 0.0

    def _answered(self, steps: Steps) -> list[Face]:
        """The steps with a network call for each question."""
        try:
            crops = next(steps)
            while True:
                crops = steps.send(self.network.predict(crops))
        except StopIteration as end:
            faces: list[Face] = end.value
            return faces

    def _from_crops(
        self,
        image: Pixels,
        boxes: Sequence[Box],
        crops: Sequence[CropTransform],
        source: Path | None,
        looks: Sequence[Look] | None = None,
    ) -> Steps:
        if not crops:
            return []
        looks = self.looks if looks is None else looks
        seen = seen_by(looks, image, crops)
        said = yield (seen if self.as_released else stretched(crops_in_white_light(seen)))
        maps, presence, deviations = mean_of(looks, said, crops)
        unknown = [None] * len(crops)
        sure = unknown if presence is None else presence.tolist()
        spread = unknown if deviations is None else list(deviations)
        face = partial(Face.from_crop_map, layout=self.layout, image=image, source=source)
        rows = zip(maps, crops, boxes, sure, spread, strict=True)
        return [
            face(crop_map, crop=crop, box=box, presence=presence, deviation=deviation)
            for crop_map, crop, box, presence, deviation in rows
        ]
