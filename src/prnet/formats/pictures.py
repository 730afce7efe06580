"""Picture files from a face: depth, normals, texture, views, sheet, turntable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.appearance.encode import depth_preview, encode_depth, encode_normals
from prnet.appearance.render import depth_map, depth_map_of, normal_map_of, render_view
from prnet.appearance.sheet import TILE, sheet, turntable
from prnet.appearance.texture import texture, texture_mask
from prnet.files.atomic import write_atomically
from prnet.files.image import save_image
from prnet.files.mat import mat_bytes
from prnet.formats.output import FaceOutput, SaveOptions, without_options
from prnet.mapped import MappedFace

FRAME_MILLISECONDS = 80


def write_depth(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """16-bit grey PNG, as :func:`prnet.appearance.encode.encode_depth`."""
    save_image(path, encode_depth(depth_map_of(face, crop_size=options.depth_crop)))


def write_depth_preview(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """8-bit grey PNG to look at, as :func:`prnet.appearance.encode.depth_preview`."""
    save_image(path, depth_preview(depth_map_of(face, crop_size=options.depth_crop)))


def write_depth_npy(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """NumPy file: (H, W) float32 z in pixels, NaN where no face is."""
    with write_atomically(path) as temporary:
        np.save(temporary, depth_map_of(face, crop_size=options.depth_crop))


def write_depth_mat(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """MATLAB file as the 2018 release writes it: ``depth`` (H, W) in pixels above the face's
    farthest point, 0 where no face is."""
    depth = depth_map_of(face, crop_size=options.depth_crop)
    scale = 1 if options.depth_crop is None else options.depth_crop / face.crop.side
    depth = np.nan_to_num(depth - scale * face.vertices[:, 2].min())
    with write_atomically(path) as temporary:
        temporary.write_bytes(mat_bytes({"depth": depth}))


def write_normals(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """8-bit RGB PNG, as :func:`prnet.appearance.encode.encode_normals`."""
    save_image(path, encode_normals(normal_map_of(face, crop_size=options.depth_crop)))


def write_texture(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """RGB PNG; :func:`prnet.appearance.texture.texture`."""
    save_image(path, texture(face, size=options.texture_size, fill=options.texture_fill is True))


def write_texture_mask(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """8-bit grey PNG: 255 where the texture shows the face, 0 where it is hidden."""
    mask = texture_mask(face, size=options.texture_size)
    save_image(path, np.rint(255 * mask).astype(np.uint8))


def write_frontal(face: MappedFace, path: Path) -> None:
    """RGB PNG: the face with its texture, looking straight ahead."""
    save_image(path, render_view(face))


def write_shaded(face: MappedFace, path: Path) -> None:
    """RGB PNG: the same view in one colour, shaded."""
    save_image(path, render_view(face, style="shaded"))


def write_sheet(face: MappedFace, path: Path) -> None:
    """Everything on one picture, :func:`prnet.appearance.sheet.sheet`."""
    save_image(path, sheet(face))


def write_turntable(face: MappedFace, path: Path, *, size: int = TILE) -> None:
    """Animated GIF or WebP (the suffix says which) of size x size pixels, repeated for ever."""
    frames = [Image.fromarray(frame) for frame in turntable(face, size=size)]
    if path.suffix.lower() == ".gif":
        frames = [frame.quantize(dither=Image.Dither.NONE) for frame in frames]
    with write_atomically(path) as temporary:
        frames[0].save(
            temporary,
            save_all=True,
            append_images=frames[1:],
            duration=FRAME_MILLISECONDS,
            loop=0,
        )


PICTURE_OUTPUTS = {
    "texture": FaceOutput(
        "_texture.png",
        "photo in UV (--texture-size, --texture-fill)",
        write_texture,
    ),
    "texture-mask": FaceOutput(
        "_texture_mask.png",
        "white where the texture shows the face",
        write_texture_mask,
    ),
    "depth": FaceOutput(
        "_depth.png",
        "16-bit depth, 0 where no face is, else z = (value / 65536 - 0.5) x the longer side, "
        "in pixels (--depth-crop)",
        write_depth,
    ),
    "depth-preview": FaceOutput(
        "_depth_preview.png", "8-bit depth to look at", write_depth_preview
    ),
    "depth-npy": FaceOutput(
        "_depth.npy",
        "float32 depth in pixels, NaN where no face is",
        write_depth_npy,
    ),
    "depth-mat": FaceOutput(
        "_depth.mat",
        "depth as the 2018 release's .mat",
        write_depth_mat,
    ),
    "normals": FaceOutput(
        "_normals.png", "normal map, x right, y up (--depth-crop)", write_normals
    ),
    "frontal": FaceOutput(
        "_frontal.png", "the face turned to the front", without_options(write_frontal)
    ),
    "shaded": FaceOutput(
        "_shaded.png", "its surface without texture", without_options(write_shaded)
    ),
    "sheet": FaceOutput(
        "_sheet.png",
        "photo, overlay, depth, normals, texture, frontal side by side",
        without_options(write_sheet),
    ),
    "turntable": FaceOutput(
        "_turntable.gif", "the face turns, animated GIF", without_options(write_turntable)
    ),
    "turntable-webp": FaceOutput(
        "_turntable.webp", "the same as animated WebP", without_options(write_turntable)
    ),
}
"""What ``--save`` offers besides meshes and text."""


def depth_of_all(image: NDArray[np.uint8], faces: Sequence[MappedFace]) -> NDArray[np.uint16]:
    """The faces of one photo in one picture, encoded by :func:`prnet.encode_depth`; where they
    overlap, the larger z wins, each face's z counted from its own zero."""
    return encode_depth(depth_map(faces, *image.shape[:2]))
