"""What tests of several commands use."""

from __future__ import annotations

from pathlib import Path

import pytest
from standins import write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stand-in network."""
    return write_model(tmp_path_factory.mktemp("model"))
