"""``PRN``, for programs written for the 2018 release's ``api.py``: change the import and no more.

    from prnet.release2018 import PRN          # was: from api import PRN

With a model folder of the 2018 weights (`prnet import-checkpoint`) the numbers are those of 2018;
without one, the package's network is resampled into the 2018 UV layout. docs/release2018.md says
what is the same and what is better.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prnet.detection.dlib import DlibCnnDetector
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropTransform
from prnet.network.crop_rules import GIVEN_BOX_RULE, RULES_2018
from prnet.reconstruct import Reconstructor
from prnet.release2018.crops import crop_2018, cropped_2018, reached
from prnet.release2018.given import (
    SIZE,
    given_array,
    given_box,
    given_crops,
    given_map,
    given_photo,
    given_picture,
    given_place,
)
from prnet.release2018.resample import to_2018

IMPORTED: Final = Path("Data/prnet-2018")
"""Below the prefix: where `prnet import-checkpoint` is asked to put the 2018 weights."""
DLIB_CNN: Final = Path("Data/net-data/mmod_human_face_detector.dat")
CHECKPOINT: Final = Path("Data/net-data/256_256_resfcn256_weight.index")

Map = NDArray[np.float64]
CropMap = NDArray[np.float32]  # the release's types: OpenCV's remap takes this one alone


class PRN:
    """The 2018 release's class. ``is_opencv`` and ``is_faceboxes`` are taken and not needed; faces
    are found by dlib's CNN with ``is_dlib`` where dlib and the release's file of it are there, else
    by the package's detector.

    ``prefix``: a folder with ``Data/prnet-2018`` or that model folder itself has the 2018 weights
    used. Position maps are (256, 256, 3) float64 in the pixels of the photo: x right, y down, z
    larger nearer and 0 at the face's farthest point.

    Attributes: ``resolution_inp``, ``resolution_op`` (256), ``uv_kpt_ind`` (2, 68) int32 column and
    row, ``face_ind`` (V,) int32 flat pixels, ``triangles`` (T, 3) int32 wound as the release's
    (reversed when y is turned up), ``uv_coords`` (V, 3) float64 column, row, 0.
    """

    def __init__(
        self,
        is_dlib: bool = False,
        prefix: str | Path | bool = ".",
        is_opencv: bool | str | Path = False,
        is_faceboxes: bool = False,
    ) -> None:
        if isinstance(prefix, bool):  # a fork's order: is_dlib, is_opencv, prefix
            prefix = is_opencv if isinstance(is_opencv, str | Path) else "."
        if not isinstance(prefix, str | Path):
            raise PrnetError(f"expected prefix to be a folder, got {prefix!r}")
        model = _model_folder(Path(prefix))
        mmod = Path(prefix) / DLIB_CNN
        cnn = is_dlib and mmod.is_file() and importlib.util.find_spec("dlib") is not None
        self.reconstruct = Reconstructor(
            model,
            detector="dlib-cnn" if cnn else "auto",
            detector_model=mmod if cnn else None,
            passes="auto" if model is None else 1,
        )
        self.is_2018 = self.reconstruct.layout.z_rule == "minimum"
        self.layout = self.reconstruct.layout if self.is_2018 else to_2018().target
        self.pos_predictor = PosPrediction(network=self)
        self.resolution_inp = self.resolution_op = SIZE
        self.uv_kpt_ind = np.rint(self.layout.landmarks.T).astype(np.int32)
        self.face_ind = np.flatnonzero(self.layout.region).astype(np.int32)
        self.triangles = np.ascontiguousarray(self.layout.triangles[:, ::-1])

    @cached_property
    def uv_coords(self) -> NDArray[np.float64]:
        rows, columns = np.divmod(self.face_ind, SIZE)
        return np.stack([columns, rows, np.zeros_like(rows)], axis=1).astype(np.float64)

    def process(
        self,
        input: str | Path | NDArray[Any],
        image_info: ArrayLike | None = None,
        box_file: str | Path | None = None,
        image_shape: object = None,
    ) -> Map | None:
        """Photo (RGB, a path or (H, W, 3) in 0..255) -> position map, or None where no face is
        found or the file cannot be read, which is printed.

        ``image_info``: a box ``[left, right, top, bottom]`` or 68 landmarks (68, 2 | 3) or
        (2 | 3, 68); else ``box_file``, a text file of left, top, width, height, a number a line (a
        fork's four-argument form); else the detector's largest face.
        """
        try:
            image = given_photo(input)
        except PrnetError as error:
            print("error opening file: ", error)
            return None
        if image_info is not None:
            place = given_place(image_info)
            if place.ndim == 2:
                return self._of_landmarks(image, place)
            left, right, top, bottom = place
            return self._of_box(image, Box(left, top, right, bottom), "given")
        if box_file is not None:
            return self._of_box(image, given_box(box_file), "dlib")
        faces = self.reconstruct(image)
        if not faces:
            print("warning: no detected face")
            return None
        return self._map_of(faces[0])

    def net_forward(self, image: NDArray[np.floating]) -> CropMap:
        """Crop (256, 256, 3), RGB in 0..1 -> position map in the crop's pixels."""
        return self.pos_predictor.predict(image)

    def dlib_detect(self, image: NDArray[Any]) -> list[Detection]:
        """The faces, largest first, as dlib's detections: ``d.rect.left()`` and so on. Each is the
        box of the face's landmarks, so that it may be handed to :meth:`process`."""
        faces = self.reconstruct(given_photo(image))
        return [Detection(Box.around(face.landmarks)) for face in faces]

    def get_landmarks(self, pos: NDArray[np.floating]) -> NDArray[np.floating]:
        """(68, 3)."""
        landmarks: NDArray[np.floating] = given_map(pos)[self.uv_kpt_ind[1], self.uv_kpt_ind[0]]
        return landmarks

    def get_vertices(self, pos: NDArray[np.floating]) -> NDArray[np.floating]:
        """(V, 3)."""
        return given_map(pos).reshape(SIZE**2, -1)[self.face_ind]

    def get_colors(self, image: NDArray[Any], vertices: NDArray[np.floating]) -> NDArray[Any]:
        """(V, C) of the image's type: the pixel nearest to each vertex, those outside at its edge.
        The vertices stay as they are (the release clipped the caller's)."""
        image = given_picture(image)
        vertices = given_array(vertices, "vertices", "V", 3)
        height, width = image.shape[:2]
        column, row = np.round(np.clip(vertices[:, :2], 0, [width - 1, height - 1])).T.astype(int)
        colors: NDArray[Any] = image[row, column]
        return colors

    def get_colors_from_texture(self, texture: NDArray[Any]) -> NDArray[Any]:
        """Texture (256, 256, C) -> (V, C)."""
        texture = given_array(texture, "a texture", SIZE, SIZE, *"C"[: np.ndim(texture) - 2])
        return texture.reshape(SIZE**2, -1)[self.face_ind]

    def get_texture(self, image: NDArray[Any], pos: NDArray[np.floating]) -> NDArray[Any]:
        """(256, 256, C) of the image's type, nearest pixel, 0 outside the image (a fork's)."""
        image = given_picture(image)
        column, row = np.round(given_map(pos)[..., :2]).astype(int).reshape(-1, 2).T
        height, width = image.shape[:2]
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        texture = np.zeros((SIZE**2, *image.shape[2:]), image.dtype)
        texture[inside] = image[row[inside], column[inside]]
        return texture.reshape(SIZE, SIZE, *image.shape[2:])

    def crop_maps(self, crops: NDArray[np.floating]) -> CropMap:
        """Crops (B, 256, 256, 3) in 0..1 -> position maps (B, 256, 256, 3) in their pixels."""
        network = self.reconstruct.network
        octets = given_crops(crops)
        whole = CropTransform((SIZE - 1) / 2, (SIZE - 1) / 2, side=SIZE, size=network.crop_size)
        maps = network(np.stack([whole.crop_image(crop) for crop in octets]))
        return np.stack([self._in_2018(whole.to_image(each)) for each in maps], dtype=np.float32)

    def _of_landmarks(self, image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> Map:
        if not self.is_2018 and len(landmarks) == 68:
            return self._map_of(self.reconstruct(image, landmarks=[landmarks])[0])
        return self._of_box(image, Box.around(landmarks), "landmarks")

    def _of_box(self, image: NDArray[np.uint8], box: Box, kind: str) -> Map:
        if not self.is_2018:
            wanted = DlibCnnDetector.crop_rule if kind == "dlib" else GIVEN_BOX_RULE
            box = reached(box, wanted, GIVEN_BOX_RULE)
            return self._map_of(self.reconstruct(image, boxes=[box])[0])
        crop = crop_2018(box, RULES_2018[kind])
        return crop.to_image(self.net_forward(cropped_2018(image, crop)))

    def _map_of(self, face: Face) -> Map:
        if not self.is_2018:
            return self._in_2018(face.position_map)
        if face.image is None or self.reconstruct.detector.name != DlibCnnDetector.name:
            return face.position_map.astype(np.float64)
        x0, y0, x1, y1 = face.box.xyxy  # dlib's last pixels, not edges
        return self._of_box(face.image, Box(x0 + 0.5, y0 + 0.5, x1 - 0.5, y1 - 0.5), "dlib")

    def _in_2018(self, position_map: NDArray[np.floating]) -> Map:
        if self.is_2018:
            return np.asarray(position_map, np.float64)
        return np.asarray(self.layout.with_z_origin(to_2018()(position_map)), np.float64)


class PosPrediction:
    """The release's network alone: ``predict`` and ``predict_batch`` of crops in 0..1."""

    def __init__(
        self, resolution_inp: int = SIZE, resolution_op: int = SIZE, *, network: PRN | None = None
    ) -> None:
        self.resolution_inp, self.resolution_op = resolution_inp, resolution_op
        self.MaxPos = resolution_inp * 1.1
        self._maps: Callable[[NDArray[np.floating]], CropMap] = (network or PRN()).crop_maps

    def restore(self, model_path: str | Path) -> None:
        """The weights are loaded already; a checkpoint of 2018 has to be imported first."""
        _hint(Path(f"{model_path}.index"))

    def predict(self, image: NDArray[np.floating]) -> CropMap:
        """(256, 256, 3) in 0..1 -> (256, 256, 3) crop pixels."""
        (position_map,) = self._maps(given_array(image, "a crop", SIZE, SIZE, 3)[None])
        return np.asarray(position_map)

    def predict_batch(self, images: NDArray[np.floating]) -> CropMap:
        """(B, 256, 256, 3) in 0..1 -> (B, 256, 256, 3) crop pixels."""
        return self._maps(given_array(images, "crops", "B", SIZE, SIZE, 3))


@dataclass(frozen=True)
class _Rectangle:
    box: Box

    def left(self) -> int:
        return round(self.box.x0)

    def right(self) -> int:
        return round(self.box.x1)

    def top(self) -> int:
        return round(self.box.y0)

    def bottom(self) -> int:
        return round(self.box.y1)

    def width(self) -> int:
        return self.right() - self.left() + 1

    def height(self) -> int:
        return self.bottom() - self.top() + 1


class Detection:
    """What dlib's CNN detector returns of a face."""

    def __init__(self, box: Box) -> None:
        self.rect, self.confidence = _Rectangle(box), box.score


def _model_folder(prefix: Path) -> Path | None:
    for folder in (prefix, prefix / IMPORTED):
        if (folder / "network.onnx").is_file() and (folder / "uv_layout.npz").is_file():
            return folder
    _hint(prefix / CHECKPOINT)
    return None


def _hint(checkpoint: Path) -> None:
    if checkpoint.is_file():
        data = checkpoint.parents[1]
        warnings.warn(
            f"{checkpoint}: the 2018 weights are not used before they are imported, once: prnet "
            f"import-checkpoint {data / 'net-data'} {data / 'uv-data'} "
            f"--out {data / IMPORTED.name}",
            stacklevel=3,
        )
