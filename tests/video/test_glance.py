from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from prnet.detection.protocol import FaceDetector
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule, CropTransform
from prnet.network.position_map_network import Prediction
from prnet.reconstruct import Reconstructor
from prnet.video.glance import InSmall, Others
from prnet.video.track import Tracker

POINTS = np.array([[0, 0], [9.5, 19.5], [0, 0], [0, 0], [0, 0]], np.float32)


class Seen:
    """A detector that keeps what it was shown, and tells a box of a picture 1280 wide."""

    name = "seen"
    crop_rule = CropRule(1.5)

    def __init__(self, box: Box | None) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self._box = box

    def __call__(self, image: np.ndarray) -> list[Box]:
        self.shapes.append(image.shape)
        if self._box is None:
            return []
        small = image.shape[1] / 1280
        return [Box(*((edge + 0.5) * small - 0.5 for edge in self._box.xyxy))]


class Fixed(Seen):
    def __call__(self, image: np.ndarray) -> list[Box]:
        self.shapes.append(image.shape)
        return [Box(9.5, 19.5, 29.5, 39.5, 0.7, 12.0, points=POINTS)]


class Several(Seen):
    boxes: list[Box]

    def __call__(self, image: np.ndarray) -> list[Box]:
        return self.boxes


def test_boxes_are_in_the_whole_picture() -> None:
    seen = Fixed(None)
    detector: FaceDetector = InSmall(seen)
    (box,) = detector(np.zeros((720, 1281, 3), np.uint8))
    assert seen.shapes == [(240, 427, 3)]
    assert box.xyxy == (29.5, 59.5, 89.5, 119.5)
    assert (box.score, box.roll) == (0.7, 12.0)
    assert box.points is not None
    np.testing.assert_allclose(box.points[1], (29.5, 59.5))
    assert (detector.name, detector.crop_rule) == ("seen", CropRule(1.5))


def test_small_pictures_are_seen_as_they_are() -> None:
    seen = Fixed(None)
    (box,) = InSmall(seen)(np.zeros((480, 640, 3), np.uint8))
    assert seen.shapes == [(480, 640, 3)]
    assert box.xyxy == (9.5, 19.5, 29.5, 39.5)


@pytest.mark.parametrize(("somebody", "wholly"), [(True, [0, 5]), (False, [0, 1, 2, 3, 4, 5, 6])])
def test_a_look_at_the_whole_picture_is_rare(
    somebody: bool, wholly: list[int], sample_image: np.ndarray
) -> None:
    frame = np.full((720, 1280, 3), 90, np.uint8)
    frame[: sample_image.shape[0], : sample_image.shape[1]] = sample_image[:720]
    seen = Seen(Reconstructor()(sample_image)[0].box if somebody else None)
    tracker = Tracker(Reconstructor(detector=seen))
    looks = []
    for i in range(53):
        before = len(seen.shapes)
        tracker(frame, i / 8)
        looks += [(i / 8, shape) for shape in seen.shapes[before:]]
    assert [seconds for seconds, shape in looks if shape == frame.shape] == wholly
    assert (360, 640, 3) in {shape for _, shape in looks}


def test_where_the_clock_begins_again_the_whole_picture_is_looked_at() -> None:
    """As with two films, one after the other."""
    frame, seen = np.full((720, 1280, 3), 90, np.uint8), Seen(None)
    tracker = Tracker(Reconstructor(detector=seen))
    for seconds in (100.0, 3.0):
        tracker(frame, seconds)
    assert seen.shapes == [frame.shape] * 2


def test_the_network_looks_once_at_a_known_face(
    sample_image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Reconstructor()(sample_image)[0].box
    reconstruct = Reconstructor(detector=Seen(box))
    predict, crops = reconstruct.network.predict, list[int]()

    def counted(seen: np.ndarray) -> Prediction:
        crops.append(len(seen))
        return predict(seen)

    monkeypatch.setattr(reconstruct.network, "predict", counted)
    tracker = Tracker(reconstruct)
    frame = np.pad(sample_image, ((0, 0), (0, 1280 - sample_image.shape[1]), (0, 0)))
    assert tracker(frame, 0.0)
    crops.clear()
    for number in range(1, 20):
        assert tracker(frame, number / 8)
    assert crops == [1] * 19


def test_crops_of_a_film_are_turned_as_those_of_photos(sample_image: np.ndarray) -> None:
    turned = Image.fromarray(sample_image).rotate(-10, Image.Resampling.BICUBIC)
    for frame, is_turned in ((sample_image, False), (np.asarray(turned), True)):
        tracker, crops = Tracker(Reconstructor()), []
        for number in range(3):  # moved so far that the crop follows
            (face,) = tracker(np.roll(frame, 12 * number, axis=1), number / 8)
            crops.append(face.crop)
            assert (face.crop.roll != 0) is is_turned
        assert len({crop.centre_x for crop in crops}) == 3


def test_other_faces_are_left() -> None:
    crop = CropTransform(100, 100, 150, 128)
    boxes = [Box(50, 50, 150, 150), Box(80, 50, 180, 150), Box(70, 70, 130, 130)]
    detector = Several(None)
    detector.boxes = boxes
    assert Others(detector, [crop], CropRule(1.5))(np.zeros((9, 9, 3), np.uint8)) == boxes[1:]


def test_where_there_is_no_room_nobody_looks_for_others(sample_image: np.ndarray) -> None:
    seen = Seen(Reconstructor()(sample_image)[0].box)
    tracker = Tracker(Reconstructor(detector=seen), people=1)
    frame = np.pad(sample_image, ((0, 0), (0, 1280 - sample_image.shape[1]), (0, 0)))
    for number in range(20):
        assert tracker(frame, number / 8)
    assert len(seen.shapes) == 1
