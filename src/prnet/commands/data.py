"""``prnet data``: checks a data set's folder before training, and says what is missing."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data_set", choices=["300w-lp"], help="which data set")
    parser.add_argument("folder", type=Path, help="its folder (300W_LP)")
    parser.add_argument(
        "--face-model", type=Path, help="also check this folder of the Basel Face Model"
    )
    parser.add_argument(
        "--all", action="store_true", help="open every file, not 100 of each subset"
    )


def run(args: argparse.Namespace) -> int:
    """0 when nothing is missing, else 1."""
    from prnet.errors import PrnetError
    from prnet.facemodel.basel import BaselFaceModel
    from prnet.training.data.lp300w_check import check_folder

    report = check_folder(args.folder, opened_per_subset=None if args.all else 100)
    problems = report.problems
    for line in report.lines:
        print(line)
    if args.face_model is not None:
        try:
            model = BaselFaceModel.load(args.face_model)
        except PrnetError as error:
            problems = [*problems, str(error)]
        else:
            print(
                f"{args.face_model}: {len(model.mean)} vertices, {len(model.triangles)} triangles, "
                f"{model.shape_modes} + {model.expression_modes} modes"
            )
    for problem in problems:
        print(f"missing: {problem}")
    return 1 if problems else 0
