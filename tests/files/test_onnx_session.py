"""One session for every network: tame, and at home in any process."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from standins import write_network

from prnet.files.onnx_session import OnnxSession
from prnet.packaged import DATA

MAP = np.random.default_rng(0).uniform(0, 128, (256, 256, 3)).astype(np.float32)
CROPS = {"crops": np.zeros((1, 128, 128, 3), np.uint8)}


def test_pickled_session_finds_its_file_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = OnnxSession(write_network(Path("n.onnx"), MAP), threads=2)
    data = pickle.dumps(session)
    assert len(data) < 1000, "the path, not the weights"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    other = pickle.loads(data)
    assert other.threads == 2
    np.testing.assert_array_equal(
        other.run(["position_maps"], CROPS)[0], session.run(["position_maps"], CROPS)[0]
    )


def test_threads_sleep_between_calls() -> None:
    """By default ONNX Runtime's spin: twice the processor time for this network on two threads,
    and much more where the processor is busy."""

    def processor_seconds(threads: int) -> float:
        session = OnnxSession(DATA / "network.onnx", threads=threads)
        session.run(["position_maps"], CROPS)
        start = time.process_time()
        for _ in range(20):
            session.run(["position_maps"], CROPS)
            time.sleep(0.01)
        return time.process_time() - start

    assert any(processor_seconds(2) < 1.4 * processor_seconds(1) for _ in range(5))
