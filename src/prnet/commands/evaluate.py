"""Score landmarks, meshes and poses against a test set.

The test set is a folder of photos with .mat files (AFLW2000-3D, 300W-LP), .pts files (300W), .npz
files or one .csv, the labels.npz of prnet label, or another table of landmarks (.npz). What is
scored is our network, or with --predictions the files of any other system. Every number is printed
with points, normaliser and crop.

  sparse-2d       NME of 68 points in x and y, by yaw
  sparse-3d       with z, mean z aligned and raw
  dense-2d/-3d    of all vertices
  reconstruction  3D error over the outer eye corners' distance, after alignment
  pose            mean absolute error of pitch, yaw, roll
  deviations      share of the errors within the deviation told for them, their correlation
  now             writes meshes for the NoW benchmark's own program instead of scoring

With --out: summary.json, images.csv, ced.png, nme_by_yaw.png, worst.jpg, failed.jpg (truth red).

  pip install ".[evaluate]"   (in the checkout)
  prnet evaluate AFLW2000-3D --protocol sparse-2d,pose --out scores/
  prnet evaluate AFLW2000-3D --predictions other_system/ --out other/

exit status: 0 scored, 1 no image could be scored, 2 wrong options or unreadable test set
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from prnet.commands._options import (
    add_finding_arguments,
    add_passes_argument,
    check_no_detector,
    check_not_given,
    finite,
    listed,
    positive,
    reconstructor_of,
)
from prnet.errors import PrnetError
from prnet.evaluation.datasets import Format, open_dataset, with_landmarks, with_yaw
from prnet.evaluation.measures import PROTOCOLS, Settings
from prnet.evaluation.protocols import YAW_EDGES
from prnet.evaluation.samples import Dataset
from prnet.files.results import make_folder

if TYPE_CHECKING:
    from prnet.evaluation.predictions import Predictor
    from prnet.reconstruct import Reconstructor

NOW = "now"
SCORED, NOTHING_SCORED = 0, 1
_OF_NETWORKS = ("device", "crop", "points", "passes", "threads")
_OF_SCORES = (
    *("crop", "points", "predictions", "predictions_origin", "json", "no_plots", "format"),
    *("origin", "landmarks", "yaw", "wrap_yaw", "truth", "held_out", "count", "face_model"),
    *("align", "match", "dense_box", "limit", "yaw_edges"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet evaluate``."""
    add = parser.add_argument
    add("dataset", type=Path, help="the test set's folder or file")
    add(
        "--protocol",
        type=_protocols,
        default=("sparse-2d",),
        metavar="NAME,...",
        help=f"some of {', '.join(PROTOCOLS)}; all of them: all; or {NOW} (default: sparse-2d)",
    )
    add("-o", "--out", type=Path, metavar="DIR", help="folder for files and pictures")
    add("--json", action="store_true", help="print JSON instead of the table")
    add("--no-plots", action="store_true", help="no pictures, no matplotlib")

    data = parser.add_argument_group("test set")
    data.add_argument("--format", choices=get_args(Format), default="auto", help="by default auto")
    data.add_argument(
        "--origin",
        type=int,
        choices=(0, 1),
        help="number of the first pixel in its landmark files (default: 1 in .mat, .pts, else 0)",
    )
    data.add_argument(
        "--landmarks",
        type=Path,
        metavar="NPY",
        help="other true landmarks, (N, 68, 2 or 3) by name; --origin is theirs (default 1)",
    )
    data.add_argument("--yaw", type=Path, metavar="NPY", help="other yaws, (N,) degrees by name")
    data.add_argument(
        "--wrap-yaw",
        action="store_true",
        help="351 degrees of yaw are -9; published numbers leave them in the last bin",
    )
    data.add_argument(
        "--truth",
        choices=("labels", "annotated"),
        default="labels",
        help="of labels: their own landmarks, or those that came with the photos",
    )
    data.add_argument(
        "--held-out",
        action="store_true",
        help="of labels and tables: only photos that training never sees",
    )
    data.add_argument("--count", type=positive, metavar="N", help="only N images, evenly spread")
    data.add_argument(
        "--face-model",
        type=Path,
        metavar="PATH",
        help="for dense truth: the Basel model's folder (.mat), or prnet facemodel's file (labels)",
    )

    system = parser.add_argument_group("what is scored")
    add_finding_arguments(system)
    system.add_argument(
        "--crop",
        choices=("truth", "detector"),
        default="truth",
        help="where the crop comes from: the true landmarks (default) or the detector",
    )
    system.add_argument(
        "--points", choices=("ibug68", "ibug-2d"), default="ibug68", help="ibug-2d: the jaw as seen"
    )
    add_passes_argument(system)
    system.add_argument("--threads", type=positive, default=1, help="of one call; by default 1")
    system.add_argument(
        "--predictions",
        type=Path,
        metavar="DIR",
        help="another system's files NAME_kpt.txt, NAME.pts or NAME.npz instead of our network",
    )
    system.add_argument(
        "--predictions-origin",
        type=int,
        choices=(0, 1),
        help="number of the first pixel in them (default: 1 in .pts, else 0)",
    )

    how = parser.add_argument_group("measures")
    how.add_argument(
        "--align",
        choices=("none", "rigid", "similarity"),
        default="similarity",
        help="of the reconstruction (default: similarity)",
    )
    how.add_argument(
        "--match",
        choices=("known", "icp"),
        default="known",
        help="partners of true points: vertices of the same number (default), or nearest, by ICP",
    )
    how.add_argument(
        "--dense-box",
        choices=("points", "landmarks"),
        default="points",
        help="box that normalises dense errors: of the dense points (default), of the 68 landmarks",
    )
    how.add_argument(
        "--limit",
        type=finite,
        default=7.0,
        metavar="PERCENT",
        help="end of the area under the cumulative curve; above it are failures (default: 7)",
    )
    how.add_argument(
        "--yaw-edges",
        type=_edges,
        default=YAW_EDGES,
        metavar="DEGREES,...",
        help="of |yaw|, between the bins (default: 30,60)",
    )


def run(args: argparse.Namespace) -> int:
    """Score, print, write."""
    if args.protocol == (NOW,):
        check_not_given(args, _OF_SCORES, f"--protocol {NOW}")
        return _write_now(args)
    if args.predictions:
        check_no_detector(args, "--predictions")
        layout = () if args.face_model else ("model",)
        check_not_given(args, (*_OF_NETWORKS, *layout), "--predictions")
    from prnet.evaluation import report
    from prnet.evaluation.plots import require_matplotlib, write_plots
    from prnet.evaluation.run import evaluate

    if args.limit <= 0:
        raise PrnetError(f"expected a limit above 0 per cent, got {args.limit:g}")
    folder = report.results_folder(args.out, args.dataset) if args.out else None
    if folder and not args.no_plots:
        require_matplotlib()
    dataset, predict = _inputs(args)
    if folder:
        report.check_photos_stay(folder, dataset)
    settings = Settings(
        protocols=args.protocol,
        align=args.align,
        match=args.match,
        dense_box=args.dense_box,
        wrap_yaw=args.wrap_yaw,
        limit=args.limit,
        exact=dataset.exact,
        yaw_edges=args.yaw_edges,
    )
    evaluation = evaluate(dataset, predict, settings, progress=_progress())
    print(json.dumps(report.summary(evaluation)) if args.json else report.table(evaluation))
    if folder:
        report.write_json(folder / "summary.json", evaluation)
        report.write_csv(folder / "images.csv", evaluation)
        if not args.no_plots:
            write_plots(folder, evaluation)
    return SCORED if evaluation.any_scored else NOTHING_SCORED


def _inputs(args: argparse.Namespace) -> tuple[Dataset, Predictor]:
    """The test set, with other truth and dense points where asked for, and the system."""
    from prnet.evaluation.measures import NEEDS_DENSE
    from prnet.evaluation.predictions import FolderPredictor

    dataset = open_dataset(
        args.dataset, args.format, origin=args.origin, truth=args.truth, held_out=args.held_out
    )
    if args.landmarks:
        dataset = with_landmarks(dataset, args.landmarks, origin=0 if args.origin == 0 else 1)
    if args.yaw:
        dataset = with_yaw(dataset, args.yaw)
    every = dataset.samples
    dataset = dataset.evenly(args.count) if args.count else dataset
    if args.face_model and NEEDS_DENSE & set(args.protocol):
        from prnet.evaluation.dense import with_dense_truth
        from prnet.layout.uv_layout import UVLayout
        from prnet.network.position_map_network import layout_file

        layout = UVLayout.load(layout_file(args.model))
        dataset = with_dense_truth(dataset, args.face_model, layout=layout, match=args.match)
    if args.predictions:
        return dataset, FolderPredictor(args.predictions, every, origin=args.predictions_origin)
    return dataset, _network(args)


def _network(args: argparse.Namespace) -> Predictor:
    from prnet.evaluation.predictions import NetworkPredictor

    model = f"model {args.model.name}" if args.model else "the package's model"
    words = {"name": f"prnet, {model}, {args.points}", "points": args.points}
    return NetworkPredictor(_reconstructor(args), crop=args.crop, **words)


def _reconstructor(args: argparse.Namespace) -> Reconstructor:
    if args.crop == "truth" and args.protocol != (NOW,):
        check_no_detector(args, "--crop truth")
        args.detector = "none"
    return reconstructor_of(args)


def _write_now(args: argparse.Namespace) -> int:
    from prnet.evaluation.now import write_now_predictions

    if args.out is None:
        raise PrnetError(f"expected --out DIR for --protocol {NOW}, got none")
    out = make_folder(args.out)
    written, failures = write_now_predictions(
        args.dataset, _reconstructor(args), out, progress=_progress()
    )
    for name, reason in failures.items():
        print(f"{name}: {reason}")
    print(f"{out}: {written} meshes with landmarks for NoW's program, {len(failures)} failed")
    return SCORED if written else NOTHING_SCORED


def _progress() -> Callable[[Iterable[Any]], Iterable[Any]]:
    from tqdm import tqdm

    return lambda items: tqdm(items, unit="image", leave=False, disable=None)


def _protocols(text: str) -> tuple[str, ...]:
    if text == "all":
        return PROTOCOLS
    names = listed(text)
    if names == (NOW,) or (names and not set(names) - set(PROTOCOLS)):
        return names
    raise argparse.ArgumentTypeError(
        f"expected some of {','.join(PROTOCOLS)}, all or {NOW}, got '{text}'"
    )


def _edges(text: str) -> tuple[float, ...]:
    edges = tuple(map(finite, text.split(",")))
    if list(edges) != sorted({*edges, 0.0})[1:]:
        raise argparse.ArgumentTypeError(f"expected rising degrees as 30,60, got '{text}'")
    return edges
