"""Training runs where torch, NumPy and Pillow are all there is (a borrowed GPU machine)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import prnet

pytest.importorskip("torch", reason="needs prnet[train]")

SCRIPT = """
import sys
from pathlib import Path
for name in ("scipy", "onnx", "onnxruntime", "tqdm", "numba", "matplotlib"):
    sys.modules[name] = None  # as if it were not installed
import tiny_network
tiny_network.use()
from prnet.cli import main
arguments = "--batch 2 --samples 2 --threads 1 --loaders 0 --data".split() + [sys.argv[1]]
for preset in ("compact", "paper-ict"):
    assert main(["train", "--preset", preset, "--out", f"{sys.argv[2]}/{preset}", *arguments]) == 0
"""


def test_training_needs_no_other_package(prepared: Path, tmp_path: Path) -> None:
    paths = [str(Path(__file__).parents[1] / "helpers"), str(Path(prnet.__file__).parents[1])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", SCRIPT, str(prepared), str(tmp_path)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr[-3000:]
    for preset in ("compact", "paper-ict"):
        assert (tmp_path / preset / "checkpoint.pt").exists()
        assert (tmp_path / preset / "uv_layout.npz").exists()
    assert "not exported for want of onnx" in told.stdout
