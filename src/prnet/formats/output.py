"""The form of an entry in the table of outputs, and how outputs are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.texture import TEXTURE_SIZE, check_side
from prnet.errors import PrnetError, is_number
from prnet.facemodel.expression import ExpressionModel
from prnet.formats.surface import Topology, check_triangles, simplification
from prnet.layout.openings import Openings
from prnet.mapped import MappedFace

PoseChoice = Literal["keep", "remove"]
EYES_APART = 20.0, 100.0
"""Millimetres that any eyes are apart."""


@dataclass(frozen=True, eq=False)
class SaveOptions:
    """How results are written. Each kind of file takes what concerns it; the options of the
    command line have the same names."""

    pose: PoseChoice = "keep"
    """"remove": meshes look straight ahead, in millimetres (GLB always in metres)."""

    openings: Openings = "closed"
    """"open": meshes have holes at eyes and mouth."""

    triangles: int | None = None
    """Meshes are simplified to about so many."""

    topology: Topology = "full"
    """"quads", "game": quadrangles along the UV grid, about 12,000 and 3,000."""

    scale_by: float | None = None
    """Millimetres between the middles of the eyes, about those of the pupils."""

    texture_size: int = TEXTURE_SIZE
    """Side of textures and their masks, pixels."""

    texture_fill: bool | None = None
    """Hidden parts of textures from the mirrored half; None: in meshes only."""

    texture: NDArray[np.uint8] | None = None
    """(N, N, 3) RGB for meshes in place of the photo's, an edited one say."""

    depth_crop: int | None = None
    """Depth and normals of the face's crop at so many pixels, not of the whole photo."""

    expression_model: ExpressionModel | None = None
    """What expressions are fitted with."""

    def __post_init__(self) -> None:
        """Refuses what no face can have, before the first photo is read."""
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise PrnetError(
                    f"expected {name} out of {', '.join(known)}, got {getattr(self, name)}"
                )
        low, high = EYES_APART
        if self.scale_by is not None and not (
            is_number(self.scale_by) and low <= self.scale_by <= high
        ):
            raise PrnetError(
                f"expected {low:g} to {high:g} millimetres between the eyes for scale_by, "
                f"got {self.scale_by!r}"
            )
        check_side("texture", self.texture_size)
        if self.depth_crop is not None:
            check_side("crop", self.depth_crop)
        if self.triangles is not None:
            check_triangles(self.triangles)
            simplification()
            if self.topology != "full":
                raise PrnetError(
                    f"expected a number of triangles or the topology {self.topology}, got both"
                )


CHOICES: Final = {
    "pose": get_args(PoseChoice),
    "openings": get_args(Openings),
    "topology": get_args(Topology),
}

DEFAULT: Final = SaveOptions()


def save_options(**options: Any) -> SaveOptions:
    """Options by name; PrnetError for names that none has."""
    known = [field.name for field in fields(SaveOptions)]
    for name in options:
        if name not in known:
            raise PrnetError(f"expected options out of {', '.join(known)}, got '{name}'")
    return SaveOptions(**options)


Writer = Callable[[MappedFace, Path, SaveOptions], None]


@dataclass(frozen=True)
class FaceOutput:
    """A file that a face can be written to.

    ``ending`` follows the face's name; ``summary`` is one line for the user; ``write`` writes whole
    files or none.  ``beside``: endings of further files that it writes.  ``needs``: names of
    options that must be given.
    """

    ending: str
    summary: str
    write: Writer
    beside: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        return "." + self.ending.rpartition(".")[2]


@dataclass(frozen=True)
class PhotoOutput:
    """A file of all faces of a photo together: ``ending`` and ``summary`` as a FaceOutput's."""

    ending: str
    summary: str
    write: Callable[[Sequence[MappedFace], Path], None]


def without_options(write: Callable[[MappedFace, Path], None]) -> Writer:
    """A writer whose files come in one form alone."""
    return lambda face, path, options: write(face, path)
