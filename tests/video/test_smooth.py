"""The One-Euro filter: what is still rests, what moves is not late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_film import Picture, Place, scene
from made_heads import Heads
from standins import make_face

from prnet.facemodel.arkit.curves import PersonCurves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.geometry.camera import Pose
from prnet.reconstruct import Reconstructor
from prnet.video.follow import follow
from prnet.video.smooth import OneEuro, Rates, Smoother, _cells, _spread

RATE = 25


def test_without_speed_it_is_the_low_pass_filter() -> None:
    """A step, answered as a first-order filter does: 1 - (1 - share)^n."""
    rates = Rates(still=1.0, beta=0.0, speed=1.0)
    turn = OneEuro(rates)
    values = [float(turn(np.array([[x]]), 1 / RATE, 1.0)[0, 0]) for x in [0.0] + [1.0] * 10]
    share = 1 - 1 / (1 + 2 * np.pi / RATE)
    np.testing.assert_allclose(values, 1 - (1 - share) ** np.arange(11), atol=1e-9)


def test_speed_is_measured_in_face_sizes() -> None:
    """The same film at another resolution is smoothed the same."""
    track = np.cumsum(np.random.default_rng(0).normal(0, 1, (30, 3, 4)), axis=0)
    small, large = OneEuro(Rates()), OneEuro(Rates())
    for points in track:
        steady = small(points, 1 / RATE, 100.0)
        np.testing.assert_allclose(large(7 * points, 1 / RATE, 700.0), 7 * steady)


def test_a_still_face_passes_unchanged() -> None:
    face, smooth = make_face(Pose(20, 5, -10), scale=1.3), Smoother()
    for number in range(5):
        steady = smooth(face, number / RATE)
    np.testing.assert_allclose(steady.position_map, face.position_map, atol=1e-3)


def test_a_turn_stays_a_turn() -> None:
    """The steady face is the same head, elsewhere: sizes inside it do not shrink on the way."""
    smooth = Smoother()
    for number in range(12):
        face = make_face(Pose(6.0 * number - 30, 0, 0))
        steady = smooth(face, number / RATE)
        spans = [
            np.linalg.norm(np.ptp(f.camera.unproject(f.vertices), axis=0)) for f in (face, steady)
        ]
        assert spans[1] == pytest.approx(spans[0], rel=1e-3)
        assert abs(steady.pose.yaw - face.pose.yaw) < 3


def test_between_the_cells_a_map_moves_linearly() -> None:
    """What is filtered at the cells' middles reaches each pixel, those at the edge, too."""
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    plane = np.stack([2 * rows + columns, rows - 3 * columns, 0 * rows + 5], axis=-1)
    np.testing.assert_allclose(_spread(_cells(plane)), plane, atol=1e-3)


def test_after_a_gap_it_begins_anew() -> None:
    smooth = Smoother()
    smooth(make_face(centre=(50, 100)), 0.0)
    face = make_face(centre=(200, 100))
    np.testing.assert_allclose(smooth(face, 1.0).landmarks, face.landmarks, atol=1e-2)


def jitter_of(points: np.ndarray) -> float:
    """Pixels, root mean square, from frame to frame; of (F, 68, 2)."""
    return float(np.sqrt((np.diff(points, axis=0) ** 2).sum(axis=2).mean()))


@pytest.fixture(scope="module")
def reconstruct() -> Reconstructor:
    return Reconstructor()


def tracked(frames: list[Picture], reconstruct: Reconstructor, smooth: bool) -> np.ndarray:
    """(F, 68, 2) pixels, of the second half."""
    found = follow(frames, reconstruct=reconstruct, smooth=smooth)
    return np.array([faces[0].landmarks[:, :2] for _, faces in found])[len(frames) // 2 :]


def test_a_still_picture_rests(reconstruct: Reconstructor, sample_image: Picture) -> None:
    """Unsmoothed, too: the answer to a crop does not move the next crop, and so on for ever."""
    film = [scene((Place(240, 160), sample_image))] * 30
    assert jitter_of(tracked(film, reconstruct, False)) < 0.01


def test_noise_in_the_film_jitters_less(reconstruct: Reconstructor, sample_image: Picture) -> None:
    """Four times less at least; before, 0.17 pixels, a 600th of the face."""
    random, still = np.random.default_rng(0), scene((Place(240, 160), sample_image))
    film = [
        (still + random.normal(0, 6, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(50)
    ]
    raw, steady = (jitter_of(tracked(film, reconstruct, smooth)) for smooth in (False, True))
    assert raw > 0.05
    assert steady < raw / 3


def test_a_swaying_head_is_hardly_late(reconstruct: Reconstructor, sample_image: Picture) -> None:
    """60 pixels to either side in 1.5 s: at most 5 ms late, and no less far."""
    seconds = np.arange(60) / RATE
    sway = 60 * np.sin(2 * np.pi * seconds / 1.5)
    film = [scene((Place(240 + x, 160), sample_image)) for x in sway]
    x = tracked(film, reconstruct, True)[:, :, 0].mean(axis=1)
    lags = np.linspace(-0.05, 0.1, 301)
    moved = 60 * np.sin(2 * np.pi * (seconds[30:] - lags[:, None]) / 1.5)
    off = (x - x.mean()) - (moved - moved.mean(axis=1, keepdims=True))
    lag = lags[(off**2).sum(axis=1).argmin()]
    assert abs(lag) <= 0.005
    assert np.ptp(x) == pytest.approx(np.ptp(sway[30:]), rel=0.03)


def test_the_rest_of_the_face_is_kept() -> None:
    face = replace(make_face(), track=7, presence=0.9)
    steady = Smoother()(face, 0.0)
    assert (steady.track, steady.presence, steady.box) == (7, 0.9, face.box)


def test_a_blink_is_kept() -> None:
    """Three frames of what a network sees of closed eyes, at 25 a second, of somebody who sways."""
    heads, smoother = Heads(), Smoother()
    raw, smoothed, blink = PersonCurves(), PersonCurves(), ARKIT_NAMES.index("eyeBlinkLeft")
    told = []
    for i in range(26):
        lids = 0.7 if 20 <= i < 23 else 0.0
        shut = {"eyeBlinkLeft": lids, "eyeBlinkRight": lids}
        face = heads.face(shut, yaw=5 * np.sin(i / 5))
        told.append((raw(face)[blink], smoothed(smoother(face, i / 25))[blink]))
    before, after = np.array(told).T
    assert before[20:23].min() > 0.9
    assert after[20] > 0.75
    assert after[21:23].min() > 0.9
    assert max(after[:20].max(), after[23:].max()) < 0.15
