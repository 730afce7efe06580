"""A face as a row of a table, and as files beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.render import crop_depth_map
from prnet.appearance.texture import check_side, texture
from prnet.bulk.items import Item, as_text
from prnet.bulk.parquet import import_pyarrow
from prnet.errors import PrnetError, in_words
from prnet.face import Face
from prnet.files.arrays import npy_bytes
from prnet.files.image import image_bytes
from prnet.formats.depth import depth_bytes
from prnet.geometry.crop import CropTransform

SampleKind = Literal["crops", "depth", "maps", "textures"]
SAMPLE_KINDS: Final[tuple[SampleKind, ...]] = get_args(SampleKind)
ENDINGS: Final = {
    "crops": "crop.jpg",
    "depth": "depth.png",
    "maps": "map.npy",
    "textures": "texture.jpg",
}

_FLOATS: Final = {
    "box": 4,
    "box_roll": None,
    "score": None,
    "presence": None,
    "yaw": None,
    "pitch": None,
    "roll": None,
    "camera_scale": None,
    "camera_rotation": 9,
    "camera_translation": 3,
    "crop": 4,
    "landmarks": 204,
    "deviation": None,
    "landmark_deviation": 68,
}
"""Columns of float32, and how many numbers a value has."""

_CENTRE: Final = np.array([0.5, 0.5, 0.0])


@dataclass(frozen=True)
class SampleOptions:
    """Which files a face gets beside its row, and how large: ``crop_size``, the side of crops and
    depth pictures, ``texture_size``, pixels."""

    kinds: tuple[SampleKind, ...] = ()
    crop_size: int = 256
    texture_size: int = 256

    @property
    def endings(self) -> list[str]:
        """Of a face's files."""
        return [ENDINGS[kind] for kind in self.kinds]

    def __post_init__(self) -> None:
        check_side("crop", self.crop_size)
        check_side("texture", self.texture_size)


def schema() -> Any:
    """The columns; docs/bulk.md says what they hold. Lists' lengths stay out of their types: before
    version 26, pyarrow does not read a list of fixed length back that is missing in a row."""
    pa = import_pyarrow()
    floats = {
        name: pa.float32() if size is None else pa.list_(pa.float32())
        for name, size in _FLOATS.items()
    }
    head = {
        "key": pa.string(),
        "source": pa.string(),
        "item": pa.int32(),
        "seconds": pa.float64(),
        "width": pa.int32(),
        "height": pa.int32(),
        "faces": pa.int16(),
        "face": pa.int16(),
        "sample": pa.string(),
    }
    return pa.schema([*(head | floats).items(), ("error", pa.string())])


def rows_of(
    item: Item,
    number: int,
    size: tuple[int, int] | None,
    found: list[Face] | Exception,
    *,
    sample: str | None = None,
) -> list[dict[str, Any]]:
    """A row for each face; one, without a face, for a photo that has none or could not be read.

    ``number``: the item's within its part; ``size``: its width and height, where it could be read;
    ``sample``: what names of samples begin with, None where there are none.
    """
    width, height = size or (None, None)
    head = {
        "key": as_text(item.key),
        "source": as_text(item.source),
        "item": number,
        "seconds": item.seconds,
        "width": width,
        "height": height,
    }
    if isinstance(found, Exception):
        return [{**head, "faces": 0, "error": as_text(in_words(found))}]
    if not found:
        return [{**head, "faces": 0}]
    return [
        {
            **head,
            "faces": len(found),
            "face": place,
            "sample": None if sample is None else f"{sample}-{place}",
            **_numbers(face),
        }
        for place, face in enumerate(found)
    ]


def _numbers(face: Face) -> dict[str, Any]:
    camera, crop, spread = face.camera, face.crop, face.vertex_deviations
    yaw, pitch, roll = camera.pose
    values = {
        "box": face.box.xyxy,
        "box_roll": face.box.roll,
        "score": face.box.score,
        "presence": face.presence,
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "camera_scale": camera.scale,
        "camera_rotation": camera.rotation.ravel(),
        "camera_translation": camera.translation,
        "crop": (crop.centre_x, crop.centre_y, crop.side, crop.roll),
        "landmarks": face.landmarks.ravel(),
        "deviation": None if spread is None else float(spread.mean()),
        "landmark_deviation": face.landmark_deviations,
    }
    return {
        name: value if size is None or value is None else np.asarray(value, np.float32)
        for (name, value), size in zip(values.items(), _FLOATS.values(), strict=True)
    }


def samples_of(face: Face, options: SampleOptions) -> dict[str, bytes]:
    """Ending and bytes of the files beside a face's row."""
    makers = {
        "crops": lambda: image_bytes(_crop_picture(face, options.crop_size), "JPEG"),
        "depth": lambda: depth_bytes(crop_depth_map(face, options.crop_size)),
        "maps": lambda: npy_bytes(pack_map(face)),
        "textures": lambda: image_bytes(texture(face, size=options.texture_size), "JPEG"),
    }
    return {ENDINGS[kind]: makers[kind]() for kind in options.kinds}


def _crop_picture(face: Face, size: int) -> NDArray[np.uint8]:
    if face.image is None:
        raise PrnetError("expected a face with its image, got none")
    return replace(face.crop, size=size).crop_image(face.image)


def pack_map(face: Face) -> NDArray[np.float16]:
    """The position map (256, 256, 3) from the crop's centre, in units of half its side, upright:
    numbers around 0 to 1, which float16 keeps to 0.0005 (0.03 pixels of a crop of 128)."""
    square = replace(face.crop, size=2)  # its centre is _CENTRE
    return np.asarray(square.to_crop(face.position_map) - _CENTRE, np.float16)


def unpack_map(packed: NDArray[np.float16], crop: NDArray[np.floating]) -> NDArray[np.float32]:
    """What :func:`pack_map` made, and the row's ``crop`` -> position map (256, 256, 3) in pixels of
    the photo."""
    x, y, side, roll = (float(value) for value in crop)
    square = CropTransform(x, y, side=side, size=2, roll=roll)
    return np.asarray(square.to_image(packed.astype(np.float64) + _CENTRE), np.float32)
