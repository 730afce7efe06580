"""Data to train on that the tests draw themselves."""

from __future__ import annotations

from pathlib import Path

import drawn_faces
import pytest


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of 48 drawn faces."""
    folder = tmp_path_factory.mktemp("prepared")
    drawn_faces.write_prepared(folder)
    return folder
