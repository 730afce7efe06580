"""Photos -> 3D faces.

Every face of every photo gets a mesh with vertex colours, 68 landmarks and a pose; every photo
with a face gets an overlay picture to look at. Files are called after the photo: NAME.obj, or
NAME_0.obj, NAME_1.obj (largest face first) when there are several. Where results of two photos
would get one name, photos keep their suffix (NAME_jpg.obj, NAME_png.obj).

exit status:
  0  every photo could be read, and there was a face in at least one
  1  some photo could not be read, its results not be written, or a given box lies beside it; the
     others were done
  2  wrong options, or no photos, no model, no place for the results: nothing was done; or a full
     disk, which ends it (--skip-existing goes on)
  3  no photo had a face
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict, fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from prnet.appearance.texture import TEXTURE_SIZE
from prnet.bulk.photos import NamedPhoto, PhotoResult, PhotoWork, find_photos, lost
from prnet.bulk.progress import progress, tell_stopped
from prnet.bulk.workers import spread
from prnet.commands._options import (
    add_choosing_arguments,
    add_finding_arguments,
    add_passes_argument,
    add_workers_argument,
    check_no_detector,
    parsed_box,
    positive,
    pupils_apart,
    reconstructor_of,
    some_of,
)
from prnet.errors import PrnetError
from prnet.facemodel.expression import ExpressionModel
from prnet.files.image import MAX_PIXELS
from prnet.files.inputs import STANDARD_INPUT, list_files
from prnet.files.keep import keep_files
from prnet.files.results import make_folder
from prnet.files.streams import say
from prnet.formats.landmarks import read_points
from prnet.formats.output import PoseChoice, SaveOptions
from prnet.formats.surface import Topology
from prnet.formats.table import NEEDS, SUMMARIES, in_millimetres
from prnet.geometry.camera import Pose
from prnet.layout.openings import Openings
from prnet.reconstruct import MIN_PRESENCE

DEFAULT_SAVE = ("obj", "landmarks", "pose", "overlay")

ALL_WELL, SOME_FAILED, NOTHING_DONE, NO_FACE = 0, 1, 2, 3

MANY = 50
"""More photos than these are told of by a line of progress, not by lines for each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet reconstruct``."""
    add = parser.add_argument
    add(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="photo, folder of photos, pattern, @FILE (a list of such, a line each), - (a list, or "
        "a photo, on standard input)",
    )
    add("-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add(
        "--recursive",
        action="store_true",
        help="photos in the subfolders of folders, too; results go into such subfolders of DIR",
    )
    add(
        "--skip-existing",
        action="store_true",
        help="leave out photos whose files are all there, and not older than the photo",
    )
    add_workers_argument(parser)
    kinds = "; ".join(f"{name}: {summary}" for name, summary in SUMMARIES.items())
    add(
        "--save",
        type=partial(some_of, known=SUMMARIES),
        default=DEFAULT_SAVE,
        metavar="KIND,...",
        help=f"what to save, by default {','.join(DEFAULT_SAVE)}. {kinds}",
    )
    add("--texture-size", type=positive, metavar="N", help=f"by default {TEXTURE_SIZE}")
    add(
        "--texture-fill",
        action=argparse.BooleanOptionalAction,
        help="hidden parts of textures from the mirrored half; by default in meshes only",
    )
    add(
        "--pose",
        choices=get_args(PoseChoice),
        help="remove: meshes look straight ahead, in millimetres (GLB always in metres)",
    )
    add(
        "--openings",
        choices=get_args(Openings),
        help="open: meshes have holes at eyes and mouth; by default closed",
    )
    add("--triangles", type=positive, metavar="N", help="simplify meshes to about N triangles")
    add(
        "--topology",
        choices=get_args(Topology),
        help="quads, game: meshes of about 12,000 and 3,000 quads along the UV grid",
    )
    add(
        "--scale-by",
        type=pupils_apart,
        metavar="MM",
        help="the distance of the pupils, by which meshes are scaled; by default the mean face's",
    )
    add(
        "--depth-crop",
        type=positive,
        metavar="N",
        help="depth and normals of the face's crop at N x N pixels, not of the whole photo",
    )
    add(
        "--expression-model",
        type=Path,
        metavar="FILE",
        help="what prnet facemodel expression wrote; also saves expression",
    )
    add_finding_arguments(parser)
    add_choosing_arguments(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--box",
        type=parsed_box,
        action="append",
        metavar="X0,Y0,X1,Y1",
        help="face box in pixels, brows to chin and ear to ear, instead of a detector; "
        "once for each face",
    )
    where.add_argument(
        "--landmarks",
        type=Path,
        action="append",
        metavar="FILE",
        help="68 points in pixels (.txt: rows of x y [z], .pts, .csv and .npz as --save writes "
        "them), instead of a detector; once for each face",
    )
    add_passes_argument(parser)
    add("--max-pixels", type=positive, default=MAX_PIXELS, help=f"by default {MAX_PIXELS}")
    add("--threads", type=positive, default=1, help="of one call; by default 1")
    add("--json", action="store_true", help="one JSON line for each photo and one summary")


def run(args: argparse.Namespace) -> int:
    """Reconstruct every photo; one bad photo never stops the others."""
    if args.box or args.landmarks:
        check_no_detector(args, "--box" if args.box else "--landmarks")
    given = args.landmarks
    landmarks = [read_points(path)["landmarks"] for path in given] if given else None
    reconstruct = reconstructor_of(args)
    options = _save_options(args)
    save = _with_expression(args.save, options)
    if options.scale_by is not None and not any(in_millimetres(kind, options) for kind in save):
        raise PrnetError(
            "expected --pose remove, or glb, stl-relief or json among --save, for --scale-by, "
            f"got {','.join(save)} in pixels"
        )
    if "confidence" in save and not reconstruct.network.judges:
        network = reconstruct.network.path
        raise PrnetError(
            f"expected a network that judges itself for --save confidence, got {network}"
        )
    folder = make_folder(args.out)
    work = PhotoWork(
        reconstruct,
        folder,
        save,
        options,
        boxes=args.box,
        landmarks=landmarks,
        skip_existing=args.skip_existing,
        debug=args.debug,
    )
    failures, photos = find_photos(args.photos, recursive=args.recursive, results=folder, save=save)
    counts = _done(failures, photos, work, args)
    return _summarise(counts, len(photos), folder, as_json=args.json)


def _done(
    failures: list[PhotoResult],
    photos: list[NamedPhoto],
    work: PhotoWork,
    args: argparse.Namespace,
) -> Counter[str]:
    """How many inputs there are of each status, and faces; each is told when it is done."""
    paths, counts = [photo.path for photo in photos], Counter[str]()
    kept = [*paths, *list_files(args.photos)]
    workers = 1 if STANDARD_INPUT in paths else min(args.workers, max(len(paths), 1))
    few = len(photos) <= MANY
    with keep_files(kept), progress("photo", len(paths), quiet=len(paths) < 2) as bar:
        done = spread(work, photos, workers=workers, lost=lost)
        try:
            for result in chain(failures, done):
                _tell(result, as_json=args.json, few=few)
                counts.update([result.status], faces=len(result.faces))
                bar.add(faces=len(result.faces), failed=result.status == "failed")
        except KeyboardInterrupt:
            tell_stopped("reconstruct", bar.done, len(paths))
            raise
    return counts


def _save_options(args: argparse.Namespace) -> SaveOptions:
    """Those that were given, the expression model loaded."""
    names = {field.name for field in fields(SaveOptions)}
    given = {key: value for key, value in vars(args).items() if key in names and value is not None}
    if args.expression_model is not None:
        given["expression_model"] = ExpressionModel.load(args.expression_model)
    return SaveOptions(**given)


def _with_expression(kinds: tuple[str, ...], options: SaveOptions) -> tuple[str, ...]:
    """``kinds``, and ``expression`` where its model was given."""
    if options.expression_model is not None and "expression" not in kinds:
        kinds = (*kinds, "expression")
    for kind in kinds:
        for option in NEEDS.get(kind, ()):
            if getattr(options, option) is None:
                name = option.replace("_", "-")
                raise PrnetError(f"expected --{name} FILE to save {kind}, got none")
    return kinds


def _tell(result: PhotoResult, *, as_json: bool, few: bool) -> None:
    """One line or more; of many photos for those alone that failed."""
    if as_json:
        say(json.dumps(asdict(result)))
        return
    if result.status == "failed":
        say(f"prnet reconstruct: {result.error}", error=True)
    if not few:
        return
    if result.status == "skipped":
        say(f"{result.file}: done before")
    elif result.status == "no_face":
        say(f"{result.file}: no face found")
    else:
        for face in result.faces:
            angles = ", ".join(f"{name} {face['pose'][name]:.1f}" for name in Pose._fields)
            say(f"{result.file}: {angles}{_doubt(face)}{_listed(face['files'])}")
        if result.files:
            say(f"{result.file}{_listed(result.files)}")


def _doubt(face: dict[str, Any]) -> str:
    """Of faces that only a given place, or a low ``--min-presence``, lets stand."""
    presence = face["presence"]
    unsure = presence is not None and presence < MIN_PRESENCE
    return f", presence {presence:.2f}: perhaps no face" if unsure else ""


def _listed(files: dict[str, str]) -> str:
    names = ", ".join(Path(path).name for path in files.values())
    return f" -> {names}" if names else ""


def _summarise(counts: Counter[str], photos: int, folder: Path, *, as_json: bool) -> int:
    count = {
        "photos": photos,
        "faces": counts["faces"],
        "without_face": counts["no_face"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
    }
    well = count["faces"] or count["skipped"]
    status = SOME_FAILED if count["failed"] else ALL_WELL if well else NO_FACE
    status = status if photos else NOTHING_DONE
    if as_json:
        say(json.dumps({"summary": {**count, "exit_status": status}}))
    elif photos:
        before = f", done before: {count['skipped']}" if count["skipped"] else ""
        where = f"; results in {folder}" if well else ""
        say(
            f"photos given: {count['photos']}, faces: {count['faces']}, without a face: "
            f"{count['without_face']}, failed: {count['failed']}{before}{where}"
        )
    return status
