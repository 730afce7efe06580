"""Faces of a film or a camera, frame by frame, to a program that listens."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prnet.errors import PrnetError, reason_of
from prnet.facemodel.arkit.curves import PersonCurves
from prnet.reconstruct import Reconstructor
from prnet.video.follow import People, follow
from prnet.video.frames import Frame
from prnet.video.live.packets import PACKETS, PORTS, Protocol, Sight

LOOPBACK: Final = "127.0.0.1"
ROOM: Final = 2**16
"""Bytes that a socket has to take at once: macOS refuses datagrams of more than it has room for,
9,216 bytes where nobody asks."""
REMEMBERED: Final = 256
"""Heads whose shape is known; of those seen before, a camera that never ends would fill the memory.
"""


@dataclass(frozen=True)
class Target:
    """Who listens, and to what."""

    protocol: Protocol
    host: str = LOOPBACK
    port: int = 0

    @classmethod
    def parsed(cls, text: str) -> Target:
        """``vmc``, ``osf:HOST`` or ``json:HOST:PORT``; PrnetError for others."""
        protocol, _, place = text.partition(":")
        host, colon, port = place.rpartition(":") if ":" in place else (place, "", "")
        known = [name for name in PACKETS if name == protocol]
        if not known or (colon and not (port.isascii() and port.isdigit() and int(port) < 65536)):
            wanted = f"{'|'.join(PACKETS)}[:HOST[:PORT]]"
            raise PrnetError(f"expected {wanted}, got '{text}'")
        return cls(known[0], host or LOOPBACK, int(port) if colon else PORTS[known[0]])


@dataclass(frozen=True)
class Sent:
    """A frame that was sent: how many faces, seconds from the picture to the last packet."""

    faces: int
    seconds: float


def send_faces(
    frames: Iterable[Frame],
    target: Target,
    *,
    reconstruct: Reconstructor | None = None,
    people: People = None,
    smooth: bool = True,
) -> Iterator[Sent]:
    """Follow the faces and send them with their curves as they come. Raises PrnetError for a host
    that is none; nobody has to listen."""
    taken = [0.0]
    followed = follow(
        _stamped(frames, taken), reconstruct=reconstruct, people=people, smooth=smooth
    )
    packets, persons = PACKETS[target.protocol], dict[int | None, PersonCurves]()
    address = _address(target)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        if sender.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < ROOM:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        for frame, faces in followed:
            for face in faces:  # those seen last come last
                known = face.track in persons
                persons[face.track] = persons.pop(face.track) if known else PersonCurves()
            for track in list(persons)[: -max(REMEMBERED, len(faces))]:
                del persons[track]
            seen = [Sight(face, persons[face.track](face)) for face in faces]
            for packet in packets(frame, seen, time.time()):
                _send(sender, packet, address)
            yield Sent(len(faces), time.perf_counter() - taken[0])


def _stamped(frames: Iterable[Frame], taken: list[float]) -> Iterator[Frame]:
    for frame in frames:
        taken[0] = time.perf_counter()
        yield frame


def _send(sender: socket.socket, packet: bytes, address: tuple[str, int]) -> None:
    try:
        sender.sendto(packet, address)
    except (ConnectionRefusedError, ConnectionResetError):
        pass  # what the datagram before met, the latter on Windows: nobody listens yet
    except OSError as error:
        place = f"{address[0]}:{address[1]}"
        raise PrnetError(
            f"expected a host that takes packets, got {place}: {reason_of(error)}"
        ) from error


def _address(target: Target) -> tuple[str, int]:
    try:
        return socket.gethostbyname(target.host), target.port
    except (OSError, TypeError, UnicodeError) as error:
        raise PrnetError(f"expected a host, got '{target.host}': {reason_of(error)}") from error
