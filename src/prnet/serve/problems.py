"""What is wrong with a request, as problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal. ``kind``: a word for programs; ``detail``: a sentence for people."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        described: dict[str, Any] = {
            "type": f"urn:prnet:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return json.dumps(described).encode()


async def answer_problem(_: Request, error: Exception) -> Response:
    """For a Problem, for what the router refuses, and for what nobody foresaw."""
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    if isinstance(error, HTTPException):
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        error = Problem(error.status_code, kind, str(error.detail), headers=error.headers)
    elif not isinstance(error, Problem):
        error = Problem(500, "unforeseen", "an error that nobody foresaw")
    return Response(error.body, error.status, {**error.headers, "Content-Type": MEDIA_TYPE})
