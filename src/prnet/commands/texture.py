"""Edited textures -> photos.

  prnet reconstruct me.jpg --out results --save texture
  (edit results/me_texture.png with any program)
  prnet texture edit me.jpg results/me_texture.png --out edited.jpg

The face is found again in the photo, so give the same --model, --detector or --box as before.
Texels that were not edited, or are transparent, leave the photo as it is; what the camera does not
see is not painted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prnet.appearance.texture_edit import apply_texture, over_own
from prnet.commands._options import (
    add_common_arguments,
    add_finding_arguments,
    check_no_detector,
    parsed_box,
    reconstructor_of,
)
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.files.image import load_layer, load_mask, save_image
from prnet.geometry.boxes import Box
from prnet.reconstruct import Reconstructor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    edit = actions.add_parser(
        "edit",
        help="put an edited texture back into its photo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = edit.add_argument
    add("photo", type=Path)
    add("texture", type=Path, help="edited texture, square, of any size")
    add("-o", "--out", type=Path, required=True, metavar="FILE", help="picture to write")
    add(
        "--mask",
        type=Path,
        metavar="FILE",
        help="grey picture of the texture's size: white (of a cut-out: opaque) is painted "
        "(by default what differs from the photo's own texture)",
    )
    add("--face", type=int, default=0, metavar="N", help="which face, 0 is the largest")
    add("--box", type=parsed_box, metavar="X0,Y0,X1,Y1", help="face box instead of a detector")
    add_finding_arguments(edit)
    add_common_arguments(edit)
    edit.set_defaults(default_of=edit.get_default)


def run(args: argparse.Namespace) -> int:
    if args.box is not None:
        check_no_detector(args, "--box")
    texture, holes = load_layer(args.texture)
    mask = None if args.mask is None else load_mask(args.mask)
    reconstruct = reconstructor_of(args)
    face = find_face(reconstruct, args.photo, index=args.face, box=args.box)
    if holes.any() and len(texture) == texture.shape[1]:
        texture = over_own(face, texture, holes)
    save_image(args.out, apply_texture(face, texture, mask=mask))
    print(args.out)
    return 0


def find_face(
    reconstruct: Reconstructor, photo: Path, *, index: int = 0, box: Box | None = None
) -> Face:
    """Face ``index`` (the largest is 0) of a photo; PrnetError when it is not there."""
    faces = reconstruct(photo, boxes=None if box is None else [box])
    if not faces:
        raise PrnetError(f"{photo}: no face found")
    if not 0 <= index < len(faces):
        raise PrnetError(f"{photo}: expected face {index}, got {len(faces)} faces (0 is the first)")
    return faces[index]
