"""What is sent of a frame: VMC's blend shapes, OpenSeeFace's packets, or JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from prnet.face import Face
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.formats.gltf import quaternion
from prnet.formats.surface import millimetres_per_unit
from prnet.video.frames import Frame
from prnet.video.head import head_camera
from prnet.video.live.osc import bundle, message

Protocol = Literal["vmc", "osf", "json"]

PORTS: Final[dict[Protocol, int]] = {"vmc": 39539, "osf": 11573, "json": 11574}
"""Where programs listen: VMC's marionettes, OpenSeeFace's; our own."""
LARGEST: Final = 60_000
"""Bytes of a datagram; one has 65,507 at most."""


@dataclass(frozen=True, eq=False)
class Sight:
    """A face of a frame with its curves (52,)."""

    face: Face
    curves: NDArray[np.float64]


def vmc_packets(frame: Frame, seen: Sequence[Sight], now: float) -> list[bytes]:
    """Virtual Motion Capture Protocol: the 52 curves, by ARKit's names, of the person who has been
    followed longest, as one OSC bundle; where nobody is, that nothing is available."""
    moment = message("/VMC/Ext/T", frame.seconds)
    if not seen:
        return [bundle([message("/VMC/Ext/OK", 0), moment])]
    person = min(seen, key=lambda each: each.face.track or 0)
    values = [
        message("/VMC/Ext/Blend/Val", name, float(value))
        for name, value in zip(ARKIT_NAMES, person.curves, strict=True)
    ]
    apply = message("/VMC/Ext/Blend/Apply")
    return [bundle([*values, apply, message("/VMC/Ext/OK", 1), moment])]


def json_packets(frame: Frame, seen: Sequence[Sight], now: float) -> list[bytes]:
    """One object a frame, or several with a part of the faces each: `time`, `seconds`, `width`,
    `height`, and `faces`, each with `track`, `yaw`, `pitch`, `roll` in degrees, the camera's
    `scale` and `translation`, `curves` by name, and the 68 `landmarks` in pixels."""
    height, width = frame.image.shape[:2]
    said = {"time": now, "seconds": frame.seconds, "width": width, "height": height}
    line = _line(said | {"faces": [_described(each) for each in seen]})
    if len(line) <= LARGEST:
        return [line]
    half = len(seen) // 2
    return json_packets(frame, seen[:half], now) + json_packets(frame, seen[half:], now)


def osf_packets(frame: Frame, seen: Sequence[Sight], now: float) -> list[bytes]:
    """OpenSeeFace's facetracker.py: 1,785 bytes a face, little-endian, all faces in a datagram."""
    faces = [_osf_face(frame, each, now) for each in seen]
    count = max(1, LARGEST // OSF_SIZE)
    return [b"".join(faces[i : i + count]) for i in range(0, len(faces), count)]


PACKETS: dict[Protocol, Callable[[Frame, Sequence[Sight], float], list[bytes]]] = {
    "vmc": vmc_packets,
    "osf": osf_packets,
    "json": json_packets,
}
"""Protocol: (the frame, who is in it, seconds of the clock) -> datagrams."""

_OSF: Final = struct.Struct("<di4fB" + "f" * (1 + 4 + 3 + 3 + 68 + 2 * 68 + 3 * 70 + 14))
OSF_SIZE: Final = _OSF.size
_OSF_POINTS: Final = [*range(60), *range(61, 64), *range(65, 68)]
"""Of iBUG's 68 points the 66 that OpenSeeFace has: without the inner corners of the mouth."""
_EYES: Final = [*range(36, 42)], [*range(42, 48)]
"""The right one, the left one: of the person."""
_QUARTER: Final = np.sqrt(0.5)


def _osf_face(frame: Frame, seen: Sight, now: float) -> bytes:
    height, width = frame.image.shape[:2]
    curves = dict(zip(ARKIT_NAMES, seen.curves.tolist(), strict=True))
    image = seen.face.landmarks.astype(np.float64)
    camera = head_camera(seen.face)
    head = camera.unproject(image)
    centres = [[points[eye].mean(axis=0) for eye in _EYES] for points in (image, head)]
    points = np.concatenate([image[_OSF_POINTS], centres[0]])[:, 1::-1]  # rows first
    solid = np.concatenate([head[_OSF_POINTS], centres[1], centres[1]]) * [1, -1, -1]
    size = millimetres_per_unit(seen.face.layout) / 100
    place = (camera.translation - [width / 2, height / 2, 0]) / camera.scale * size
    pose = camera.pose
    return _OSF.pack(
        now,
        seen.face.track or 0,
        *(width, height),
        *(1 - curves["eyeBlinkRight"], 1 - curves["eyeBlinkLeft"]),
        1,  # the points in space are there
        0.0,  # and fit
        *_osf_quaternion(camera.rotation),
        # As its receivers take them: 180 - pitch, yaw, 90 + roll.
        *(pose.pitch - 180, pose.yaw, 90 + pose.roll),
        *(-place[1], place[0], place[2]),
        *np.ones(68),
        *points.ravel(),
        *solid.ravel(),
        *_osf_features(curves),
    )


def _osf_quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Its axes: a head that looks into the camera is turned by 90 degrees about z, x and y are
    exchanged and both negative; left-handed, from the person's point of view."""
    x, y, z, w = quaternion(rotation)
    y, z = -y, -z
    x, y, z, w = (x + y) * _QUARTER, (y - x) * _QUARTER, (z + w) * _QUARTER, (w - z) * _QUARTER
    return -y, -x, z, w


def _osf_features(curves: dict[str, float]) -> list[float]:
    """OpenSeeFace's 14, -1 to 1: eyes; brows (steepness, up, quirk); mouth's corners (down, in);
    mouth open, wide."""

    def both(name: str) -> tuple[float, float]:
        return curves[f"{name}Left"], curves[f"{name}Right"]

    lids = [-value for value in both("eyeBlink")]
    brows = [
        max(curves["browInnerUp"], up) - down
        for up, down in zip(both("browOuterUp"), both("browDown"), strict=True)
    ]
    corners = [
        frown - smile for frown, smile in zip(both("mouthFrown"), both("mouthSmile"), strict=True)
    ]
    wide = sum(both("mouthSmile")) / 2 - curves["mouthPucker"]
    mouth = [corners[0], 0.0, corners[1], 0.0, curves["jawOpen"], wide]
    return [*lids, 0.0, brows[0], 0.0, 0.0, brows[1], 0.0, *mouth]


def _described(seen: Sight) -> dict[str, object]:
    camera = head_camera(seen.face)
    pose = camera.pose
    return {
        "track": seen.face.track,
        **{name: round(value, 3) for name, value in pose._asdict().items()},
        "scale": round(camera.scale, 4),
        "translation": camera.translation.round(3).tolist(),
        "curves": dict(zip(ARKIT_NAMES, seen.curves.round(4).tolist(), strict=True)),
        "landmarks": seen.face.landmarks.astype(float).round(2).tolist(),
    }


def _line(said: dict[str, object]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()
