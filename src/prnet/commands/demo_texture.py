"""The 2018 release's demo_texture.py: the face of one photo on the face of another.

  prnet demo-texture -i target.jpg -r reference.jpg -o output.jpg --mode 1

`prnet swap` does the same with more choices; its blending is what is used here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prnet.appearance.swap import RegionName, swap_face
from prnet.commands.demo import add_gpu_argument, device_for
from prnet.commands.texture import find_face
from prnet.files.image import save_image
from prnet.reconstruct import Reconstructor

REGIONS: dict[int, RegionName] = {0: "eyes", 1: "face"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of demo_texture.py, and --model."""
    add = parser.add_argument
    folder = Path("TestImages")
    for option, default, text in (
        ("image_path", folder / "AFLW2000" / "image00081.jpg", "photo to change"),
        ("ref_path", folder / "trump.jpg", "photo of the face to put in"),
        ("output_path", folder / "output.jpg", "picture to write"),
    ):
        add(f"-{option[0]}", f"--{option}", type=Path, default=default, help=f"{text} ({default})")
    add("--mode", type=int, choices=REGIONS, default=1, help="0: eyes alone, 1: face (default)")
    add_gpu_argument(parser)
    add("--model", type=Path, metavar="DIR", help="model folder, by default the package's own")


def run(args: argparse.Namespace) -> int:
    """The largest face of each photo."""
    reconstruct = Reconstructor(args.model, passes=1, device=device_for(args.gpu))
    target, reference = (find_face(reconstruct, path) for path in (args.image_path, args.ref_path))
    save_image(args.output_path, swap_face(target, reference, region=REGIONS[args.mode]))
    print(args.output_path)
    return 0
