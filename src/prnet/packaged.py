"""The files that the package carries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent / "data"
"""The package's own model folder, with the detector's networks."""

SAMPLE_PHOTO: Final = DATA / "sample" / "astronaut.jpg"
TRAINING_DATA: Final = DATA / "training"
