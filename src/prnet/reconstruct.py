"""Image -> faces: the one place where the steps are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from prnet.belief import belief, is_again, told_apart
from prnet.crop_mapper import CropMapper, Source, Steps
from prnet.detection.make import DetectorName, make_detector
from prnet.detection.protocol import FaceDetector, boxes_of, given_detector
from prnet.errors import PrnetError, is_number, is_whole
from prnet.face import Face, roll_of
from prnet.files.image import MAX_PIXELS, load_image
from prnet.files.onnx_session import Device
from prnet.geometry.boxes import Box, check_seen, given_boxes, landmarks_of_each
from prnet.geometry.crop import CropRule, CropTransform, upright_roll
from prnet.geometry.doubted import NEAR_GIVEN, SAME, apart, around, elsewhere, middle
from prnet.light import Pixels
from prnet.network.crop_rules import GIVEN_BOX_RULE

MIN_PRESENCE = 0.83
"""Of 85 wrong places in the photos of `scenes` test it leaves 6, of 876 faces 736 (692 of the 780
from 16 pixels on), and nothing in 150 pictures without a face; 0.8 left a cat and a portrait."""
GIVEN_AGAIN = 2
"""Passes more in a caller's boxes, which may lie far off (docs/experiments.md)."""
_belief = partial(belief, enough=MIN_PRESENCE)


def _off(face: Face, box: Box) -> float:
    """How far the face's centre is from the box's, over the longest side of both."""
    return float(apart(face.landmarks, [box.corners])[0])


class Reconstructor(CropMapper):
    """Finds and reconstructs the faces of an image. Can be pickled and copied (as paths and
    settings), and used from many threads and after ``fork``.

    ``model``: a model folder or network file, None is the one in the package; or a name: "fast",
    the same, or "accurate", the mean of four looks, mirrored, turned and resized, in four times
    the network's time (`prnet.network.looks`).
    ``detector``: a name for :func:`prnet.make_detector` (``detector_model``: the file that some
    of them need), or any FaceDetector.
    ``passes``: with 2, the landmarks of the first pass place the crop of the second; with "auto"
    only where they ask for quite another crop than the first (`crop_is_off`), up to four with a
    caller's boxes and never with landmarks, and heads that are turned far (`MIRRORED_FROM`) are
    looked at once more, mirrored (films', too).
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
        if not (is_number(min_presence) and 0 <= min_presence <= 1):
            raise PrnetError(f"expected a presence from 0 to 1, got {min_presence!r}")
        if max_faces is not None and not (is_whole(max_faces) and max_faces >= 1):
            raise PrnetError(f"expected at least 1 face at most, got {max_faces!r}")
        if not (is_number(max_pixels) and max_pixels > 0):
            raise PrnetError(f"expected more than 0 pixels at most, got {max_pixels!r}")
        super().__init__(model, passes=passes, threads=threads, device=device)
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
        self.max_faces, self.max_pixels = max_faces, max_pixels
        self.min_presence = min_presence

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
        are turned by a Box's roll where that is more than `UPRIGHT` degrees, by landmarks' where it
        is more than `OFF_ROLL`; those of further passes by any.
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
            points = landmarks_of_each(landmarks)
            found = [Box.given(Box.around(each)) for each in points]
            check_seen(found, image)
            crops = [self.landmark_crop(each, self._given_roll(each)) for each in points]
            passes = self._passes(by_landmarks=True)
            faces = yield from self._mapped(source, image, found, crops, passes)
        elif boxes is not None:
            check_seen(found := given_boxes(boxes), image)
            rule = self.crop_rules.get("given", GIVEN_BOX_RULE)
            faces = yield from self._in_boxes(source, image, found, rule)
            faces = yield from self._looked_around(source, image, faces, rule)
            faces = yield from self._each_its_own(source, image, faces, rule)
        else:
            faces = yield from self._detected(source, image)
        return (yield from self._mirrored_too(image, faces))

    def _detected(self, source: Source, image: Pixels) -> Steps:
        """What the detector finds and the network believes, each person's face once."""
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
        kept = [face for face in doubted if (face.presence or 0.0) >= self.min_presence]
        faces += [face for face in kept if not is_again(face, faces, near=SAME)]
        return sorted(faces, key=lambda face: -face.box.area)[: self.max_faces]

    def _is_sure(self, face: Face) -> bool:
        return face.presence is None or face.presence >= max(MIN_PRESENCE, self.min_presence)

    def _in_boxes(
        self, source: Source, image: Pixels, boxes: Sequence[Box], rule: CropRule
    ) -> Steps:
        crops = [CropTransform.from_box(box, rule, size=self.network.crop_size) for box in boxes]
        crops = [replace(crop, roll=upright_roll(crop.roll)) for crop in crops]
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
            there = [it for it in there if _off(it, box) < NEAR_GIVEN]
            faces[i] = replace(max([faces[i], *there], key=_belief), box=box)
        return faces

    def _each_its_own(
        self, source: Source, image: Pixels, faces: list[Face], rule: CropRule
    ) -> Steps:
        """Faces of a caller's boxes: where several large ones ended at one face it is the nearest
        box's, and the others' are looked for in their middle."""
        by_place = sorted(faces, key=lambda face: _off(face, face.box))
        _, again = told_apart(by_place, lambda face: True)
        lost = [i for i, face in enumerate(faces) if face in again]
        places = [middle(faces[i].box) for i in lost]
        tried = yield from self._in_boxes(source, image, places, rule)
        for i, face in zip(lost, tried, strict=True):
            others = [*faces[:i], *faces[i + 1 :]]
            if self._is_sure(face) and not is_again(face, others, near=SAME):
                faces[i] = replace(face, box=faces[i].box)
        return faces
