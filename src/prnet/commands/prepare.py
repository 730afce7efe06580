"""``prnet prepare``: photos and labels to the arrays that training reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from prnet.commands._options import positive
from prnet.errors import PrnetError
from prnet.files.atomic import all_or_none


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "labels", type=Path, nargs="+", help="labels.npz files, as `prnet label` writes them"
    )
    parser.add_argument(
        "--photos",
        type=Path,
        nargs="+",
        help="folders of the photos or of their zip files (default: the labels' folders)",
    )
    parser.add_argument(
        "--face-model",
        type=Path,
        help="ict.npz, as `prnet facemodel` writes it (default: the package's)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="the prepared folder")
    parser.add_argument(
        "--shards",
        default="0:4",
        help="shards of 2000 out-of-plane views to "
        "render, FIRST:LAST (default %(default)s); existing ones are kept",
    )
    parser.add_argument(
        "--stored-size",
        type=_side,
        help="side of the stored crops, 64 to 2048 pixels (default: 192, for the compact network; "
        "384 for --preset paper-ict, which otherwise enlarges them)",
    )
    parser.add_argument(
        "--full-maps",
        action="store_true",
        help="also write the basis of whole maps that --preset paper-ict needs (115 MB)",
    )
    parser.add_argument(
        "--heads", type=Path, help="folder of textured heads to render (prnet.facemodel.heads)"
    )
    parser.add_argument(
        "--negatives", type=Path, help="folder of photos without faces, for the network to know"
    )
    parser.add_argument(
        "--renders", type=positive, default=4000, help="of the heads (default %(default)s)"
    )


def _side(text: str) -> int:
    if not 64 <= (side := positive(text)) <= 2048:
        raise argparse.ArgumentTypeError(f"expected 64 to 2048 pixels, got '{text}'")
    return side


def run(arguments: argparse.Namespace) -> int:
    from prnet.training.data.made_from import MADE_FROM, check_sources, note_sources
    from prnet.training.data.prepare import STORED_SIZE, prepare, prepare_full_maps
    from prnet.training.data.prepared_files import BASIS, CROPS, FULL_BASIS, NEGATIVES, SAMPLES
    from prnet.training.views.turn import turn_views

    first, last = _shards(arguments.shards)
    labels: list[Path] = arguments.labels
    face_model, size = arguments.face_model, arguments.stored_size
    sources = labels, arguments.photos or [path.parent for path in labels], face_model
    out: Path = arguments.out
    if (out / SAMPLES).exists():
        check_sources(out, labels, face_model, size)
    else:
        size = STORED_SIZE if size is None else size
        with all_or_none(*(out / name for name in (MADE_FROM, BASIS, CROPS, SAMPLES))):
            note_sources(out, labels, face_model)
            kept, labelled = prepare(*sources, out, stored_size=size)
        print(f"{out}: {kept} of {labelled} labelled photos; the rest fit worst, or are not there")
    if arguments.full_maps and not (out / FULL_BASIS).exists():
        prepare_full_maps(labels, face_model, out)
    for shard in range(first, last):
        if not (out / f"turned-{shard:03d}.npz").exists():
            turn_views(*sources, out, shard=shard)
    given = {"heads-000.npz": arguments.heads, NEGATIVES: arguments.negatives}
    for name, folder in given.items():
        if folder and (out / name).exists():
            print(f"{out / name}: kept as it was; delete it for what is in {folder}")
    if arguments.heads and not (out / "heads-000.npz").exists():
        from prnet.training.views.heads import render_heads

        render_heads(arguments.heads, labels, face_model, out, count=arguments.renders)
    if arguments.negatives and not (out / NEGATIVES).exists():
        from prnet.training.data.negatives import prepare_negatives

        prepare_negatives(arguments.negatives, out)
    return 0


def _shards(words: str) -> tuple[int, int]:
    """FIRST:LAST as numbers."""
    first, colon, last = words.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise PrnetError(f"expected --shards FIRST:LAST, such as 0:4, got {words}")
    return int(first), int(last)
