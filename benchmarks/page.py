"""How long the page takes: a photo, and a film's frames, on one WebAssembly thread in headless
Chromium. Milliseconds, median and quickest tenth; beside them Python's on the same photo.

  python benchmarks/page.py

Nothing is drawn meanwhile: without a GPU, Chromium draws on the cores that the networks need. Of
the film the last 100 frames count: V8 compiles WebAssembly twice, quickly first, then well.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import io
import math
import os
import shutil
import tempfile
import threading
import time
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import prnet
from prnet.cli import main as command
from prnet.packaged import SAMPLE_PHOTO

SWITCHES = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking")
PHOTO, FRAMES = 20, 300

RUN = """
async ([photo, frames, times]) => {
  const { ready, ask } = await import("./js/networks.js");
  await ready(() => {});
  const bitmap = async (bytes) => createImageBitmap(new Blob(
    [Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))]));
  const photos = [], film = [];
  const time = async () => {
    const start = performance.now(), picture = await bitmap(photo);
    await ask("photo", { bitmap: picture }, [picture]);
    return performance.now() - start;
  };
  const first = await time();
  await ask("start");
  for (const [number, frame] of frames.entries()) {
    const picture = await bitmap(frame);
    const given = { bitmap: picture, seconds: number / 25, smooth: true };
    film.push((await ask("frame", given, [picture])).times);
  }
  for (let i = 0; i < times; i++) photos.push(await time());
  return [first, photos, film.slice(-100)];
}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command(["page", "--out", folder])
        handler = functools.partial(_Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(SWITCHES)
            )
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/settings.json")
            photo = base64.b64encode(SAMPLE_PHOTO.read_bytes()).decode()
            first, photos, film = page.evaluate(RUN, [photo, _film(), PHOTO])
            browser.close()
        server.shutdown()
    print(f"photo 512x512: first {first:.0f}, then {_said(photos)}, Python {_said(_python())}")
    print(f"film 640x480, {len(film)} frames:")
    for name in ("read", "detect", "crop", "network", "steady", "total"):
        values = [frame[name] for frame in film if frame[name] > 0]
        print(f"  {name}: {_said(values)}, in {len(values)} frames")
    print("load average:", " ".join(f"{load:.1f}" for load in os.getloadavg()))


def _said(values: list[float]) -> str:
    return f"{np.median(values):.0f} ({np.percentile(values, 10):.0f})"


def _python() -> list[float]:
    reconstruct, times = prnet.Reconstructor(detector="prnet"), []
    for _ in range(PHOTO):
        start = time.perf_counter()
        reconstruct(SAMPLE_PHOTO)
        times.append(1000 * (time.perf_counter() - start))
    return times


def _film() -> list[str]:
    """The sample, swaying."""
    photo = Image.open(SAMPLE_PHOTO).convert("RGB").crop((0, 0, 480, 360)).resize((640, 480))
    frames = []
    for number in range(FRAMES):
        sway = math.sin(number / 8)
        way = round(12 * sway), round(5 * sway)
        stream = io.BytesIO()
        photo.rotate(5 * sway, Image.Resampling.BILINEAR, translate=way).save(stream, "JPEG")
        frames.append(base64.b64encode(stream.getvalue()).decode())
    return frames


if __name__ == "__main__":
    main()
