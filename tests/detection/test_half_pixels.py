"""Boxes to the half pixel: edges, not pixel centres, at any size and from any detector."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet.detection.make import DetectorName, make_detector
from prnet.detection.pyramid import find_at_side
from prnet.geometry.boxes import Box


def white_area(image: NDArray[np.uint8]) -> list[Box]:
    rows, columns = np.nonzero(image[:, :, 0])
    return [Box(columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5)]


@pytest.mark.parametrize("frame", [0, 0.125, 0.5])
@pytest.mark.parametrize("side", [50, 77, 200])
def test_the_picture_s_edges_come_back_exactly(side: int, frame: float) -> None:
    """The edges of the resized picture are the picture's: half a pixel there is several here."""
    image = np.full((230, 410, 3), 255, np.uint8)
    (box,) = find_at_side(image, white_area, side, frame=frame)
    assert box.xyxy == pytest.approx((-0.5, -0.5, 409.5, 229.5), abs=1e-9)


class Dlib:
    """dlib's interface; everything is a face from pixel 100 to 299 and from row 150 to 349."""

    rectangle = SimpleNamespace(
        left=lambda: 100, top=lambda: 150, right=lambda: 299, bottom=lambda: 349
    )

    def get_frontal_face_detector(self) -> object:
        return SimpleNamespace(run=lambda image, *_: ([self.rectangle], [0.9], [0]))

    def cnn_face_detection_model_v1(self, path: str) -> object:
        return lambda image, *_: [SimpleNamespace(rect=self.rectangle, confidence=1.1)]


@pytest.mark.parametrize("name", ["dlib", "dlib-cnn"])
def test_dlib_s_last_pixels_belong_to_the_box(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: DetectorName
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", Dlib())
    model = tmp_path / "model"
    model.write_bytes(b"any")
    detector = make_detector(name, model_path=model if name == "dlib-cnn" else None)
    (box,) = detector(np.zeros((480, 480, 3), np.uint8))  # at its own size in a frame of 60
    assert box.xyxy == (39.5, 89.5, 239.5, 289.5)
