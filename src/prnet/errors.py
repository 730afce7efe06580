"""What the package says about input: the one exception, and the one warning."""

from __future__ import annotations

LONGEST_REASON = 160
"""Characters of a foreign error in a message, so that path and expectation stay in sight."""


class PrnetError(ValueError):
    """One clear line for the user: what was expected and what was got.

    The command line prints it without a traceback.
    """


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


def in_words(error: BaseException) -> str:
    """What a command says of an error: that of a PrnetError; of others, which nobody foresaw, in
    one line what they are and how to learn more."""
    if isinstance(error, PrnetError):
        return str(error)
    if isinstance(error, MemoryError):
        return "expected enough memory, got too little"
    kind = type(error).__name__
    said = f": {shortened(error)}" if str(error) else ""
    return f"got an unforeseen {kind}{said} (--debug shows where)"
