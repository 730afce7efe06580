"""What a 300W-LP folder holds, and what it lacks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from prnet.errors import PrnetError
from prnet.facemodel.fits300w import FaceFit
from prnet.files.image import load_image
from prnet.training.data.lp300w import find_photos

SUBSETS = {"AFW": 5_207, "HELEN": 37_676, "IBUG": 1_786, "LFPW": 16_556}
"""Photos by subset; each has its mirrored twin NAME_Flip (Zhu et al., CVPR 2016)."""


@dataclass
class FolderReport:
    """``lines``: what is there, one line a subset.  ``problems``: what is missing or unfit."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_folder(folder: Path, *, opened_per_subset: int | None = 100) -> FolderReport:
    """Count the photos and fits below ``folder`` by subset, and open some, evenly spread.

    ``opened_per_subset``: None opens every one. Raises PrnetError when ``folder`` is none.
    """
    report = FolderReport()
    photos = defaultdict(list)
    for photo in find_photos(folder):
        photos[photo.parent.name].append(photo)
    for name, expected in SUBSETS.items():
        for subset in (name, f"{name}_Flip"):
            found = len(photos.get(subset, []))
            if found < expected:
                report.problems.append(f"{subset}: expected {expected:,} photos, got {found:,}")
    for subset, members in sorted(photos.items()):
        fitted = [photo for photo in members if photo.with_suffix(".mat").is_file()]
        report.lines.append(f"{subset}: {len(members):,} photos, {len(fitted):,} with a fit")
        if len(fitted) < len(members):
            first = next(photo for photo in members if not photo.with_suffix(".mat").is_file())
            report.problems.append(
                f"{subset}: {len(members) - len(fitted):,} photos without .mat, first {first.name}"
            )
        step = 1 if opened_per_subset is None else max(len(fitted) // opened_per_subset, 1)
        report.problems += [
            problem for photo in fitted[::step] if (problem := _problem(photo)) is not None
        ]
    return report


def _problem(photo: Path) -> str | None:
    try:
        load_image(photo)
        FaceFit.read(photo.with_suffix(".mat"))
    except PrnetError as error:
        return str(error)
    return None
