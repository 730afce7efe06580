"""``prnet facemodel``: a face model's own files -> the one ``.npz`` that labelling reads."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", choices=["ict"], help="which face model: ict = ICT-FaceKit")
    parser.add_argument("folder", type=Path, help="its folder of OBJ files (FaceXModel)")
    parser.add_argument(
        "--out", type=Path, default=Path("ict.npz"), help="file to write (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    from prnet.files import write_atomically
    from prnet.training.ict_facekit import read_face_model

    model = read_face_model(args.folder)
    with write_atomically(args.out) as temporary:
        model.save(temporary)
    print(
        f"{args.out}: {len(model.neutral)} vertices, {len(model.identity)} identity modes, "
        f"{len(model.expression)} expressions"
    )
    return 0
