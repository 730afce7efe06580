"""Every example runs on the sample photo and writes readable results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from prnet.packaged import DATA

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path, sample_path: Path, tmp_path: Path) -> None:
    if not (DATA / "network.onnx").is_file():
        pytest.skip("needs the trained network")
    command = [sys.executable, str(example), str(sample_path), str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    assert told.stdout
    assert not told.stderr
    assert any(path.stat().st_size > 1000 for path in tmp_path.iterdir())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_without_arguments_it_says_how_to_call_it(example: Path) -> None:
    told = subprocess.run([sys.executable, str(example)], capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr.startswith(f"usage: {example.name} [-h] photo folder\n")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_photo_that_is_missing_is_one_line(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(example), "none.jpg", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr.endswith("error: none.jpg: expected an image file, got no such file\n")
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_photo_without_a_face_is_one_line(example: Path, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (160, 120), (120, 130, 140)).save(wall)
    command = [sys.executable, str(example), str(wall), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr.endswith(f"error: {wall}: no face found\n")
    assert "Traceback" not in told.stderr
