"""One session for every network: tame, and at home in any process."""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from standins import write_network

from prnet.errors import PrnetError
from prnet.files.onnx_session import Device, OnnxSession, providers_of
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


class Runtime:
    """ONNX Runtime with some providers, of which the CPU's alone works."""

    def __init__(self, *names: str) -> None:
        self.names = [*names, "CPUExecutionProvider"]

    def get_available_providers(self) -> list[str]:
        return self.names


@pytest.mark.parametrize(
    ("device", "has", "expected"),
    [
        ("auto", [], ["CPU"]),
        ("auto", ["CUDA"], ["CUDA", "CPU"]),
        ("auto", ["Dml"], ["Dml", "CPU"]),
        ("auto", ["CoreML"], ["CPU"]),
        ("cpu", ["CUDA"], ["CPU"]),
        ("cuda", ["CUDA"], ["CUDA", "CPU"]),
        ("coreml", ["CoreML"], ["CoreML", "CPU"]),
        ("directml", ["Dml"], ["Dml", "CPU"]),
    ],
)
def test_devices(
    device: Device, has: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime(*(f"{name}ExecutionProvider" for name in has))
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    assert providers_of(device) == [f"{name}ExecutionProvider" for name in expected]


def test_a_device_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", Runtime("AzureExecutionProvider"))
    with pytest.raises(PrnetError, match=r"for cuda, got one for Azure, CPU \(pip install onnxrun"):
        providers_of("cuda")
    with pytest.raises(PrnetError, match="out of auto, cpu, cuda, directml, coreml, got 'tpu'"):
        providers_of("tpu")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_without_its_driver_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime says it has CUDA and, where it cannot load it, quietly takes the CPU."""
    import onnxruntime

    names = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    path = DATA / "network.onnx"
    with pytest.raises(PrnetError, match="expected CUDA to work, got one whose driver"):
        OnnxSession(path, providers=names, needed=True)
    assert (
        OnnxSession(path, providers=names).run(["position_maps"], CROPS)[0].shape[1:] == MAP.shape
    )
