"""Run everything on the sample photo that the package carries: astronaut Eileen Collins, NASA,
public domain. Needs no network connection."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from prnet.files.image import load_image
from prnet.files.results import make_folder
from prnet.files.streams import say
from prnet.formats.output import SaveOptions
from prnet.formats.save import save_faces
from prnet.formats.table import NEEDS, SUMMARIES
from prnet.packaged import SAMPLE_PHOTO
from prnet.reconstruct import Reconstructor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet try``."""
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("prnet-try"),
        metavar="DIR",
        help="by default prnet-try",
    )


def run(args: argparse.Namespace) -> int:
    """Save every kind of result of the sample photo and say what each is."""
    folder = make_folder(args.out)
    image = load_image(SAMPLE_PHOTO)
    reconstruct = Reconstructor()
    start = time.perf_counter()
    faces = reconstruct(image)
    milliseconds = 1000 * (time.perf_counter() - start)
    kinds = [kind for kind in SUMMARIES if kind not in NEEDS]
    of_faces, of_photo = save_faces(faces, "astronaut", folder, save=kinds, options=SaveOptions())
    for face in faces:
        yaw, pitch, roll = face.pose
        print(
            f"astronaut.jpg, {milliseconds:.0f} ms: {len(face.vertices)} vertices, "
            f"yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} degrees\n"
        )
    for files in [*of_faces, of_photo]:
        for kind, file in files.items():
            print(f"  {Path(file).name:<26} {SUMMARIES[kind]}")
    print()
    say(f"Results in {folder.resolve()}; look at astronaut_overlay.jpg first.")
    say("Next: prnet reconstruct YOUR_PHOTO.jpg --out results")
    return 0
