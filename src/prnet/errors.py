"""What the package says about input and surroundings: the one exception, and the one warning."""

from __future__ import annotations

from numbers import Integral, Real
from pathlib import Path

LONGEST_REASON = 160
"""Characters of a foreign error in a message, so that path and expectation stay in sight."""


class PrnetError(ValueError):
    """One clear line for the user: what was expected and what was got.

    The command line prints it without a traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))  # names of files may hold line feeds


class TooLargeError(PrnetError):
    """A picture of more pixels than are allowed."""


class FullDiskError(PrnetError):
    """No room for a result, nor for those to come."""


class BrokenInputError(PrnetError):
    """A file of many photos that cannot be read to its end, or not at all."""


def is_number(value: object) -> bool:
    """Whether a caller gave one; True, False and NaN are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and value == value


def is_whole(value: object) -> bool:
    """Whether a caller gave a whole number."""
    return is_number(value) and isinstance(value, Integral)


def reason_of(error: BaseException) -> str:
    """What an error of the system or of a library says, as part of one short line."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return shortened(words)


def shortened(text: object, length: int = LONGEST_REASON) -> str:
    """Without line breaks and of at most ``length`` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 3] + "..."


class PrnetWarning(UserWarning):
    """Input that was read, and that the user may want to know something about.

    The command line prints it in one line.
    """


DEBUG_HINT = " (--debug shows where)"
"""For commands that show tracebacks then."""


def in_words(error: BaseException, hint: str = "") -> str:
    """What a command says of an error in one line: a PrnetError's own words; of others, which
    nobody foresaw, what they are, and ``hint``."""
    if isinstance(error, PrnetError):
        return str(error)
    if isinstance(error, MemoryError):
        return "expected enough memory, got too little"
    kind = type(error).__name__
    said = f": {shortened(error)}" if str(error) else ""
    return f"got an unforeseen {kind}{said}{hint}"


def missing(package: str | None, extra: str, error: ImportError | None = None) -> PrnetError:
    """The error for a package of one of our extras that is not installed, or, as ``error`` says,
    does not load beside others."""
    if error is not None and not isinstance(error, ModuleNotFoundError):
        return PrnetError(f"expected {package}, got one that does not load: {reason_of(error)}")
    return PrnetError(f"expected {package}, got none ({install_command(extra)})")


def install_command(extra: str) -> str:
    """What installs an extra, from where this package itself came: the index, a checkout (in place
    or not), a wheel, or a repository."""
    import json
    from importlib import metadata
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        told = metadata.distribution("prnet").read_text("direct_url.json")
        origin = json.loads(told) if told else {}
    except metadata.PackageNotFoundError:  # run from a checkout without being installed
        root = Path(__file__).parents[2]
        origin = {"url": root.as_uri()} if (root / "pyproject.toml").is_file() else {}
    if origin.get("dir_info", {}).get("editable"):
        folder = url2pathname(urlsplit(origin["url"]).path)
        return f'pip install -e "{folder}[{extra}]"'
    if "url" not in origin:
        return f'pip install "prnet[{extra}]"'
    kind = origin.get("vcs_info", {}).get("vcs")
    return f'pip install "prnet[{extra}] @ {f"{kind}+" if kind else ""}{origin["url"]}"'
