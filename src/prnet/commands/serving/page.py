"""The page as static files, for any host: photos and the camera become 3D faces in the browser.

  prnet page --out site
  python -m http.server --directory site        # and open http://localhost:8000

Everything is computed in the browser; no photo leaves it. Links are relative, so a subfolder of a
site will do; once loaded, the page works offline. Opened from the disk, without a host, it does
not: browsers load no modules from there. `prnet serve` is a host of its own. Files of another
hand are not written over; a page of ours, of an earlier version too, is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prnet.errors import PrnetError
from prnet.files.atomic import write_bytes
from prnet.files.results import make_folder
from prnet.files.streams import say
from prnet.serve.files import foreign_files, page_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet page``."""
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the page"
    )


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    files, folder = page_files(offline=True), args.out
    if foreign := foreign_files(folder, files):
        raise PrnetError(
            f"{folder}: expected a new folder or a page of ours, unchanged, "
            f"got another {', '.join(foreign[:3])}"
        )
    make_folder(folder)
    for name, data in files.items():
        path = folder / name
        make_folder(path.parent)
        write_bytes(path, data)
    megabytes = sum(map(len, files.values())) / 1e6
    say(f"{folder}: {len(files)} files, {megabytes:.1f} MB; open index.html through a web server")
    return 0
