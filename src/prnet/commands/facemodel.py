"""The user's face model -> the one ``.npz`` that labelling reads, and from it the expression model.

prnet facemodel ict ICT-FaceKit/FaceXModel --out ict.npz
prnet facemodel expression ict.npz --out expression.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind",
        choices=["ict", "expression"],
        help="ict: ICT-FaceKit's OBJ files -> face model; "
        "expression: face model -> model for prnet reconstruct --expression-model",
    )
    parser.add_argument(
        "source", type=Path, help="ict: folder of OBJ files (FaceXModel); expression: ict.npz"
    )
    parser.add_argument(
        "-o", "--out", type=Path, help="file to write (default: ict.npz or expression.npz)"
    )


def run(args: argparse.Namespace) -> int:
    out = args.out or Path(f"{args.kind}.npz")
    if args.kind == "ict":
        _write_face_model(args.source, out)
    else:
        _write_expression_model(args.source, out)
    return 0


def _write_face_model(folder: Path, out: Path) -> None:
    from prnet.facemodel.ict_facekit import read_face_model

    model = read_face_model(folder)
    model.save(out)
    print(
        f"{out}: {len(model.neutral)} vertices, {len(model.identity)} identity modes, "
        f"{len(model.expression)} expressions"
    )


def _write_expression_model(face_model: Path, out: Path) -> None:
    from prnet.facemodel.at_points import expression_model
    from prnet.facemodel.morphable import MorphableModel

    model = expression_model(MorphableModel.load(face_model))
    model.save(out)
    print(
        f"{out}: {len(model.pixels)} pixels, {model.basis.identities} identity modes, "
        f"{len(model.basis.expression_names)} expressions, {out.stat().st_size / 1e6:.1f} MB"
    )
