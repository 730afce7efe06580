"""Image -> faces: the one place where the steps are joined."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prnet.detection.make import DetectorName, make_detector
from prnet.detection.protocol import FaceDetector, boxes_of, given_detector
from prnet.errors import PrnetError, is_number, is_whole
from prnet.face import Face, belief, is_again, roll_of, told_apart
from prnet.files.image import MAX_PIXELS, load_image
from prnet.files.onnx_session import Device
from prnet.geometry.boxes import Box, check_seen, given_boxes, given_landmarks
from prnet.geometry.crop import OFF_ROLL, CropRule, CropTransform, crop_is_off
from prnet.geometry.doubted import NEAR_GIVEN, SAME, apart, around, elsewhere
from prnet.layout.uv_layout import UVLayout
from prnet.light import Pixels, crops_in_white_light
from prnet.network.contrast import stretched
from prnet.network.crop_rules import GIVEN_BOX_RULE, load_crop_rules
from prnet.network.looks import looks_of, mean_of, seen_by
from prnet.network.position_map_network import PositionMapNetwork, Prediction, layout_file

MIN_PRESENCE = 0.8
"""Of 78 wrong places in the photos of `scenes` test it leaves 8, of 765 faces 718."""
GIVEN_AGAIN = 2
"""Passes more in a caller's boxes, which may lie far off (docs/experiments.md)."""
_belief = partial(belief, enough=MIN_PRESENCE)

Source: TypeAlias = str | Path | bytes | NDArray[Any]
"""A file, a file's bytes, or pixels as :func:`prnet.load_image` takes them."""
Steps: TypeAlias = Generator[Pixels, Prediction, list[Face]]
"""A photo's way up to its faces. It stops where the network is needed: gives crops (N, S, S, 3),
and goes on with what the network says of them (``send``)."""


class Reconstructor:
    """Finds and reconstructs the faces of an image. Can be pickled and copied (as paths and
    settings), and used from many threads and after ``fork``.

    ``model``: a model folder or network file, None is the one in the package; or a name: "fast",
    the same, or "accurate", the mean of four looks, mirrored, turned and resized, in four times
    the network's time (`prnet.network.looks`).
    ``detector``: a name for :func:`prnet.make_detector` (``detector_model``: the file that some
    of them need), or any FaceDetector.
    ``passes``: with 2, the landmarks of the first pass place the crop of the second; with "auto"
    only where they ask for quite another crop than the first (`crop_is_off`), up to four with a
    caller's boxes and never with landmarks.
    ``min_score``: of the detector's boxes, on its own scale (None: what it asks for itself);
    ``min_presence``: of what it found, as the network judges it (0 keeps all); ``max_faces``: the
    largest ones; ``small_faces``: look for smaller ones, too (detector "prnet").
    ``threads``: of one call of the network or the detector.
    ``device``: where the network runs: "cpu", "cuda", "coreml", "directml", or "auto", a GPU where
    ONNX Runtime has one; detectors run on the CPU.
    ``max_pixels``: larger files are refused.

        reconstruct = Reconstructor()
        faces = reconstruct("photo.jpg")
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        detector: DetectorName | FaceDetector = "auto",
        detector_model: str | Path | None = None,
        passes: int | Literal["auto"] = "auto",
        min_score: float | None = None,
        min_presence: float = MIN_PRESENCE,
        max_faces: int | None = None,
        small_faces: bool = False,
        threads: int = 1,
        device: Device = "auto",
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if passes != "auto" and not (is_whole(passes) and passes >= 1):
            raise PrnetError(f"expected at least 1 pass or 'auto', got {passes!r}")
        if not (is_number(min_presence) and 0 <= min_presence <= 1):
            raise PrnetError(f"expected a presence from 0 to 1, got {min_presence!r}")
        if max_faces is not None and not (is_whole(max_faces) and max_faces >= 1):
            raise PrnetError(f"expected at least 1 face at most, got {max_faces!r}")
        if not (is_number(max_pixels) and max_pixels > 0):
            raise PrnetError(f"expected more than 0 pixels at most, got {max_pixels!r}")
        self.looks = looks_of(model)
        self.network = PositionMapNetwork(model, threads=threads, device=device)
        self._layout_file = os.path.abspath(layout_file(model))
        self.layout = UVLayout.load(self._layout_file)
        self.crop_rules = load_crop_rules(layout_file(model).parent)
        self.as_released = "landmarks" in self.crop_rules  # a rule of its own, as 2018's
        if isinstance(detector, str):
            self.detector = make_detector(
                detector,
                model_path=detector_model,
                threads=threads,
                min_score=min_score,
                small_faces=small_faces,
            )
        elif small_faces or detector_model is not None:
            option = "small_faces" if small_faces else "detector_model"
            raise PrnetError(f"expected the name of a detector with {option}, got a detector")
        else:
            self.detector = given_detector(detector, min_score)
        self.passes, self.max_faces, self.max_pixels = passes, max_faces, max_pixels
        self.min_presence = min_presence

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "layout"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, layout=UVLayout.load(state["_layout_file"]))

    def __copy__(self) -> Reconstructor:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __call__(
        self,
        source: Source,
        *,
        boxes: Sequence[Box | Sequence[float]] | None = None,
        landmarks: Sequence[ArrayLike] | None = None,
    ) -> list[Face]:
        """Image (a path, a file's bytes, or an array as load_image takes it) -> its faces, the
        largest first.

        ``boxes`` (or x0, y0, x1, y1 of each) or ``landmarks`` (each (68, 2 or 3), image pixels)
        say where the faces are instead of the detector; the result then keeps their order. Crops
        are turned by a Box's roll, or by landmarks' where that is more than `OFF_ROLL` degrees.
        An array is copied, so that faces stay as they are when the caller's buffer takes the next
        frame.
        """
        return self._answered(self.steps(source, boxes=boxes, landmarks=landmarks))

    def steps(
        self,
        source: Source,
        *,
        boxes: Sequence[Box | Sequence[float]] | None = None,
        landmarks: Sequence[ArrayLike] | None = None,
    ) -> Steps:
        """A call, step by step, for who has many photos and wants the network to see crops of
        several at once: :func:`prnet.bulk.reconstruct_many`."""
        if boxes is not None and landmarks is not None:
            raise PrnetError("expected boxes or landmarks, got both")
        image = load_image(source, max_pixels=self.max_pixels)
        if isinstance(source, np.ndarray) and np.may_share_memory(image, source):
            image = image.copy()
        if landmarks is not None:
            points = [given_landmarks(each) for each in landmarks]
            found = [Box.given(Box.around(each)) for each in points]
            check_seen(found, image)
            crops = [self.landmark_crop(each, self._given_roll(each)) for each in points]
            passes = self._passes(by_landmarks=True)
            return (yield from self._mapped(source, image, found, crops, passes))
        if boxes is not None:
            check_seen(found := given_boxes(boxes), image)
            rule = self.crop_rules.get("given", GIVEN_BOX_RULE)
            faces = yield from self._in_boxes(source, image, found, rule)
            return (yield from self._looked_around(source, image, faces, rule))
        rule = self.crop_rules.get(self.detector.name, self.detector.crop_rule)
        found = boxes_of(self.detector, image)
        faces = yield from self._in_boxes(source, image, found, rule)
        by_belief = sorted(faces, key=_belief, reverse=True)
        faces, doubted = told_apart(by_belief, self._is_sure)
        judged = [face.box for face in doubted if face.presence is not None]
        places = [place for box in judged for place in elsewhere(box)]
        tried = yield from self._in_boxes(source, image, places, rule)
        for face in sorted(filter(self._is_sure, tried), key=_belief, reverse=True):
            if not is_again(face, faces, near=SAME):
                there = Box.around(face.landmarks, roll=roll_of(face), score=face.box.score)
                faces.append(replace(face, box=there))
        shown = [face for face in doubted if (face.presence or 0.0) >= self.min_presence]
        faces += [face for face in shown if not is_again(face, faces, near=SAME)]
        return sorted(faces, key=lambda face: -face.box.area)[: self.max_faces]

    def _is_sure(self, face: Face) -> bool:
        return face.presence is None or face.presence >= max(MIN_PRESENCE, self.min_presence)

    def _answered(self, steps: Steps) -> list[Face]:
        """The steps with a network call for each question."""
        try:
            crops = next(steps)
            while True:
                crops = steps.send(self.network.predict(crops))
        except StopIteration as end:
            faces: list[Face] = end.value
            return faces

    def _in_boxes(
        self, source: Source, image: Pixels, boxes: Sequence[Box], rule: CropRule
    ) -> Steps:
        crops = [CropTransform.from_box(box, rule, size=self.network.crop_size) for box in boxes]
        return (yield from self._mapped(source, image, boxes, crops, self._passes()))

    def _looked_around(
        self, source: Source, image: Pixels, faces: list[Face], rule: CropRule
    ) -> Steps:
        """Faces of a caller's boxes, which seldom say how a face is turned in the photo: of those
        that are doubted the most believed of the box's quarter turns and of what is beside it."""
        places = {i: around(it.box) for i, it in enumerate(faces) if not self._is_sure(it)}
        tried = yield from self._in_boxes(source, image, sum(places.values(), ()), rule)
        again = GIVEN_AGAIN if self.passes == "auto" and not self.as_released else 0
        every = yield from self._passed_again(image, [*faces, *tried], again)
        faces, rest = every[: len(faces)], iter(every[len(faces) :])
        for i, each in places.items():
            box, there = faces[i].box, [next(rest) for _ in each]
            there = [it for it in there if apart(it.landmarks, [box.corners])[0] < NEAR_GIVEN]
            faces[i] = replace(max([faces[i], *there], key=_belief), box=box)
        return faces

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

    def _given_roll(self, landmarks: NDArray[np.floating]) -> float:
        """Of a caller's landmarks, where a crop of theirs that is not turned would be off."""
        roll = self.layout.image_roll(landmarks)
        return roll if abs(roll) > OFF_ROLL else 0.0

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
        """One network call for crops of one image (H, W, 3) uint8, read from the file ``source``; a
        face for each, which keeps the image itself, not a copy."""
        return self._answered(self._from_crops(image, boxes, crops, source))

    def _from_crops(
        self,
        image: Pixels,
        boxes: Sequence[Box],
        crops: Sequence[CropTransform],
        source: Path | None,
    ) -> Steps:
        if not crops:
            return []
        seen = seen_by(self.looks, image, crops)
        said = yield (seen if self.as_released else stretched(crops_in_white_light(seen)))
        maps, presence, deviations = mean_of(self.looks, said, crops)
        unknown = [None] * len(crops)
        sure = unknown if presence is None else presence.tolist()
        spread = unknown if deviations is None else list(deviations)
        face = partial(Face.from_crop_map, layout=self.layout, image=image, source=source)
        rows = zip(maps, crops, boxes, sure, spread, strict=True)
        return [
            face(crop_map, crop=crop, box=box, presence=presence, deviation=deviation)
            for crop_map, crop, box, presence, deviation in rows
        ]
