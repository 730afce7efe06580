"""Everything that a face can be saved as: one table, one dispatcher.

Meshes: :mod:`prnet.export_meshes`. Numbers: :mod:`prnet.export_data`. Pictures:
:mod:`prnet.export_pictures`. docs/formats.md tells each file's frame, unit and order.
"""

from __future__ import annotations

from pathlib import Path

from prnet.errors import PrnetError
from prnet.export_data import DATA_OUTPUTS
from prnet.export_meshes import MESH_OUTPUTS
from prnet.export_pictures import PICTURE_OUTPUTS
from prnet.face import Face

FACE_OUTPUTS = {**MESH_OUTPUTS, **DATA_OUTPUTS, **PICTURE_OUTPUTS}
"""What ``--save`` and :meth:`Face.save` offer. Of two with one suffix, the first is its default."""


def save_face(face: Face, path: str | Path, kind: str | None = None) -> None:
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
    output.write(face, path)
