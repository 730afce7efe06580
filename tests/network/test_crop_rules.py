"""A model folder may ask for other crops than the package's own network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import make_layout, write_model

from prnet.errors import PrnetError
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule, CropTransform
from prnet.network.crop_rules import RULES_2018, load_crop_rules, save_crop_rules
from prnet.reconstruct import Reconstructor

IMAGE = np.zeros((200, 200, 3), np.uint8)
BOX = Box(50, 60, 110, 140)  # mean side 70, centre (80, 100)


class Detector:
    crop_rule = CropRule(scale=1.2)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return [BOX]


@pytest.fixture
def model_2018(tmp_path: Path) -> Path:
    save_crop_rules(write_model(tmp_path / "2018"), RULES_2018)
    return tmp_path / "2018"


def _square(crop: CropTransform) -> tuple[float, float, float]:
    return crop.centre_x, crop.centre_y, crop.side


@pytest.mark.parametrize("name", ["dlib", "dlib-cnn"])
def test_dlibs_boxes_as_in_2018(model_2018: Path, name: str) -> None:
    (face,) = Reconstructor(model_2018, detector=Detector(name))(IMAGE)
    assert _square(face.crop) == pytest.approx((80, 100 + 0.14 * 70, 1.58 * 70))


def test_given_boxes_and_landmarks_as_in_2018(model_2018: Path) -> None:
    reconstruct = Reconstructor(model_2018, detector=Detector("dlib"))
    (face,) = reconstruct(IMAGE, boxes=[BOX])
    assert _square(face.crop) == pytest.approx((80, 100, 1.6 * 70))
    layout = make_layout()
    landmarks = layout.sample_landmarks(layout.canonical)[:, :2]
    size = np.ptp(landmarks, axis=0)
    (face,) = reconstruct(IMAGE, landmarks=[landmarks * [60, 80] / size])
    assert face.crop.side == pytest.approx(1.6 * 70, rel=1e-5)


def test_the_second_pass_goes_by_the_rule_for_landmarks(model_2018: Path) -> None:
    once, twice = (
        Reconstructor(model_2018, detector=Detector("dlib"), passes=passes)(IMAGE)[0]
        for passes in (1, 2)
    )
    size = np.ptp(once.landmarks[:, :2], axis=0)
    assert twice.crop.side == pytest.approx(1.6 * size.mean(), rel=1e-5)


def test_what_is_not_named_stays_ours(model_2018: Path, tmp_path: Path) -> None:
    (other,) = Reconstructor(model_2018, detector=Detector("none"))(IMAGE)
    assert other.crop.side == pytest.approx(1.2 * 70)
    folder = write_model(tmp_path / "ours")
    (ours,) = Reconstructor(folder, detector=Detector("dlib"), passes=1)(IMAGE)
    assert ours.crop.side == pytest.approx(1.2 * 70)


@pytest.mark.parametrize("text", ["", "[1]", '{"dlib": {"size": 1}}', '{"dlib": 1}', "\x00"])
def test_damaged_files_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "crop_rules.json").write_text(text)
    with pytest.raises(PrnetError, match=r"crop_rules.json: expected crop rules \(JSON\)"):
        load_crop_rules(tmp_path)
