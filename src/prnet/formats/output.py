"""The form of an entry in the table of outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class FaceOutput:
    """A file that a face can be written to.

    ``ending`` follows the face's name; ``summary`` is one line for the user; ``write`` gets the
    face and the path, and writes whole files or none. ``options`` are the keywords that ``write``
    takes besides; the command line's options of these names set them. ``beside``: endings of
    further files that it writes.  ``needs``: those of the options that must be given.
    """

    ending: str
    summary: str
    write: Callable[..., None]
    options: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        return "." + self.ending.rpartition(".")[2]
