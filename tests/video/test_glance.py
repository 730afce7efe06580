from __future__ import annotations

import numpy as np
import pytest

from prnet.detection.protocol import FaceDetector
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule
from prnet.reconstruct import Reconstructor
from prnet.video.glance import InSmall
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
