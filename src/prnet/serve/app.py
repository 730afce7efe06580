"""The page and the service as one ASGI application."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from prnet.reconstruct import Reconstructor
from prnet.serve.api import Service
from prnet.serve.files import page_files
from prnet.serve.guard import LOOPBACK, Guard
from prnet.serve.limits import Limits
from prnet.serve.live import Live
from prnet.serve.openapi import openapi
from prnet.serve.problems import Problem, answer_problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "jpg": "image/jpeg",
    "wasm": "application/wasm",
    "md": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_PACKED: Final = ("html", "css", "js", "json", "svg", "wasm", "md", "txt")


CONNECTIONS: Final = 64
"""At a time; more are told to come again."""


def server_options(limits: Limits) -> dict[str, Any]:
    """Of uvicorn, for such limits: no header names the server, and none of a proxy is believed."""
    return {
        "log_level": "error",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "limit_concurrency": CONNECTIONS,
        "ws_max_size": limits.frame_bytes,
        "ws_max_queue": 2,
        "timeout_graceful_shutdown": 3,
    }


def make_app(
    *,
    reconstruct: Reconstructor | None = None,
    limits: Limits | None = None,
    port: int | None = 8000,
    token: str | None = None,
    name: str = LOOPBACK[0],
) -> Guard:
    """The application. ``port``: where it is served under this machine's own names, and ``name``;
    None, with a ``token``, for any name."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Route, WebSocketRoute

    service = Service(reconstruct or Reconstructor(), limits or Limits())
    described = openapi(service.versions["prnet"], service.limits, token=token is not None)
    files = page_files(offline=False)
    files["openapi.json"] = json.dumps(described).encode()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        service.desk.close()

    refusals: Any = dict.fromkeys((Problem, HTTPException, Exception), answer_problem)
    calls: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
        ("/api/reconstruct", service.reconstruct_photo, "POST"),
        ("/api/swap", service.swap, "POST"),
        ("/api/health", service.health, "GET"),
        ("/api/version", service.version, "GET"),
    ]
    posts = [path for path, _, method in calls if method == "POST"]
    app = Starlette(
        routes=[
            *(Route(path, call, methods=[method]) for path, call, method in calls),
            WebSocketRoute("/api/live", Live(service).answer),
            Route("/{path:path}", _page(files, posts), methods=["GET"]),
        ],
        exception_handlers=refusals,
        lifespan=lifespan,
    )
    return Guard(app, port, token, name)


def _page(
    files: dict[str, bytes], posts: Collection[str]
) -> Callable[[Request], Awaitable[Response]]:
    """The files of the page, from memory: what is asked for is a name in a table, never a path."""
    packed = {
        name: gzip.compress(data, 6)
        for name, data in files.items()
        if name.rpartition(".")[2] in _PACKED
    }

    async def answer(request: Request) -> Response:
        from starlette.responses import Response

        name = request.path_params["path"] or "index.html"
        if f"/{name}" in posts:
            raise Problem(405, "other-method", "expected POST", headers={"Allow": "POST"})
        if name not in files:
            raise Problem(404, "no-such-page", "expected the address of a page, got another")
        kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        headers = {"Content-Type": kind, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if name in packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed[name], headers={**headers, "Content-Encoding": "gzip"})
        return Response(files[name], headers=headers)

    return answer
