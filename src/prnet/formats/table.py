"""Everything that a face can be saved as: one table, one dispatcher.

Meshes: :mod:`prnet.formats.meshes`. Numbers: :mod:`prnet.formats.arrays`. Pictures:
:mod:`prnet.formats.pictures`. docs/formats.md tells each file's frame, unit and order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from prnet.errors import PrnetError
from prnet.files.keep import keep_files
from prnet.formats.arrays import DATA_OUTPUTS
from prnet.formats.mediapipe import MEDIAPIPE_OUTPUTS
from prnet.formats.meshes import MESH_OUTPUTS
from prnet.formats.output import DEFAULT, SaveOptions
from prnet.formats.pictures import PHOTO_OUTPUTS, PICTURE_OUTPUTS
from prnet.mapped import MappedFace

FACE_OUTPUTS = {**MESH_OUTPUTS, **DATA_OUTPUTS, **MEDIAPIPE_OUTPUTS, **PICTURE_OUTPUTS}
"""What ``--save`` and :meth:`Face.save` offer. Of two with one suffix, the first is its default."""

ENDINGS: Final = (
    *(output.ending for output in FACE_OUTPUTS.values()),
    *(ending for output in FACE_OUTPUTS.values() for ending in output.beside),
    *(output.ending for output in PHOTO_OUTPUTS.values()),
)
"""Of all files that a name can get."""

SUMMARIES: Final = {
    **{name: output.summary for name, output in FACE_OUTPUTS.items()},
    **{name: output.summary for name, output in PHOTO_OUTPUTS.items()},
}
"""Everything that can be saved, by name."""

NEEDS: Final = {name: output.needs for name, output in FACE_OUTPUTS.items() if output.needs}
"""Options without which an output cannot be saved."""


def in_millimetres(kind: str, options: SaveOptions) -> bool:
    """Whether ``options.scale_by`` changes such a file: most are in the photo's pixels."""
    mesh = kind in MESH_OUTPUTS and options.pose == "remove"
    return mesh or kind in ("glb", "stl-relief", "json")


def save_face(
    face: MappedFace,
    path: str | Path,
    kind: str | None = None,
    options: SaveOptions = DEFAULT,
) -> None:
    """Write what ``kind`` names, by default the first of FACE_OUTPUTS with the path's suffix.
    Raises PrnetError rather than write over the photo that the face is of."""
    path = Path(path)
    if kind is not None and kind not in FACE_OUTPUTS:
        raise PrnetError(f"expected a kind out of {', '.join(FACE_OUTPUTS)}, got '{kind}'")
    kinds = list(FACE_OUTPUTS) if kind is None else [kind]
    suffixes = {FACE_OUTPUTS[each].suffix: each for each in reversed(kinds)}
    kind = suffixes.get(path.suffix.lower())
    if kind is None:
        known = " ".join(sorted(suffixes))
        raise PrnetError(f"{path}: expected a suffix out of {known}, got '{path.suffix}'")
    if options.scale_by is not None and not in_millimetres(kind, options):
        raise PrnetError(f"expected pose='remove' for scale_by, got {kind} in the photo's pixels")
    with keep_files([face.source]):
        FACE_OUTPUTS[kind].write(face, path, options)
