"""One face's appearance on another face, in the other's photo.

  prnet swap target.jpg reference.jpg --out swapped.jpg
  prnet swap target.jpg reference.jpg --out swapped.jpg --region eyes
  prnet swap two_people.jpg two_people.jpg --out swapped.jpg --target-face 0 --reference-face 1

A mask for --region is a grey picture of 256 x 256 pixels in the UV layout: white is swapped, black
is not (--save texture --texture-size 256 shows where what is); of a cut-out, the opaque part is.
Hair, hands and glasses in front of the target's face are painted over; those in front of the
reference's face come along.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from prnet.appearance.swap import RegionName, swap_face
from prnet.commands._options import (
    add_finding_arguments,
    check_no_detector,
    parsed_box,
    reconstructor_of,
)
from prnet.commands.texture import find_face
from prnet.errors import PrnetError
from prnet.files.image import load_mask, save_image
from prnet.files.keep import keep_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet swap``."""
    add = parser.add_argument
    add("target", type=Path, help="photo to change")
    add("reference", type=Path, help="photo of the face to put in")
    add("-o", "--out", type=Path, required=True, metavar="FILE", help="picture to write")
    names = "|".join(get_args(RegionName))
    add("--region", default="face", metavar=f"{names}|MASK.png", help="by default face")
    for photo in ("target", "reference"):
        add(
            f"--{photo}-face",
            type=_face_number,
            default=0,
            metavar="N|largest",
            help="which face of the photo: 0 is the largest (default), 1 the next",
        )
        add(
            f"--{photo}-box",
            type=parsed_box,
            metavar="X0,Y0,X1,Y1",
            help="face box instead of a detector",
        )
    add_finding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Find both faces, swap, write the picture."""
    if args.target_box is not None and args.reference_box is not None:
        check_no_detector(args, "--target-box and --reference-box")
    region = _region(args.region)
    reconstruct = reconstructor_of(args)
    target = find_face(reconstruct, args.target, index=args.target_face, box=args.target_box)
    reference = find_face(
        reconstruct, args.reference, index=args.reference_face, box=args.reference_box
    )
    with keep_files([args.region]):  # a mask, perhaps
        save_image(args.out, swap_face(target, reference, region=region))
    print(args.out)
    return 0


def _region(text: str) -> RegionName | NDArray[np.floating]:
    """A name, or a file's greys in 0..1."""
    names: tuple[RegionName, ...] = get_args(RegionName)
    for name in names:
        if text == name:
            return name
    if not Path(text).suffix:
        raise PrnetError(f"expected a region out of {', '.join(names)} or a file, got '{text}'")
    return load_mask(text)


def _face_number(text: str) -> int:
    if text == "largest":
        return 0
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a number from 0 or 'largest', got '{text}'")
    return int(text)
