"""Who may ask: hosts, origins and the token, before anything of a request is looked at.

Host: a foreign site whose name leads to this machine (DNS rebinding) still says its own name.
Origin: browsers tell it with what a foreign site's page sends, WebSockets too.
Token: with other machines allowed, every call but ``/api/health`` and ``/api/version`` needs it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from prnet.serve.problems import MEDIA_TYPE, Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
OPEN: Final = ("/api/health", "/api/version")

_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(self), microphone=(), geolocation=()"),
)
"""Of every answer."""


@dataclass(frozen=True)
class Guard:
    """The application behind the checks. ``port``: of this machine's own names; None with
    ``token``, when any name may lead here. ``name``: the one it listens at, one of its own too."""

    app: App
    port: int | None
    token: str | None = None
    name: str = LOOPBACK[0]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def send_safe(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message.get("headers", ()), *_encoded(HEADERS)]
            await send(message)

        try:
            self._check(scope)
        except Problem as problem:
            await _refuse(scope, problem, send_safe)
            return
        await self.app(scope, receive, send_safe)

    def _check(self, scope: Message) -> None:
        headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value.lower() for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise Problem(421, "foreign-host", "expected a host name of this machine")
        origins = [value.lower() for name, value in headers if name == b"origin"]
        own = (f"http://{hosts[0]}", f"https://{hosts[0]}")
        if any(origin not in own for origin in origins):
            raise Problem(403, "foreign-origin", "expected a request of this page or of a program")
        calls = scope["path"].startswith("/api/")
        sites = [value.lower() for name, value in headers if name == b"sec-fetch-site"]
        if calls and any(site not in ("same-origin", "none") for site in sites):
            raise Problem(403, "foreign-site", "expected a request of this page or of a program")
        if self.token is not None and calls and scope["path"] not in OPEN:
            given = [value for name, value in headers if name == b"authorization"]
            wanted = f"Bearer {self.token}".encode()
            if not any(hmac.compare_digest(value.encode(), wanted) for value in given):
                raise Problem(
                    401, "no-token", "expected the token", headers={"WWW-Authenticate": "Bearer"}
                )

    def _is_ours(self, host: str) -> bool:
        if self.port is None:
            return True
        bare = host.removesuffix(f":{self.port}")
        return bare in (*LOOPBACK, self.name) and (self.port == 80 or bare != host)


async def _refuse(scope: Message, problem: Problem, send: Send) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close"})
            return
        kind = "websocket.http.response"
    length = {"Content-Length": str(len(problem.body)), "Connection": "close"}
    headers = {**problem.headers, "Content-Type": MEDIA_TYPE, **length}
    start = {"type": f"{kind}.start", "status": problem.status}
    await send({**start, "headers": list(_encoded(headers.items()))})
    await send({"type": f"{kind}.body", "body": problem.body})


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
