"""The page as static files, for any host: photos and the camera become 3D faces in the browser.

  prnet page --out site
  python -m http.server --directory site        # and open http://localhost:8000

Everything is computed in the browser; no photo leaves it. Links are relative, so a subfolder of a
site will do; once loaded, the page works offline. Opened from the disk, without a host, it does
not: browsers load no modules from there. `prnet serve` is a host of its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prnet.files.atomic import write_bytes
from prnet.files.results import make_folder
from prnet.files.streams import say
from prnet.serve.files import page_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``prnet page``."""
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the page"
    )


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    files = page_files(offline=True)
    folder = make_folder(args.out)
    for name, data in files.items():
        path = folder / name
        make_folder(path.parent)
        write_bytes(path, data)
    megabytes = sum(map(len, files.values())) / 1e6
    say(f"{folder}: {len(files)} files, {megabytes:.1f} MB; open index.html through a web server")
    return 0
