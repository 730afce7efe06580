"""What the service must refuse, and how: each with its status, as problem details."""

from __future__ import annotations

import io
import json
import socket
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from http_talk import Answer, form, read_answer, request, served, talk

from prnet.packaged import SAMPLE_PHOTO
from prnet.serve.limits import Limits

pytest.importorskip("starlette", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

PHOTO = SAMPLE_PHOTO.read_bytes()
TOKEN = "correct-horse-battery-staple"
LIMITS = Limits(upload_seconds=1.0)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(limits=LIMITS) as port:
        yield port


@pytest.fixture(scope="module")
def guarded() -> Iterator[int]:
    with served(token=TOKEN) as port:
        yield port


def refused(answer: Answer, status: int, kind: str | None = None) -> None:
    """With this status; and, where the service itself says it, as a problem without internals."""
    assert answer.status == status, answer
    if kind is not None:
        told = json.loads(answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (told["status"], told["type"]) == (status, f"urn:prnet:{kind}")
        assert not any(inside in told["detail"] for inside in ("Traceback", ".py", "/etc", "evil"))
    if answer.headers:
        assert "server" not in answer.headers


def test_a_foreign_host_name(port: int) -> None:
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", "localhost.evil.example"):
        refused(talk(port, request(port, body=PHOTO, host=host)), 421, "foreign-host")
        refused(talk(port, request(port, "GET", "/", host=host)), 421, "foreign-host")


def test_two_host_names_or_none(port: int) -> None:
    twice = request(port, "GET", "/").replace(b"connection:", b"host: evil.example\r\nconnection:")
    refused(talk(port, twice), 400)
    refused(talk(port, request(port, "GET", "/", host=None)), 400)
    refused(talk(port, b"GET / HTTP/1.0\r\n\r\n"), 421, "foreign-host")


def test_a_foreign_origin(port: int) -> None:
    for origin in (
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        f"http://localhost:{port}",
    ):
        refused(talk(port, request(port, body=PHOTO, origin=origin)), 403, "foreign-origin")


def test_a_foreign_site(port: int) -> None:
    for site in ("cross-site", "same-site"):
        refused(talk(port, request(port, body=PHOTO, sec_fetch_site=site)), 403, "foreign-site")


def _upgrade(port: int, **headers: str) -> bytes:
    """A WebSocket's first words."""
    usual = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    named: dict[str, Any] = {
        **dict.fromkeys(("content_length", "content_type")),
        **usual,
        "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    return request(port, "GET", "/api/live", **named)


def test_a_websocket_of_a_foreign_page(port: int) -> None:
    refused(talk(port, _upgrade(port, origin="https://evil.example")), 403, "foreign-origin")
    refused(talk(port, _upgrade(port, host="evil.example")), 421, "foreign-host")
    assert talk(port, _upgrade(port, origin=f"http://127.0.0.1:{port}")).status == 101


def test_a_websocket_without_the_token(guarded: int) -> None:
    refused(talk(guarded, _upgrade(guarded)), 401, "no-token")


def test_a_picture_of_900_megapixels(port: int) -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    refused(talk(port, request(port, body=png)), 413, "too-many-pixels")


def test_a_body_of_30_megabytes(port: int) -> None:
    refused(talk(port, request(port, body=bytes(30_000_000))), 413, "too-many-bytes")


def test_a_body_of_30_megabytes_that_does_not_say_so(port: int) -> None:
    head = request(port, content_length=None, transfer_encoding="chunked")
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    answer = talk(port, head + 30 * chunk + b"0\r\n\r\n")
    assert answer.status in (0, 413)  # 0: the connection was closed while we still sent
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head + 20 * chunk)
        refused(read_answer(connection), 413, "too-many-bytes")


def test_a_body_that_comes_slowly(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request(port, content_length="1000") + b"\xff\xd8")
        start = time.monotonic()
        refused(read_answer(connection), 408, "slow-body")
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/js/../../app.py",
        "/models/%00",
        "/file:///etc/passwd",
        "/sw.js/..",
        "/vendor/",
    ],
)
def test_paths_that_lead_out(port: int, path: str) -> None:
    refused(talk(port, request(port, "GET", path)), 404, "no-such-page")


def test_a_line_feed_for_a_header(port: int) -> None:
    path = "/api/swap?region=x%0d%0aSet-Cookie:%20a=b"
    answer = talk(port, request(port, path=path, body=PHOTO))
    refused(answer, 400, "other-query")
    assert "set-cookie" not in answer.headers


def test_a_bomb_of_a_zip_as_a_picture(port: int) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(200_000_000))
    refused(talk(port, request(port, body=bomb.getvalue())), 400, "no-photo")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(/etc/passwd) run\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        b"push graphic-context\nimage over 0,0 0,0 'https://evil.example/x'\n",
        PHOTO[:3000],
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
)
def test_what_is_no_picture(port: int, data: bytes) -> None:
    refused(talk(port, request(port, body=data)), 400, "no-photo")


def test_a_wrong_token(guarded: int) -> None:
    for given in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"):
        answer = talk(guarded, request(guarded, body=PHOTO, authorization=given))
        refused(answer, 401, "no-token")
        assert answer.headers["www-authenticate"] == "Bearer"
    path = f"/api/reconstruct?token={TOKEN}"
    refused(talk(guarded, request(guarded, path=path, body=PHOTO)), 401, "no-token")
    right = request(guarded, body=PHOTO, authorization=f"Bearer {TOKEN}")
    assert talk(guarded, right).status == 200


def test_other_methods(port: int) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        answer = talk(port, request(port, method, body=b""))
        refused(answer, 405)
        assert "access-control-allow-origin" not in answer.headers


def test_endless_headers(port: int) -> None:
    refused(talk(port, request(port, cookie="a" * 200_000)), 400)


def test_two_lengths(port: int) -> None:
    both = request(port, transfer_encoding="chunked") + b"0\r\n\r\n"
    assert talk(port, both).status == 400
    for length in ("-1", "1e9", "9" * 30, "0x10"):
        assert talk(port, request(port, content_length=length)).status in (400, 413)


def test_forms_with_other_parts(port: int) -> None:
    for names in (
        ["other"],
        ["image", "other"],
        ["../../etc/passwd"],
        [f"p{i}" for i in range(50)],
    ):
        body, kind = form(**dict.fromkeys(names, PHOTO[:100]))
        refused(talk(port, request(port, body=body, content_type=kind)), 400, "other-parts")
    body, kind = form(image=PHOTO)
    twice = body.replace(b"--b0undary--", form(image=PHOTO)[0])
    refused(talk(port, request(port, body=twice, content_type=kind)), 400, "other-parts")


def test_damaged_forms(port: int) -> None:
    _, kind = form()
    for body in (b"--b0undary\r\nContent-", b"no boundary", b"--b0undary\r\n" + b"a" * 9000):
        assert talk(port, request(port, body=body, content_type=kind)).status == 400
    no_boundary = request(port, body=b"x", content_type="multipart/form-data")
    refused(talk(port, no_boundary), 400, "damaged-form")


def test_other_types_of_bodies_and_answers(port: int) -> None:
    refused(talk(port, request(port, body=b"{}", content_type="application/json")), 415)
    form_of_curl = request(port, body=PHOTO, content_type="application/x-www-form-urlencoded")
    refused(talk(port, form_of_curl), 415, "other-body")
    refused(talk(port, request(port, body=PHOTO, accept="text/html")), 406, "other-form")
    refused(talk(port, request(port, path="/api/swap", body=PHOTO)), 415)


def test_more_requests_than_there_are_places() -> None:
    limits = Limits(workers=1, waiting=1)
    with served(limits=limits) as port:
        head = request(port, content_length="10")
        holding = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        for connection in holding:
            connection.sendall(head)
        time.sleep(0.3)
        answer = talk(port, request(port, body=PHOTO))
        refused(answer, 503, "busy")
        assert answer.headers["retry-after"] == "1"
        for connection in holding:
            connection.close()
        time.sleep(0.3)
        assert talk(port, request(port, body=PHOTO)).status == 200, "their places are free again"


def test_work_that_takes_too_long() -> None:
    with served(limits=Limits(work_seconds=0.001)) as port:
        answer = talk(port, request(port, body=PHOTO))
        refused(answer, 503, "late")
        assert answer.headers["retry-after"] == "10"


def test_security_headers_are_on_every_answer(port: int) -> None:
    for path in ("/", "/js/main.js", "/api/health", "/nothing", "/api/reconstruct"):
        headers = talk(port, request(port, "GET", path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http:" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
