"""Photos out of requests: in memory alone, of limited size, within limited time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, TooLargeError
from prnet.files.image import load_image
from prnet.serve.limits import Limits
from prnet.serve.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_PARTS = 8
_UNTOLD = ("", "application/octet-stream")
"""What programs say that do not know a file's type (RFC 9110, 8.3)."""


async def read_photos(request: Request, names: tuple[str, ...], limits: Limits) -> list[bytes]:
    """The files of a multipart form under these names, or, for one name, the body itself."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        parts = _parts(await _body(request, limits), request.headers["content-type"])
        if set(parts) != set(names):
            wanted = " and ".join(names)
            raise Problem(400, "other-parts", f"expected a form of {wanted}, got other parts")
        return [parts[name] for name in names]
    if len(names) > 1 or not (kind.startswith("image/") or kind in _UNTOLD):
        kinds = "multipart/form-data" + ("" if len(names) > 1 else " or image/jpeg or the like")
        raise Problem(415, "other-body", f"expected Content-Type: {kinds}, got another")
    return [await _body(request, limits)]


def decoded(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """A photo's bytes -> (H, W, 3) RGB."""
    try:
        return load_image(data, max_pixels=max_pixels)
    except TooLargeError:
        detail = f"expected a photo of at most {max_pixels} pixels, got more"
        raise Problem(413, "too-many-pixels", detail) from None
    except PrnetError as error:
        raise Problem(400, "no-photo", str(error)) from None


async def _body(request: Request, limits: Limits) -> bytes:
    told = request.headers.get("content-length", "0")
    if told.isdigit() and int(told) > limits.max_bytes:
        raise _too_large(limits)
    try:
        return await asyncio.wait_for(_received(request, limits), limits.upload_seconds)
    except (TimeoutError, asyncio.TimeoutError):
        close = {"Connection": "close"}
        raise Problem(408, "slow-body", "the body took too long to arrive", headers=close) from None


async def _received(request: Request, limits: Limits) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limits.max_bytes:
            raise _too_large(limits)
    return bytes(body)


def _too_large(limits: Limits) -> Problem:
    detail = f"expected a body of at most {limits.max_bytes} bytes, got more"
    return Problem(413, "too-many-bytes", detail, headers={"Connection": "close"})


def _parts(body: bytes, content_type: str) -> dict[str, bytes]:
    """Name: content of each part. Starlette's own parser puts large ones on the disk."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    parts: dict[str, bytes] = {}
    field, value, name, content = bytearray(), bytearray(), "", bytearray()

    def header_ends() -> None:
        nonlocal name
        if bytes(field).lower() == b"content-disposition":
            name = (
                parse_options_header(bytes(value))[1].get(b"name", b"").decode("utf-8", "replace")
            )
        field.clear()
        value.clear()

    def part_ends() -> None:
        nonlocal name
        if name in parts or len(parts) >= MOST_PARTS:
            raise Problem(400, "other-parts", "expected each part once")
        parts[name] = bytes(content)
        name = ""
        content.clear()

    callbacks: dict[str, Any] = {
        "on_header_field": lambda data, start, end: field.extend(data[start:end]),
        "on_header_value": lambda data, start, end: value.extend(data[start:end]),
        "on_header_end": header_ends,
        "on_part_data": lambda data, start, end: content.extend(data[start:end]),
        "on_part_end": part_ends,
    }
    boundary = parse_options_header(content_type.encode("latin-1"))[1].get(b"boundary", b"")
    try:
        if not boundary:
            raise FormParserError("no boundary")
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        detail = "expected a form (multipart/form-data), got a damaged one"
        raise Problem(400, "damaged-form", detail) from None
    return parts
