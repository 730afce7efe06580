"""The page on this machine, and a service for programs behind it.

  prnet serve                       # http://127.0.0.1:8000, opened in the browser
  prnet serve --port 9000 --no-open
  PRNET_TOKEN=... prnet serve --host 0.0.0.0 --allow-remote --no-open

Photos and the camera are computed in the browser, by the package's own networks. Programs ask POST
/api/reconstruct and /api/swap, for which are --model, --detector and --device; /openapi.json
describes them, /try.html tries them. Other machines are let in with --allow-remote alone; calls
then need the token of the variable PRNET_TOKEN (16 signs and more), or one that is made up and
printed. There is no encryption: beyond a network that you trust, put it behind a server that has.
Needs the extra: pip install "prnet[serve]".
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import secrets
import socket
import threading
import webbrowser
from importlib.util import find_spec
from typing import Final

from prnet.commands._options import add_finding_arguments, positive, reconstructor_of
from prnet.errors import PrnetError, missing, reason_of
from prnet.files.streams import say
from prnet.serve.app import make_app, server_options
from prnet.serve.limits import Limits

TOKEN: Final = "PRNET_TOKEN"
SHORTEST_TOKEN: Final = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet serve``."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="by default %(default)s")
    add("--port", type=_port, default=8000, help="by default %(default)s; 0 takes a free one")
    add(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the page in the browser",
    )
    add("--allow-remote", action="store_true", help="let other machines in, with a token")
    add("--workers", type=positive, default=1, metavar="N", help="photos at a time (default 1)")
    add_finding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    for package in ("uvicorn", "starlette", "websockets", "python_multipart"):
        if find_spec(package) is None:
            raise missing(package.replace("_", "-"), "serve")
    import uvicorn

    if not (_is_loopback(args.host) or args.allow_remote):
        raise PrnetError(
            f"expected this machine's own address (127.0.0.1) or --allow-remote, got {args.host}"
        )
    token, made_up = _token() if args.allow_remote else (None, False)
    listening = _listen(args.host, args.port)
    port = listening.getsockname()[1]
    name = f"[{args.host}]" if ":" in args.host else args.host
    limits = Limits(workers=args.workers)
    application = make_app(
        reconstruct=reconstructor_of(args),
        limits=limits,
        port=None if args.allow_remote else port,
        token=token,
        name=name,
    )
    config = uvicorn.Config(application, **server_options(limits))
    address = f"http://{name}:{port}/"
    if made_up:
        say(f"token: {token} (send it as 'Authorization: Bearer ...'; {TOKEN} sets your own)")
    say(f"{address} (Ctrl-C ends it)")
    if args.open:
        # "Every address" is none that browsers give the camera to.
        near = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        threading.Timer(0.5, webbrowser.open, [near]).start()
    uvicorn.Server(config).run(sockets=[listening])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        raise PrnetError(
            f"expected an address and a port to listen at, got {host} {port}: {reason_of(error)}"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token() -> tuple[str, bool]:
    """From the environment, not the command line, which every user of the machine can read; or
    made up, and whether it is."""
    token = os.environ.get(TOKEN)
    if token is None:
        return secrets.token_urlsafe(24), True
    if not re.fullmatch(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST_TOKEN},}}", token):
        raise PrnetError(f"expected {SHORTEST_TOKEN} and more letters and digits in {TOKEN}")
    return token, False


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got '{text}'")
    return int(text)
