"""Photos -> labels to train on.

Finds MediaPipe's 468 face points in every photo (the most prominent face), fits the face model to
them and writes, to the output folder:

  labels.npz    camera, identity and expression of each photo, with an error for each
  skipped.csv   the photos that were unreadable, without a face, or badly fitted, and why
  sheets/       contact sheets to look at: detected points red, landmarks of the fitted face green

An interrupted run goes on where it was when the command is given again.

  pip install ".[label]"   (in the checkout)
  prnet label PHOTOS --out labels/
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from prnet.commands._options import finite, positive
from prnet.facemodel.labels import LABELS_FILE

if TYPE_CHECKING:
    from prnet.training.labels.labelling import Labelled

SHEET_TILES = 25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", type=Path, help="folder of photos, with subfolders and zip files")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--face-model",
        type=Path,
        help="what prnet facemodel wrote (default: the package's, which is the same model)",
    )
    parser.add_argument(
        "--landmarks",
        type=Path,
        metavar="NPZ",
        help="files (N,) with landmarks68 (N,68,2), fitted too, and alone where the head is turned "
        "beyond 30 degrees, or with landmarks468 (N,468,2), fitted instead of detecting; image "
        "pixels; perhaps person (N,), whose photos share their head's shape",
    )
    parser.add_argument(
        "--task",
        type=Path,
        help="a face_landmarker.task file, for mediapipe newer than 0.10.21",
    )
    parser.add_argument("--processes", type=positive, default=2, help="(default: %(default)s)")
    parser.add_argument(
        "--max-fit-error",
        type=finite,
        default=0.02,
        help="reject worse fits: mean distance over sqrt(w*h) of the points' box "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--max-spread",
        type=finite,
        default=0.02,
        help="reject photos whose detections disagree more, same unit (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    from prnet.training.labels.labeller import LabelSettings, Sources
    from prnet.training.labels.labelling import SHEETS, label_photos

    sources = Sources(args.photos, args.face_model, args.landmarks, args.task)
    settings = LabelSettings(max_fit_error=args.max_fit_error, max_spread=args.max_spread)
    labelled = label_photos(sources, args.out, settings=settings, processes=args.processes)
    _write_skipped(args.out / "skipped.csv", labelled.skipped)
    _write_sheets(args.photos, args.out / SHEETS, labelled)
    errors = labelled.labels["fit_error"]
    print(
        f"{args.out / LABELS_FILE}: {len(errors)} photos labelled, "
        f"{len(labelled.skipped)} skipped (skipped.csv); mean fit error {errors.mean():.2%} "
        f"of the points' box"
    )
    return 0


def _write_skipped(path: Path, skipped: list[tuple[str, str]]) -> None:
    from prnet.files.atomic import write_bytes

    text = io.StringIO()
    csv.writer(text).writerows([("file", "reason"), *skipped])
    write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _write_sheets(photos: Path, folder: Path, labelled: Labelled) -> None:
    """``sample.jpg`` (spread over all photos), ``worst.jpg`` and ``rejected.jpg``."""
    import numpy as np

    from prnet.appearance.contact_sheet import Picture, chosen_rows, contact_sheet
    from prnet.files.image import save_image
    from prnet.files.photos import PhotoStore

    store, labels = PhotoStore(photos), labelled.labels

    def picture(row: int) -> Picture:
        name, error = str(labels["files"][row]), labels["fit_error"][row]
        caption = f"{error:.1%} {Path(name).name}"
        points = labelled.points[row]
        known = points if np.isfinite(points).all() else None
        return store[name], caption, known, labels["landmarks68"][row]

    sample, worst = chosen_rows(labels["fit_error"], SHEET_TILES)
    rejected = [pair for pair in labelled.skipped if not pair[1].startswith("unreadable")]
    sheets: dict[str, list[Picture]] = {
        "sample": [picture(row) for row in sample],
        "worst": [picture(row) for row in worst],
        "rejected": [(store[name], why, None, None) for name, why in rejected[:SHEET_TILES]],
    }
    for name, pictures in sheets.items():
        if pictures:
            save_image(folder / f"{name}.jpg", contact_sheet(pictures))
