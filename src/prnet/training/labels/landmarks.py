"""MediaPipe's 468 face mesh points of a photo (extra ``label``).

Points are in image pixels: x right, y down, pixel centres on integers; z in the same unit, larger
is nearer the viewer, 0 near the middle of the head.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.errors import PrnetError, missing
from prnet.geometry.boxes import Box

POINTS = 468
CROP_SIZES = (1.6, 2.2)
"""Sides of the crops in sides of the detector's box."""
CROP_PIXELS = 384
"""Crops are scaled to this side: small faces are upscaled, as MediaPipe's own crop is coarse."""
SHIFT = 0.0028
"""MediaPipe cuts its network's input with pixel centres where edges belong, so that its points lie
right of and below the truth by about half a pixel of that input: this share of sqrt(w*h) of the
points' box. Measured: with it the mean difference of straight and mirrored runs vanishes."""
_EYES = (33, 263)
"""Outer corners of the eyes, the image's left one first."""


class MeshPoints(NamedTuple):
    """``points`` (468, 3) float32 in image pixels; ``spread``: mean distance of the runs (mirrored
    and not, each crop size) from their mean, over sqrt(w*h) of the points' box."""

    points: NDArray[np.float32]
    spread: float


class _Backend(Protocol):
    def boxes(self, image: NDArray[np.uint8]) -> list[Box]: ...

    def mesh(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """(468, 3): x over the width, y over the height (0 = centre of the first pixel), z over the
        width (smaller = nearer)."""
        ...


@dataclass(frozen=True)
class MediaPipeMesh:
    """Image RGB uint8 (H, W, 3) -> `MeshPoints` of its most prominent face, or None.

    The mean over two crop sizes and the mirror image of each: the detector's own crop wobbles,
    and the average is markedly better than one run. ``mirror`` (468,): for each point the index
    of its mirror twin.
    """

    backend: _Backend
    mirror: NDArray[np.integer]

    def __call__(self, image: NDArray[np.uint8]) -> MeshPoints | None:
        box = self._box(image)
        if box is None:
            return None
        runs = [run for factor in CROP_SIZES for run in self._both_ways(image, box, factor)]
        if len(runs) < 2:
            return None
        points = np.mean(runs, axis=0)
        size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
        distance = np.linalg.norm((np.stack(runs) - points)[..., :2], axis=-1).mean()
        return MeshPoints(points.astype(np.float32), float(distance / size))

    def one_run(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """The points (468, 3) of one crop, not averaged, in its pixels: enough to learn ``mirror``
        from."""
        box = self._box(image)
        return (
            None
            if box is None
            else self._crop_points(_resized_crop(image, *_square(box, CROP_SIZES[0])))
        )

    def one_crop(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """The points (468, 3) of one crop, not averaged, in image pixels."""
        box = self._box(image)
        runs = [] if box is None else self._both_ways(image, box, CROP_SIZES[0])
        return runs[0] if runs else None

    def _box(self, image: NDArray[np.uint8]) -> Box | None:
        boxes = self.backend.boxes(image) or self._boxes_beyond(image)
        return max(boxes, key=lambda found: found.area * found.score, default=None)

    def _boxes_beyond(self, image: NDArray[np.uint8]) -> list[Box]:
        """Boxes of faces that fill or overflow the photo, found with a black border around it."""
        border = max(image.shape[:2]) // 2
        padded = np.pad(image, ((border, border), (border, border), (0, 0)))
        found = [(box, [edge - border for edge in box.xyxy]) for box in self.backend.boxes(padded)]
        return [Box(x0, y0, x1, y1, box.score) for box, (x0, y0, x1, y1) in found]

    def _both_ways(
        self, image: NDArray[np.uint8], box: Box, factor: float
    ) -> list[NDArray[np.float64]]:
        """The points in image pixels from one crop and from its mirror image, where found."""
        left, top, side = _square(box, factor)
        crop = _resized_crop(image, left, top, side)
        straight, mirrored = self._crop_points(crop), self._crop_points(crop[:, ::-1].copy())
        if mirrored is not None:
            mirrored = mirrored[self.mirror] * (-1, 1, 1) + (CROP_PIXELS - 1, 0, 0)
        scale = side / CROP_PIXELS
        origin = (left + scale / 2 - 0.5, top + scale / 2 - 0.5, 0)
        return [run * scale + origin for run in (straight, mirrored) if run is not None]

    def _crop_points(self, crop: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """(468, 3) in the crop's pixels, z larger = nearer."""
        points = self.backend.mesh(crop)
        if points is None:
            return None
        points = points * (CROP_PIXELS, CROP_PIXELS, -CROP_PIXELS)
        right = points[_EYES[1], :2] - points[_EYES[0], :2]
        right /= np.linalg.norm(right)
        down = np.array([-right[1], right[0]])
        size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
        points[:, :2] -= SHIFT * size * (right + down)
        return points


def media_pipe_mesh(mirror: NDArray[np.integer], task: str | Path | None = None) -> MediaPipeMesh:
    """`MediaPipeMesh` on the installed ``mediapipe``: 0.10.21 and older carry their models; newer
    ones need ``task``, the path of a ``face_landmarker.task``."""
    return MediaPipeMesh(_backend(task), mirror)


def _square(box: Box, factor: float) -> tuple[int, int, int]:
    """Left, top (pixel indices) and side of the square crop, whole pixels."""
    side = max(8, round(factor * max(box.width, box.height)))
    x, y = box.centre
    return round(x + 0.5 - side / 2), round(y + 0.5 - side / 2), side


def _resized_crop(image: NDArray[np.uint8], left: int, top: int, side: int) -> NDArray[np.uint8]:
    """The square, black outside the image, as uint8 (CROP_PIXELS, CROP_PIXELS, 3)."""
    crop = Image.fromarray(image).crop((left, top, left + side, top + side))
    return np.asarray(crop.resize((CROP_PIXELS, CROP_PIXELS), Image.Resampling.BICUBIC))


def _backend(task: str | Path | None) -> _Backend:
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        mediapipe = import_module("mediapipe")
    except ImportError as error:
        raise missing("mediapipe", "label", error) from error
    if task is not None:
        return _Tasks(mediapipe, Path(task))
    if not hasattr(mediapipe, "solutions"):
        raise PrnetError(
            f"expected mediapipe 0.10.21 or a face_landmarker.task file (--task), "
            f"got mediapipe {mediapipe.__version__}, which carries no models"
        )
    return _Solutions(mediapipe.solutions)


class _Solutions:
    """The models inside mediapipe's wheel, up to 0.10.21."""

    def __init__(self, solutions: Any) -> None:
        # 0: faces within 2 m of the camera, 1: within 5 m
        self._detectors = [
            solutions.face_detection.FaceDetection(
                model_selection=reach, min_detection_confidence=0.3
            )
            for reach in (0, 1)
        ]
        self._mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
        )

    def boxes(self, image: NDArray[np.uint8]) -> list[Box]:
        height, width = image.shape[:2]
        for detector in self._detectors:
            found = detector.process(image).detections or []
            if found:
                return [_box(detection, width, height) for detection in found]
        return []

    def mesh(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        faces = self._mesh.process(image).multi_face_landmarks
        return _coordinates(faces[0].landmark) if faces else None


class _Tasks:
    """A ``face_landmarker.task`` file and mediapipe's newer interface."""

    def __init__(self, mediapipe: Any, task: Path) -> None:
        if not task.is_file():
            raise PrnetError(f"{task}: expected a face_landmarker.task file, got no such file")
        self._image, self._format = mediapipe.Image, mediapipe.ImageFormat.SRGB
        vision, options = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions
        self._mesh = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=options(model_asset_path=str(task)),
                num_faces=8,
                min_face_detection_confidence=0.3,
            )
        )

    def boxes(self, image: NDArray[np.uint8]) -> list[Box]:
        height, width = image.shape[:2]
        found = self._detect(image)
        corners = [(np.min(face[:, :2], axis=0), np.max(face[:, :2], axis=0)) for face in found]
        edges = [
            (*(low * (width, height) - 0.5), *(high * (width, height) - 0.5))
            for low, high in corners
        ]
        return [Box(*(float(edge) for edge in four)) for four in edges]

    def mesh(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        found = self._detect(image)
        return max(found, key=lambda face: float(np.ptp(face[:, 1])), default=None)

    def _detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
        faces = self._mesh.detect(self._image(self._format, image)).face_landmarks
        return [_coordinates(face) for face in faces]


def _box(detection: Any, width: int, height: int) -> Box:
    relative = detection.location_data.relative_bounding_box
    x, y = relative.xmin * width - 0.5, relative.ymin * height - 0.5
    return Box(
        x, y, x + relative.width * width, y + relative.height * height, float(detection.score[0])
    )


def _coordinates(landmarks: Any) -> NDArray[np.float64]:
    """The first 468 points (any more are irises)."""
    return np.array([(point.x, point.y, point.z) for point in landmarks[:POINTS]])
