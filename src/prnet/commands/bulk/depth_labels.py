"""Photos -> pseudo depth, as the training of face anti-spoofing networks reads it.

  prnet depth-labels frames/ --out labels --format cdcn --spoof-list spoofs.txt

The largest face of every photo in DIR and its subfolders. cdcn: for CDCN and kin, NAME_scene.jpg
(the photo), NAME_scene.dat (left, top, width, height), NAME_depth1D.jpg (8-bit depth of the whole
photo, 1 farthest to 255 nearest, 0 where no face is). rfmeta: depth/NAME_depth.jpg, and the lists
image_list_real.txt and image_list_fake.txt. npy32: NAME.npy, (32, 32) float32 of the face's square,
0 to 1. Labels of spoofs are zeros.

exit status:
  0  every photo could be read, and there was a face in at least one
  1  some photo could not be read or its labels not be written; the others were done
  2  wrong options, or no model, or no place for the results: nothing was done; or a full disk,
     which ends it (--skip-existing goes on)
  3  no photo had a face
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from prnet.bulk.depth_labels import (
    DEPTH_FORMATS,
    DepthLabelWork,
    SpoofList,
    named_frames,
    write_fake_depth,
    write_lists,
)
from prnet.bulk.photos import lost
from prnet.bulk.progress import progress, tell_stopped
from prnet.bulk.workers import spread
from prnet.commands._options import (
    add_finding_arguments,
    add_workers_argument,
    positive,
    reconstructor_of,
    share,
)
from prnet.commands.reconstruct import ALL_WELL, NO_FACE, SOME_FAILED
from prnet.errors import PrnetError
from prnet.files.image import MAX_PIXELS
from prnet.files.inputs import find_inputs
from prnet.files.keep import keep_files
from prnet.files.results import make_folder
from prnet.files.streams import say
from prnet.reconstruct import MIN_PRESENCE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet depth-labels``."""
    add = parser.add_argument
    add("photos", type=Path, metavar="DIR", help="folder of frames, in subfolders or not")
    add("-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the labels")
    add("--format", choices=DEPTH_FORMATS, required=True, help="whose loader reads them")
    add(
        "--spoof-list",
        type=Path,
        metavar="FILE",
        help="names of spoofs, a line each: photos, folders, films that frames FILM_NUMBER are of; "
        "OULU-NPU's protocols (-1,NAME) as they are",
    )
    add("--skip-existing", action="store_true", help="leave out photos whose labels are all there")
    add_workers_argument(parser)
    add_finding_arguments(parser)
    add("--min-presence", type=share, default=MIN_PRESENCE, metavar="P", help="as in reconstruct")
    add("--max-pixels", type=positive, default=MAX_PIXELS, help=f"by default {MAX_PIXELS}")
    parser.set_defaults(max_faces=1)


def run(args: argparse.Namespace) -> int:
    """Label every photo; one bad photo never stops the others."""
    reconstruct = reconstructor_of(args)
    if not args.photos.is_dir():
        raise PrnetError(f"{args.photos}: expected a folder of photos, got none")
    spoofs = None if args.spoof_list is None else SpoofList(args.spoof_list)
    found = find_inputs([args.photos], recursive=True, results=args.out)
    frames = named_frames(found, spoofs, args.out, args.format)
    if spoofs is not None and spoofs.unused:
        _tell_unused(args, spoofs, any(frame.spoof for frame in frames))
    folder = make_folder(args.out)
    work = DepthLabelWork(reconstruct, folder, args.format, args.skip_existing, args.debug)
    workers = min(args.workers, len(frames))
    counts, done = Counter[str](), []
    if args.format == "rfmeta":
        write_fake_depth(folder)
    with keep_files(frame.path for frame in frames), progress("photo", len(frames)) as bar:
        results = spread(work, frames, workers=workers, lost=lost)
        try:
            for frame, result in zip(frames, results, strict=True):
                if result.status == "failed":
                    say(f"prnet depth-labels: {result.error}", error=True)
                if result.status in ("ok", "skipped"):
                    done.append(frame)
                counts[result.status] += 1
                bar.add(faces=result.status == "ok", failed=result.status == "failed")
        except KeyboardInterrupt:
            tell_stopped("depth-labels", bar.done, len(frames))
            raise
    if args.format == "rfmeta":
        write_lists(folder, done)
    where = f"; labels in {folder}" if done else ""
    say(
        f"photos: {len(frames)}, labelled: {counts['ok']}, of them spoofs: "
        f"{sum(frame.spoof for frame in done)}, done before: {counts['skipped']}, without a face: "
        f"{counts['no_face']}, failed: {counts['failed']}{where}"
    )
    return SOME_FAILED if counts["failed"] else ALL_WELL if done else NO_FACE


def _tell_unused(args: argparse.Namespace, spoofs: SpoofList, some: bool) -> None:
    """A list may be of more than is there; one of nothing that is there is the wrong one."""
    first = min(spoofs.unused)
    if not some:
        raise PrnetError(
            f"{args.spoof_list}: expected names of photos or folders below {args.photos}, got "
            f"'{first}' and others that are none"
        )
    count = len(spoofs.unused)
    names = f"{count} names, '{first}' say, are" if count > 1 else f"the name '{first}' is"
    told = f"{args.spoof_list}: {names} of nothing below {args.photos}"
    say(f"prnet depth-labels: {told}", error=True)
