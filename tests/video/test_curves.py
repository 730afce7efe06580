from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from prnet.face import Face
from prnet.reconstruct import Reconstructor
from prnet.video.curves import LIVE_LINK_HEADER, arkit_table, live_link_tables, timecode
from prnet.video.frames import Frame

APP = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,"
    "EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,"
    "EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,"
    "JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,"
    "MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,"
    "MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,"
    "BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,"
    "RightEyePitch,RightEyeRoll"
)
"""What the app Live Link Face writes first."""
BLACK = np.zeros((40, 40, 3), np.uint8)


def test_header_is_the_apps() -> None:
    assert LIVE_LINK_HEADER == APP


@pytest.mark.parametrize(
    ("seconds", "rate", "said"),
    [
        (0.0, 25, "00:00:00:00.000"),
        (0.04, 25, "00:00:00:01.000"),
        (0.999999, 25, "00:00:01:00.000"),
        (3661.5, 30, "01:01:01:15.000"),
        (1 / 3, Fraction(30000, 1001), "00:00:00:09.990"),
        (59.9999999, 60, "00:01:00:00.000"),
    ],
)
def test_timecode(seconds: float, rate: Fraction, said: str) -> None:
    assert timecode(seconds, Fraction(rate)) == said


@pytest.fixture(scope="module")
def face(sample_image: np.ndarray) -> Face:
    return Reconstructor()(sample_image)[0]


def test_tables(face: Face, tmp_path: Path) -> None:
    both = [replace(face, track=1), replace(face, track=2)]
    with (
        arkit_table(tmp_path / "film_arkit.csv") as arkit,
        live_link_tables(tmp_path / "film_livelink.csv", Fraction(25)) as live_link,
    ):
        for number, faces in enumerate([[], both[1:], both, both[1:]]):
            for take in (arkit, live_link):
                take(number, Frame(BLACK, number / 25), faces)
    with (tmp_path / "film_arkit.csv").open() as file:
        rows = list(csv.DictReader(file))
    seen = [(row["frame"], row["track"]) for row in rows]
    assert seen == [("1", "2"), ("2", "1"), ("2", "2"), ("3", "2")]
    assert all(float(row["mouthSmileLeft"]) > 0.5 for row in rows)
    assert {row["tongueOut"] for row in rows} == {"0.000000"}
    with (tmp_path / "film_livelink.csv").open() as file:
        longest = list(csv.DictReader(file))
    with (tmp_path / "film_livelink_1.csv").open() as file:
        other = list(csv.DictReader(file))
    assert [row["Timecode"][-6:] for row in longest] == ["01.000", "02.000", "03.000"]
    assert [row["Timecode"][-6:] for row in other] == ["02.000"]
    assert {row["BlendShapeCount"] for row in longest} == {"61"}
    assert longest[0]["MouthSmileLeft"] == rows[0]["mouthSmileLeft"]
    assert float(longest[0]["HeadYaw"]) == pytest.approx(np.radians(face.pose.yaw), abs=1e-5)


def test_nobody_is_an_empty_table(tmp_path: Path) -> None:
    with arkit_table(tmp_path / "a.csv"):
        pass
    assert (tmp_path / "a.csv").read_text().count("\n") == 1


def test_an_error_leaves_no_table(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="stop"),
        arkit_table(tmp_path / "a.csv"),
        live_link_tables(tmp_path / "b.csv", Fraction(25)),
    ):
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())
