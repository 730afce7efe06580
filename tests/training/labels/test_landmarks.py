from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.geometry.boxes import Box
from prnet.training.labels import landmarks
from prnet.training.labels.correspondence import Correspondence
from prnet.training.labels.landmarks import POINTS, SHIFT, MediaPipeMesh, media_pipe_mesh

SPOT = (71.3, 48.6)
"""Where the made-up photo is brightest (x, y)."""


class Spotter:
    """Sees one bright spot and answers with a fixed pattern around it, as MediaPipe would: pixel
    indices over the size, its points right of and below the truth."""

    def __init__(self, reach: float = 1.0) -> None:
        random = np.random.default_rng(0)
        half = random.normal(size=(POINTS // 2, 3)) * 0.1
        half[33] = (-0.2, 0, 0)
        self.pattern = np.concatenate([half, half * (-1, 1, 1)])
        self.pattern[263], self.pattern[263 - POINTS // 2] = (0.2, 0, 0), (-0.2, 0, 0)
        self.mirror = np.roll(np.arange(POINTS), POINTS // 2)
        for one, other in ((33, 263), (33 + POINTS // 2, 263 - POINTS // 2)):
            self.mirror[one], self.mirror[other] = other, one
            self.pattern[other] = self.pattern[one] * (-1, 1, 1)
        self.size = float(np.sqrt(np.prod(np.ptp(self.pattern[:, :2], axis=0))))
        self.reach = reach

    def boxes(self, image: NDArray[np.uint8]) -> list[Box]:
        if image.shape[1] < 120 * self.reach:
            return []
        x, y = centroid(image)
        return [Box(x - 1.4, y + 2.2 - 20, x - 1.4 + 40, y + 2.2 + 20)]

    def mesh(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        x, y = centroid(image)
        wrong = SHIFT * self.size
        offset = np.array([x / image.shape[1] + wrong, y / image.shape[0] + wrong, 0])
        return np.asarray(self.pattern + offset)


def centroid(image: NDArray[np.uint8]) -> tuple[float, float]:
    weight = image[..., 0].astype(np.float64)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    y, x = np.mgrid[:100, :120]
    spot = 250 * np.exp(-((x - SPOT[0]) ** 2 + (y - SPOT[1]) ** 2) / 18)
    return np.repeat(spot.round().astype(np.uint8)[..., None], 3, axis=2)


def test_points_come_back_to_the_place_in_the_photo(photo: NDArray[np.uint8]) -> None:
    """Crop, upscaling, mirroring and MediaPipe's own shift are all undone: 0.01 pixels."""
    spotter = Spotter()
    found = MediaPipeMesh(spotter, spotter.mirror)(photo)
    assert found is not None
    # patterns scale with the crop: the mean over the sizes is the pattern at the mean side
    side = np.mean([round(factor * 40) for factor in landmarks.CROP_SIZES])
    expected = spotter.pattern[:, :2] * side + SPOT
    np.testing.assert_allclose(found.points[:, :2], expected, atol=0.02)
    np.testing.assert_allclose(found.points[:, 2], -spotter.pattern[:, 2] * side, atol=1e-3)


def test_both_runs_agree_without_any_mean_difference(photo: NDArray[np.uint8]) -> None:
    spotter = Spotter()
    mesh = MediaPipeMesh(spotter, spotter.mirror)
    straight, mirrored = mesh._both_ways(photo, spotter.boxes(photo)[0], 1.6)
    np.testing.assert_allclose(straight, mirrored, atol=1e-3)


def test_a_face_that_fills_the_photo_is_found_with_a_border(photo: NDArray[np.uint8]) -> None:
    spotter = Spotter(reach=1.5)
    found = MediaPipeMesh(spotter, spotter.mirror)(photo)
    usual = Spotter()
    expected = MediaPipeMesh(usual, usual.mirror)(photo)
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found.points, expected.points, atol=1e-3)


def test_no_face_is_none() -> None:
    class Blind(Spotter):
        def boxes(self, image: NDArray[np.uint8]) -> list[Box]:
            return []

    blind = Blind()
    assert MediaPipeMesh(blind, blind.mirror)(np.zeros((20, 30, 3), np.uint8)) is None


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(landmarks, "import_module", missing)
    with pytest.raises(PrnetError, match=r"expected mediapipe, got none \(pip install .*\[label\]"):
        media_pipe_mesh(np.arange(POINTS))


def test_mediapipe_on_the_sample_photo(sample_image: NDArray[np.uint8]) -> None:
    """The real detector: a mirrored photo gives the mirrored points, exactly the same runs."""
    pytest.importorskip("mediapipe")
    mirror = Correspondence.load().mirror
    mesh = media_pipe_mesh(mirror)
    found, turned = mesh(sample_image), mesh(sample_image[:, ::-1].copy())
    assert found is not None
    assert turned is not None
    width = sample_image.shape[1]
    back = turned.points[mirror] * (-1, 1, 1) + (width - 1, 0, 0)
    size = np.sqrt(np.prod(np.ptp(found.points[:, :2], axis=0)))
    assert np.abs((back - found.points)[:, :2].mean(0)).max() < 0.005 * size
    assert found.spread < 0.01
    nose = found.points[1]
    assert 190 < nose[0] < 250
    assert nose[2] > found.points[[234, 454], 2].max()


def test_missing_task_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    with pytest.raises(PrnetError, match=r"expected a face_landmarker.task file, got no such"):
        media_pipe_mesh(np.arange(POINTS), tmp_path / "no.task")
