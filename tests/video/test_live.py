"""What is sent over UDP, read back; and the camera, played by FFmpeg's own test source."""

from __future__ import annotations

import errno
import json
import socket
import struct
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_film import Place, scene, write_film
from made_heads import Heads

from prnet.cli import main
from prnet.commands.films.live import in_its_time
from prnet.errors import PrnetError
from prnet.facemodel.arkit.curves import PersonCurves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.reconstruct import Reconstructor
from prnet.video.follow import follow
from prnet.video.frames import Frame
from prnet.video.live import camera
from prnet.video.live.osc import bundle, message
from prnet.video.live.packets import Sight, json_packets, osf_packets, vmc_packets
from prnet.video.live.send import Sent, Target, send_faces

pytest.importorskip("av")
FRAME = Frame(np.zeros((400, 400, 3), np.uint8), 1.5)
CURVES = np.linspace(0, 1, 52)


def read_osc(data: bytes) -> list[tuple[Any, ...]]:
    """Messages (address, values ...) of a packet, by the text of Open Sound Control 1.0."""

    def text(at: int) -> tuple[str, int]:
        end = data.index(b"\0", at)
        return data[at:end].decode(), at + (end - at) // 4 * 4 + 4

    if data.startswith(b"#bundle\0"):
        messages, at = [], 16
        while at < len(data):
            (size,) = struct.unpack_from(">i", data, at)
            messages += read_osc(data[at + 4 : at + 4 + size])
            at += 4 + size
        return messages
    address, at = text(0)
    tags, at = text(at)
    values: list[Any] = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = text(at)
            values.append(value)
        else:
            values += struct.unpack_from(">" + tag, data, at)
            at += 4
    assert at == len(data)
    return [(address, *values)]


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        yield heard


@pytest.mark.parametrize("text", ["", "a", "abc", "abcd", "abcde"])
def test_osc_comes_back(text: str) -> None:
    one = message("/address", text, 7, 0.5)
    assert len(one) % 4 == 0
    assert read_osc(one) == [("/address", text, 7, 0.5)]
    assert read_osc(bundle([one, message("/b")])) == [("/address", text, 7, 0.5), ("/b",)]


def test_vmc(heads: Heads) -> None:
    first, second = (replace(heads.face({}), track=number) for number in (2, 5))
    seen = [Sight(second, 1 - CURVES), Sight(first, CURVES)]
    (packet,) = vmc_packets(FRAME, seen, 0.0)
    heard = read_osc(packet)
    values = {name: value for address, name, value in heard[:52]}
    assert {each[0] for each in heard[:52]} == {"/VMC/Ext/Blend/Val"}
    assert tuple(values) == ARKIT_NAMES
    np.testing.assert_allclose([*values.values()], CURVES, atol=1e-6)
    assert heard[52:] == [("/VMC/Ext/Blend/Apply",), ("/VMC/Ext/OK", 1), ("/VMC/Ext/T", 1.5)]
    (nobody,) = vmc_packets(FRAME, [], 0.0)
    assert read_osc(nobody) == [("/VMC/Ext/OK", 0), ("/VMC/Ext/T", 1.5)]


def turned(raw: np.ndarray, vector: list[float]) -> np.ndarray:
    """By the quaternion of a packet as OpenSeeFace's OpenSeeIKTarget.cs takes it, its usual
    calibration undone: left-handed, x to the avatar's right, z ahead."""
    x, y, z, w = -raw[1], -raw[0], raw[2], raw[3]
    half = np.sqrt(0.5)  # x Euler(0, 0, -90)
    x, y, z, w = (x - y) * half, (x + y) * half, (z - w) * half, (w + z) * half
    axis, v = np.array([x, y, z]), np.array(vector)
    return v + 2 * np.cross(axis, np.cross(axis, v) + w * v)


@pytest.mark.parametrize("yaw", [-30.0, 0.0, 25.0])
def test_openseeface(yaw: float, heads: Heads) -> None:
    face = replace(heads.face({}, yaw=yaw), track=3)
    curves = np.zeros(52)
    curves[ARKIT_NAMES.index("eyeBlinkLeft")] = 0.75
    curves[ARKIT_NAMES.index("jawOpen")] = 0.5
    (packet,) = osf_packets(FRAME, [Sight(face, curves)] * 2, 12.5)
    assert len(packet) == 2 * 1785
    time, number, width, height, right, left, there = struct.unpack_from("<di4fB", packet)
    assert (time, number, width, height, right, left, there) == (12.5, 3, 400, 400, 1, 0.25, 1)
    rest = np.frombuffer(packet[29:1785], "<f4")[1:]
    quaternion, euler, points = rest[:4], rest[4:7], rest[10 + 68 : 10 + 68 + 136]
    features = rest[-14:]
    # The person's left is the image's right, where yaw > 0 goes; the avatar's left is -x.
    nose = turned(quaternion.astype(float), [0, 0, 1])
    assert nose[0] == pytest.approx(-np.sin(np.radians(yaw)) * np.cos(np.radians(5)), abs=0.03)
    assert nose[1] == pytest.approx(np.sin(np.radians(5)), abs=0.03)
    crown = turned(quaternion.astype(float), [0, 1, 0])
    assert crown[1] > 0.9
    pose = face.pose
    np.testing.assert_allclose(euler, [pose.pitch - 180, pose.yaw, 90 + pose.roll], atol=0.5)
    np.testing.assert_allclose(points[:2], face.landmarks[0, [1, 0]], atol=1e-3)  # y, x
    np.testing.assert_allclose(points[2 * 65 : 132], face.landmarks[67, [1, 0]], atol=1e-3)
    assert (features[0], features[1], features[12]) == (-0.75, 0, 0.5)
    assert osf_packets(FRAME, [], 0.0) == []


def test_openseeface_never_fills_a_datagram(heads: Heads) -> None:
    packets = osf_packets(FRAME, [Sight(heads.face({}), CURVES)] * 40, 0.0)
    assert sum(map(len, packets)) == 40 * 1785
    assert max(map(len, packets)) < 65_507


def test_json(heads: Heads) -> None:
    face = replace(heads.face({}, yaw=20), track=9)
    (packet,) = json_packets(FRAME, [Sight(face, CURVES)], 3.25)
    said = json.loads(packet)
    assert (said["time"], said["seconds"], said["width"], said["height"]) == (3.25, 1.5, 400, 400)
    (one,) = said["faces"]
    assert one["track"] == 9
    assert one["yaw"] == pytest.approx(face.pose.yaw, abs=0.5)
    assert one["curves"]["tongueOut"] == 1
    np.testing.assert_allclose(one["landmarks"], face.landmarks, atol=0.006)


def test_json_of_a_crowd_is_several_datagrams(heads: Heads) -> None:
    crowd = [Sight(replace(heads.face({}), track=number), CURVES) for number in range(40)]
    packets = json_packets(FRAME, crowd, 3.25)
    assert max(map(len, packets)) < 65_507
    said = [json.loads(packet) for packet in packets]
    assert {each["seconds"] for each in said} == {1.5}
    assert [face["track"] for each in said for face in each["faces"]] == [*range(40)]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("vmc", Target("vmc", "127.0.0.1", 39539)),
        ("osf:192.168.0.7", Target("osf", "192.168.0.7", 11573)),
        ("json::9000", Target("json", "127.0.0.1", 9000)),
        ("vmc:studio:40000", Target("vmc", "studio", 40000)),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert Target.parsed(text) == target


@pytest.mark.parametrize("text", ["", "midi", "vmc:a:b", "vmc:a:70000", "vmc:a:"])
def test_odd_targets_are_refused(text: str) -> None:
    with pytest.raises(PrnetError, match=r"expected vmc\|osf\|json"):
        Target.parsed(text)


def test_a_film_is_sent(
    listener: socket.socket,
    sample_image: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    film = write_film(tmp_path / "a.mp4", [scene((Place(200, 160), sample_image))] * 5)
    port = listener.getsockname()[1]
    assert main(["live", str(film), "--send", f"vmc::{port}"]) == 0
    told = capsys.readouterr().out
    assert f"vmc to 127.0.0.1:{port}; " in told
    assert "frames a second, 1 face, " in told
    heard = read_osc(listener.recv(65536))
    assert dict(each[1:] for each in heard[:52])["mouthSmileLeft"] > 0.3


@pytest.mark.parametrize(("end", "said"), [(None, ""), ("expected more", "prnet live: ")])
def test_what_is_said_last_has_a_line_of_its_own(
    end: str | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a terminal, whose line of progress is cleared."""

    def sending(*_: object, **__: object) -> Iterator[Sent]:
        yield Sent(1, 0.01)
        if end is not None:
            raise PrnetError(end)

    monkeypatch.setattr("prnet.commands.films.live.send_faces", sending)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["live", "--send", "vmc"])
    _, progress, blank, last = capsys.readouterr().err.split("\r")
    assert "1 face" in progress
    assert blank == " " * len(progress)
    assert last.startswith(said)


def test_who_is_gone_for_long_is_forgotten(
    heads: Heads, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 30 passers-by the last are known, and a person who stays all the time."""
    face, known = heads.face({}), list[int]()
    alive: list[weakref.ref[PersonCurves]] = []

    class Counted(PersonCurves):
        def __init__(self) -> None:
            super().__init__()
            alive.append(weakref.ref(self))

    crowd = [(FRAME, [replace(face, track=0), replace(face, track=n)]) for n in range(1, 31)]
    monkeypatch.setattr("prnet.video.live.send.PersonCurves", Counted)
    monkeypatch.setattr("prnet.video.live.send.REMEMBERED", 3)
    monkeypatch.setattr("prnet.video.live.send.follow", lambda *_, **__: iter(crowd))
    port = listener.getsockname()[1]
    sending = send_faces([], Target("json", port=port))
    for _ in sending:
        known.append(sum(each() is not None for each in alive))
    assert max(known) == 3
    assert len(alive) == 31


class Asked:
    """A socket of a system that has room for little where nobody asks, and tells of what the
    datagram before met."""

    def __init__(self, *_: object) -> None:
        self.room, self.sent = 9216, 0

    def getsockopt(self, *_: object) -> int:
        return self.room

    def setsockopt(self, level: int, option: int, room: int) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_SNDBUF)
        self.room = room

    def sendto(self, packet: bytes, address: tuple[str, int]) -> None:
        assert self.room > 65_507
        self.sent += 1
        if self.sent == 2:
            raise ConnectionResetError(errno.ECONNRESET, "reset")

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_other_systems_take_large_packets_and_need_no_listener(
    monkeypatch: pytest.MonkeyPatch, sample_image: np.ndarray
) -> None:
    made: list[Asked] = []

    def make(*_: object) -> Asked:
        made.append(Asked())
        return made[-1]

    monkeypatch.setattr(socket, "socket", make)
    frames = [Frame(scene((Place(200, 160), sample_image)), i / 25) for i in range(3)]
    assert len(list(send_faces(frames, Target("json", port=9)))) == 3
    assert made[0].sent == 3


def test_nobody_has_to_listen(listener: socket.socket, sample_image: np.ndarray) -> None:
    port = listener.getsockname()[1]
    listener.close()
    frames = [Frame(scene((Place(200, 160), sample_image)), i / 25) for i in range(4)]
    sent = list(send_faces(frames, Target("osf", port=port)))
    assert [each.faces for each in sent] == [1] * 4


@pytest.mark.parametrize("host", ["no such host", "192.168..7", "a\0b"])
def test_what_is_no_host_is_said(host: str) -> None:
    with pytest.raises(PrnetError, match=f"expected a host, got '{host}'"):
        list(send_faces([FRAME], Target("osf", host, 1)))


def test_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "testsrc=size=320x240:rate=200:duration=0.1"
    monkeypatch.setattr(camera, "camera_device", lambda number: (source, "lavfi"))
    frames = list(camera.read_camera(0))
    assert frames[0].seconds == 0
    assert {frame.image.shape for frame in frames} == {(240, 320, 3)}
    assert (np.diff([frame.seconds for frame in frames]) >= 0).all()
    followed = list(follow(0, reconstruct=Reconstructor()))
    assert 1 <= len(followed) <= 20
    left = camera.read_camera(0)
    next(left)
    left.close()


class SlowCamera:
    """As AVFoundation (macOS), which has no picture yet when it is asked."""

    def __init__(self) -> None:
        self._asked = 0

    def decode(self, video: int) -> Iterator[Any]:
        for _ in range(2):
            self._asked += 1
            if self._asked in (1, 2, 5):
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
            yield SimpleNamespace(to_ndarray=lambda format: np.zeros((2, 2, 3), np.uint8))
            time.sleep(0.05)


def test_a_camera_that_does_not_wait_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its time is of a clock with fine steps: on Windows the monotonic one had coarse ones."""
    monkeypatch.setattr(camera, "_opened", lambda number: nullcontext(SlowCamera()))
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    seconds = [frame.seconds for frame in camera.read_camera(0)]
    assert len(seconds) == 2
    assert seconds[1] > 0.04


def test_a_camera_without_a_picture_hears_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows hears it between two waits alone."""
    monkeypatch.setattr(camera, "HEARD", 0.01)
    waits: list[float] = []

    def wait_for(self: threading.Condition, news: Any, timeout: float) -> bool:
        waits.append(timeout)
        if len(waits) > 2:
            raise KeyboardInterrupt
        return False

    silent = SimpleNamespace(decode=lambda video: iter(()))
    monkeypatch.setattr(threading.Condition, "wait_for", wait_for)
    with pytest.raises(KeyboardInterrupt):
        camera._Newest(silent).wait()
    assert waits == [0.01] * 3


def test_no_camera(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "99", "--send", "vmc"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "camera 99: expected a camera" in told
    with pytest.raises(PrnetError, match="expected a camera's number from 0, got -1"):
        next(follow(-1))
    with pytest.raises(PrnetError, match="got them with a camera"):
        follow(0, start=1.0)


def test_a_film_waits_for_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time begins when the first frame has been looked at, which takes long."""
    now = [100.0]
    clock = SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    monkeypatch.setattr("prnet.commands.films.live.time", clock)
    picture, taken = np.zeros((2, 2, 3), np.uint8), []
    for frame in in_its_time(Frame(picture, number / 10) for number in range(8)):
        taken.append((round(10 * frame.seconds), round(now[0], 3)))
        now[0] += {0: 5.0, 3: 0.35}.get(taken[-1][0], 0.01)
    assert [number for number, _ in taken] == [0, 1, 2, 3, 6, 7], "two are missed"
    assert dict(taken)[1] == 105.1
