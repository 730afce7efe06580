"""Picture files from a face: depth, normals, texture, views, sheet, turntable."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.appearance.confidence import confidence_picture
from prnet.appearance.draw import overlay
from prnet.appearance.encode import depth_preview, encode_normals, pncc
from prnet.appearance.render import (
    crop_to_size,
    depth_map,
    depth_map_of,
    normal_map_of,
    render_view,
)
from prnet.appearance.sheet import TILE, sheet, turntable
from prnet.appearance.texture import texture, texture_mask
from prnet.errors import PrnetError
from prnet.files.arrays import write_array
from prnet.files.atomic import write_bytes
from prnet.files.image import save_image
from prnet.files.mat import mat_bytes
from prnet.formats.depth import depth_scale, save_depth
from prnet.formats.output import FaceOutput, PhotoOutput, SaveOptions, without_options
from prnet.mapped import MappedFace

FRAME_MILLISECONDS = 80


def write_depth(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """16-bit grey PNG, :func:`prnet.formats.depth.save_depth`."""
    scale = face_depth_scale(face, options.depth_crop)
    save_depth(path, depth_map_of(face, crop_size=options.depth_crop), scale=scale)


def face_depth_scale(face: MappedFace, depth_crop: int | None = None) -> float | None:
    """The scale of the depth picture of a face: of all its vertices, whether they are inside the
    picture or not, so that it is known without drawing. None for a face without picture."""
    if depth_crop is not None:
        z = crop_to_size(face, depth_crop).to_crop(face.vertices)[:, 2]
        return depth_scale(z, depth_crop)
    if face.image is None:
        return None
    return depth_scale(face.vertices[:, 2], max(face.image.shape[:2]))


def write_depth_preview(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """8-bit grey PNG to look at, as :func:`prnet.appearance.encode.depth_preview`."""
    save_image(path, depth_preview(depth_map_of(face, crop_size=options.depth_crop)))


def write_depth_npy(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """NumPy file: (H, W) float32 z in pixels, NaN where no face is."""
    write_array(path, depth_map_of(face, crop_size=options.depth_crop))


def write_depth_mat(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """MATLAB file as the 2018 release writes it: ``depth`` (H, W) in pixels above the face's
    farthest point, 0 where no face is."""
    depth = depth_map_of(face, crop_size=options.depth_crop)
    scale = 1 if options.depth_crop is None else options.depth_crop / face.crop.side
    depth = np.nan_to_num(depth - scale * face.vertices[:, 2].min())
    write_bytes(path, mat_bytes({"depth": depth}))


def write_normals(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """8-bit RGB PNG, as :func:`prnet.appearance.encode.encode_normals`."""
    save_image(path, encode_normals(normal_map_of(face, crop_size=options.depth_crop)))


def write_pncc(face: MappedFace, path: Path) -> None:
    """RGB PNG, :func:`prnet.appearance.pncc.pncc`."""
    save_image(path, pncc(face))


def write_texture(face: MappedFace, path: Path, options: SaveOptions) -> None:
    """RGB; :func:`prnet.appearance.texture.texture`."""
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


def write_confidence(face: MappedFace, path: Path) -> None:
    """JPEG: the photo, coloured from sure to guessed."""
    save_image(path, confidence_picture(face))


def write_sheet(face: MappedFace, path: Path) -> None:
    """Everything on one picture, :func:`prnet.appearance.sheet.sheet`."""
    save_image(path, sheet(face))


def write_turntable(face: MappedFace, path: Path, *, size: int = TILE) -> None:
    """Animated GIF or WebP (the suffix says which) of size x size pixels, repeated for ever."""
    frames = [Image.fromarray(frame) for frame in turntable(face, size=size)]
    gif = path.suffix.lower() == ".gif"
    if gif:
        frames = [frame.quantize(dither=Image.Dither.NONE) for frame in frames]
    stream = io.BytesIO()
    frames[0].save(
        stream,
        format="GIF" if gif else "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=FRAME_MILLISECONDS,
        loop=0,
    )
    write_bytes(path, stream.getvalue())


def write_overlay(faces: Sequence[MappedFace], path: Path) -> None:
    """JPEG: the photo with mesh, landmarks and pose box of all its faces."""
    save_image(path, overlay(_photo(faces), faces))


def write_depth_of_all(faces: Sequence[MappedFace], path: Path) -> None:
    """The faces of one photo as :func:`write_depth`; where they overlap, the larger z wins, each
    face's z counted from its own zero."""
    save_depth(path, depth_map(faces, *_photo(faces).shape[:2]))


def _photo(faces: Sequence[MappedFace]) -> NDArray[np.uint8]:
    if not faces or faces[0].image is None:
        raise PrnetError("expected faces with their image, got none")
    return faces[0].image


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
        "16-bit depth, 0 where no face is, else z = (value - 32768) x depth_scale of the PNG's "
        "text, in pixels (--depth-crop)",
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
    "pncc": FaceOutput(
        "_pncc.png", "place on the mean face as a colour", without_options(write_pncc)
    ),
    "frontal": FaceOutput(
        "_frontal.png", "the face turned to the front", without_options(write_frontal)
    ),
    "shaded": FaceOutput(
        "_shaded.png", "its surface without texture", without_options(write_shaded)
    ),
    "confidence": FaceOutput(
        "_confidence.jpg",
        "how far each point may be off: blue sure, red guessed",
        without_options(write_confidence),
    ),
    "texture-jpeg": FaceOutput("_texture.jpg", "the texture as a JPEG", write_texture),
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

PHOTO_OUTPUTS = {
    "overlay": PhotoOutput("_overlay.jpg", "photo with mesh, landmarks, pose box", write_overlay),
    "depth-all": PhotoOutput(
        "_depth_all.png", "depth of all faces of the photo, as depth", write_depth_of_all
    ),
}
"""What ``--save`` offers of all faces of a photo together."""
