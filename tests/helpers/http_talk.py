"""HTTP as bytes on a socket, so that a test can send what no client would."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back; ``status`` 0 where the connection was closed without a word."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def talk(port: int, data: bytes, *, seconds: float = 120) -> Answer:
    """Sends bytes and reads one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    received = b""
    try:
        while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
            received += more
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", 0))
        while len(body) < length and (more := connection.recv(65536)):
            body += more
    except ConnectionResetError:
        return Answer(0, {}, b"")
    return Answer(int(first.split()[1]) if first else 0, headers, body)


def request(
    port: int,
    method: str = "POST",
    path: str = "/api/reconstruct",
    *,
    body: bytes = b"",
    **headers: str | None,
) -> bytes:
    """A request's bytes. ``headers`` replace the usual ones, None leaves one out; underscores are
    hyphens."""
    usual = {
        "host": f"127.0.0.1:{port}",
        "content-type": "image/jpeg",
        "content-length": str(len(body)),
        "connection": "close",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in {**usual, **named}.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


def form(**files: bytes) -> tuple[bytes, str]:
    """The body of a form with these files, and its Content-Type."""
    parts = [
        f'--b0undary\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n'
        f"Content-Type: image/jpeg\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    return b"".join(parts) + b"--b0undary--\r\n", "multipart/form-data; boundary=b0undary"


@contextmanager
def served(**options: Any) -> Iterator[int]:
    """The service at a free port, in a thread; ``options`` of `make_app`."""
    import uvicorn

    from prnet.serve.app import make_app, server_options
    from prnet.serve.limits import Limits

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = make_app(port=None if "token" in options else port, **options)
    limits = options.get("limits", Limits())
    server = uvicorn.Server(uvicorn.Config(app, **server_options(limits)))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join(10)
