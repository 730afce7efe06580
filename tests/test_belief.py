from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import make_face

from prnet.belief import belief, is_again
from prnet.geometry.boxes import Box
from prnet.geometry.camera import Pose
from prnet.reconstruct import Reconstructor

POSE = Pose(35.0, -12.0, 20.0)


@pytest.mark.parametrize(
    ("roll", "scale", "unsure", "again"),
    [
        (-150, 1, 1.3, True),
        (-110, 1, 1.3, False),  # a child in somebody's arm
        (20, 1, 1.3, False),
        (-150, 0.7, 1.3, False),
        (-150, 1, 1.1, False),  # two people, one upside down
    ],
)
def test_a_face_across_another_is_the_same_upside_down(
    roll: float, scale: float, unsure: float, again: bool
) -> None:
    spread = np.ones((256, 256), np.float32)
    face = replace(make_face(POSE), deviation=spread)
    other = make_face(Pose(POSE.yaw, POSE.pitch, roll), scale=scale)
    boxes = Box.around(face.landmarks), Box.around(other.landmarks)
    x, y = 120 + np.subtract(boxes[0].centre, boxes[1].centre)
    other = make_face(
        Pose(POSE.yaw, POSE.pitch, roll),
        scale=scale,
        centre=(x, y - 20 + 0.5 * max(boxes[0].width, boxes[0].height)),
    )
    other = replace(other, deviation=np.float32(unsure * scale) * spread)
    assert is_again(other, [face], near=0.4) == again
    assert not is_again(replace(other, deviation=None), [face], near=0.4)
    assert is_again(other, [face], near=1)
    assert not is_again(other, [], near=1)


def test_belief_is_presence_and_then_deviations(sample_image: NDArray[np.uint8]) -> None:
    (face,) = Reconstructor()(sample_image)
    assert face.presence is not None
    assert face.deviation is not None
    half = (face.deviation / 2).astype(np.float32)
    doubted = replace(face, presence=0.5, deviation=half)
    surer = replace(face, presence=0.9, deviation=half)
    faces = sorted([face, doubted, surer], key=lambda it: belief(it, enough=0.8))
    assert [id(it) for it in faces] == [id(it) for it in (doubted, face, surer)]
    assert belief(replace(face, presence=None, deviation=None), enough=0.8) == (0, 0)
    larger = replace(face, position_map=2 * face.position_map)
    assert belief(larger, enough=0.8)[1] == pytest.approx(belief(face, enough=0.8)[1] / 2)
    assert belief(replace(face, position_map=0 * face.position_map), enough=0.8)[1] < -1
