"""The live connection: pictures in, tracked and steady faces out.

A program sends pictures (JPEG, PNG ...) as binary messages, each after the answer to the last. The
answer is JSON, {"seconds", "faces": [{"track", "presence", "pose", "landmarks"}]}; with
``?output=map`` a binary message for each face follows: its position map, (256, 256, 3) float16,
little-endian, in which x = origin[0] + unit * value and so on, by the face's "origin" and "unit".
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from prnet.face import Face
from prnet.mapped import size_of
from prnet.serve.api import Service
from prnet.serve.problems import Problem
from prnet.serve.uploads import decoded
from prnet.video.smooth import Smoother
from prnet.video.track import Tracker

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

OUTPUTS = ("landmarks", "map")
TRY_LATER, TOO_BIG, REFUSED = 1013, 1009, 1008
"""Codes with which a connection is closed (RFC 6455 and its registry)."""


class Live:
    """The live connections of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open = 0

    async def answer(self, socket: WebSocket) -> None:
        """One connection, until its end."""
        from starlette.websockets import WebSocketDisconnect

        query = socket.query_params.multi_items() or [("output", OUTPUTS[0])]
        await socket.accept()
        if query not in [[("output", output)] for output in OUTPUTS]:
            known = ", ".join(OUTPUTS)
            await socket.close(REFUSED, f"expected a query of output alone, out of {known}")
            return
        if self._open >= self._service.limits.sockets:
            await socket.close(TRY_LATER, "all live connections are taken")
            return
        self._open += 1
        try:
            await self._follow(socket, query[0][1])
        except (WebSocketDisconnect, ConnectionError):
            pass
        except (TimeoutError, asyncio.TimeoutError):
            await socket.close(REFUSED, "no picture for too long")
        except Problem as problem:
            code = {413: TOO_BIG, 503: TRY_LATER}.get(problem.status, REFUSED)
            await socket.close(code, problem.detail[:120])
        finally:
            self._open -= 1

    async def _follow(self, socket: WebSocket, output: str) -> None:
        limits = self._service.limits
        person = _Person(self._service)
        while True:
            message = await asyncio.wait_for(socket.receive(), limits.idle_seconds)
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is None:
                raise Problem(400, "no-photo", "expected a picture as a binary message")
            if len(data) > limits.frame_bytes:
                raise Problem(413, "too-many-bytes", f"expected at most {limits.frame_bytes} bytes")
            with self._service.desk.place() as place:
                seconds, faces = await place.run(person.follow, data)
            described = [_described(face, output) for face in faces]
            await socket.send_text(json.dumps({"seconds": seconds, "faces": described}))
            for face, told in zip(faces, described, strict=True):
                if output == "map":
                    values = (face.position_map - np.float32(told["origin"])) / told["unit"]
                    await socket.send_bytes(values.astype("<f2").tobytes())


class _Person:
    """Who is in front of one camera."""

    def __init__(self, service: Service) -> None:
        self._tracker = Tracker(service.reconstruct)
        self._most_pixels = service.limits.frame_pixels
        self._smoothers: dict[int | None, Smoother] = {}
        # time.monotonic goes by steps of 16 ms on Windows before Python 3.13.
        self._start = time.perf_counter()

    def follow(self, data: bytes) -> tuple[float, list[Face]]:
        image = decoded(data, self._most_pixels)
        seconds = time.perf_counter() - self._start
        faces = self._tracker(image, seconds)
        self._smoothers = {
            face.track: self._smoothers.get(face.track) or Smoother() for face in faces
        }
        return seconds, [self._smoothers[face.track](face, seconds) for face in faces]


def _described(face: Face, output: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "track": face.track,
        "presence": None if face.presence is None else round(face.presence, 4),
        "pose": {name: round(angle, 2) for name, angle in face.pose._asdict().items()},
        "landmarks": face.landmarks.astype(float).round(2).tolist(),
    }
    if output == "map":
        middle = face.landmarks.astype(float).mean(axis=0)
        described |= {"origin": middle.round(3).tolist(), "unit": round(size_of(face), 3)}
    return described
