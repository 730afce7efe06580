"""Everything that a face can be saved as: one table, one dispatcher.

Meshes: :mod:`prnet.formats.meshes`. Numbers: :mod:`prnet.formats.arrays`. Pictures:
:mod:`prnet.formats.pictures`. docs/formats.md tells each file's frame, unit and order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.draw import overlay
from prnet.errors import PrnetError
from prnet.formats.arrays import DATA_OUTPUTS
from prnet.formats.meshes import MESH_OUTPUTS
from prnet.formats.output import SaveOptions
from prnet.formats.pictures import PICTURE_OUTPUTS, depth_of_all
from prnet.mapped import MappedFace

FACE_OUTPUTS = {**MESH_OUTPUTS, **DATA_OUTPUTS, **PICTURE_OUTPUTS}
"""What ``--save`` and :meth:`Face.save` offer. Of two with one suffix, the first is its default."""


PhotoPicture = Callable[
    [NDArray[np.uint8], Sequence[MappedFace]], NDArray[np.uint8] | NDArray[np.uint16]
]

PHOTO_OUTPUTS: Final[dict[str, tuple[str, str, PhotoPicture]]] = {
    "overlay": ("_overlay.jpg", "photo with mesh, landmarks, pose box", overlay),
    "depth-all": ("_depth_all.png", "depth of all faces of the photo, as depth", depth_of_all),
}
"""Name: (ending, summary, picture of the photo and all its faces)."""

SUMMARIES: Final = {
    **{name: output.summary for name, output in FACE_OUTPUTS.items()},
    **{name: summary for name, (_, summary, _) in PHOTO_OUTPUTS.items()},
}
"""Everything that can be saved, by name."""

NEEDS: Final = {name: output.needs for name, output in FACE_OUTPUTS.items() if output.needs}
"""Options without which an output cannot be saved."""


def save_face(face: MappedFace, path: str | Path, kind: str | None = None) -> None:
    """Write what ``kind`` names, by default the first of FACE_OUTPUTS with the path's suffix."""
    path = Path(path)
    if kind is not None and kind not in FACE_OUTPUTS:
        raise PrnetError(f"expected a kind out of {', '.join(FACE_OUTPUTS)}, got '{kind}'")
    outputs = [FACE_OUTPUTS[kind]] if kind is not None else list(FACE_OUTPUTS.values())
    suffixes = {output.suffix: output for output in reversed(outputs)}
    output = suffixes.get(path.suffix.lower())
    if output is None:
        known = " ".join(sorted(suffixes))
        raise PrnetError(f"{path}: expected a suffix out of {known}, got '{path.suffix}'")
    output.write(face, path, SaveOptions())
