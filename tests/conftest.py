"""Fixtures that several tests use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet.files.image import load_image
from prnet.packaged import SAMPLE_PHOTO
from prnet.words import language_of, speak


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of research data beside the checkout; it is never part of the project."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "faces").is_dir():
        pytest.skip(f"needs the research data in {folder.name}/ beside the checkout")
    return folder


@pytest.fixture(scope="session")
def sample_path() -> Path:
    """The public-domain photo that the package carries."""
    return SAMPLE_PHOTO


@pytest.fixture(scope="session")
def sample_image(sample_path: Path) -> NDArray[np.uint8]:
    """(512, 512, 3) uint8 RGB; one face around x 224, y 115, 100 pixels wide."""
    image = load_image(sample_path)
    image.setflags(write=False)
    return image


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands say does not depend on whose machine this is."""
    if language_of((), os.environ) != "en":
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
    speak("en")
