"""How long the page takes, on one WebAssembly thread in headless Chromium: a photo, beside Python
on the same one; the networks' thread with a film of the sample, swaying; the page with a camera
that plays it.

  python benchmarks/page.py

Time on the processor is what other programs do not lengthen much; of the camera it is each
thread's for a frame. The first seconds do not count: V8 compiles WebAssembly twice, quickly first,
then well. Without a GPU, Chromium draws on the cores that the networks need, hence the coarse grid
(`?step=8`), and a run without WebGL beside it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import http.server
import io
import json
import math
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import prnet
from prnet.cli import main as command
from prnet.packaged import SAMPLE_PHOTO

SWITCHES = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    "--enable-unsafe-swiftshader",
)
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
NO_WEBGL = ("--disable-3d-apis",)
PHOTO, FRAMES = 20, 100
WARM, MEASURED = 15, 25  # seconds
WORKER = "renderer, DedicatedWorker"

BEGIN = """
async () => {
  const { ready, ask } = await import("./js/networks.js");
  await ready(() => {});
  await ask("start");
  const bitmap = async (bytes) => createImageBitmap(new Blob(
    [Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))]));
  window.photo = async (bytes) => {
    const start = performance.now(), picture = await bitmap(bytes);
    await ask("photo", { bitmap: picture }, [picture]);
    return performance.now() - start;
  };
  window.film = async ([frames, start]) => {
    for (const [number, bytes] of frames.entries()) {
      const picture = await bitmap(bytes), seconds = start + number / 25;
      await ask("frame", { bitmap: picture, seconds, smooth: true }, [picture]);
    }
  };
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
        film, frames = Path(folder) / "camera.mjpeg", _film()
        film.write_bytes(b"".join(frames))
        address = f"http://127.0.0.1:{server.server_port}"
        with sync_playwright() as playwright:
            for drawn in (False, True):
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=[
                        *(*SWITCHES, *CAMERA, f"--use-file-for-fake-video-capture={film}"),
                        *(() if drawn else NO_WEBGL),
                    ],
                )
                if not drawn:
                    _networks(browser, address, frames)
                print("camera, with the face in 3D:" if drawn else "camera, without WebGL:")
                _live(browser, address)
                browser.close()
        server.shutdown()
    print("load average:", " ".join(f"{load:.1f}" for load in os.getloadavg()))


def _networks(browser: Browser, address: str, frames: list[bytes]) -> None:
    page = browser.new_page()
    page.set_default_timeout(0)
    page.goto(f"{address}/settings.json")
    page.evaluate(BEGIN)
    photo, *film = [
        base64.b64encode(data).decode() for data in (SAMPLE_PHOTO.read_bytes(), *frames)
    ]
    first, *photos = [page.evaluate("photo", photo) for _ in range(PHOTO + 1)]
    print(f"photo 512x512: first {first:.0f} ms, then {_said(photos)}, Python {_said(_python())}")
    page.evaluate("film", [film, 0])
    before = _threads()
    page.evaluate("film", [film, len(film) / 25])
    used = _threads()[WORKER] - before[WORKER]
    page.close()
    print(f"frame 640x480, of 25 a second: {1000 * used / len(film):.1f} ms on the processor")


def _live(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1120})
    page.set_default_timeout(0)
    page.goto(f"{address}/?step=8")
    page.wait_for_selector("body[data-ready]")
    page.click("#camera")
    page.wait_for_selector("body[data-rates]")
    page.wait_for_timeout(1000 * WARM)
    page.click("#record")
    page.wait_for_timeout(1000)
    frames, threads, start = _recorded(page), _threads(), time.perf_counter()
    page.wait_for_timeout(1000 * MEASURED)
    rates = json.loads(page.get_attribute("body", "data-rates") or "")
    taken = {name: seconds - threads.get(name, 0) for name, seconds in _threads().items()}
    count, passed = _recorded(page) - frames, time.perf_counter() - start
    page.close()
    print(f"  640x480: {count / passed:.1f} frames a second, {count} frames")
    print("  ms by the clock:", ", ".join(f"{key} {rates[key]:.0f}" for key in rates))
    print("  ms on the processor, a frame:")
    for name, seconds in sorted(taken.items(), key=lambda item: -item[1]):
        if 1000 * seconds >= count:
            print(f"    {name}: {1000 * seconds / count:.0f}")


def _recorded(page: Page) -> int:
    return int("".join(filter(str.isdigit, page.inner_text("#record"))))


def _threads() -> dict[str, float]:
    """Seconds on the processor so far, of the threads of all Chromiums, by process and name."""
    tick, seconds = os.sysconf("SC_CLK_TCK"), dict[str, float]()
    for file in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            words = (file.parents[2] / "cmdline").read_text().replace("\0", " ").split(" ")
            if "chromium" not in words[0]:
                continue
            kind = next((word[7:] for word in words if word.startswith("--type=")), "browser")
            name, _, fields = file.read_text().partition("(")[2].rpartition(")")
            used = sum(map(int, fields.split()[11:13])) / tick
            seconds[f"{kind}, {name}"] = seconds.get(f"{kind}, {name}", 0) + used
    return seconds


def _said(values: list[float]) -> str:
    return f"{np.median(values):.0f} ({np.percentile(values, 10):.0f})"


def _python() -> list[float]:
    reconstruct, times = prnet.Reconstructor(detector="prnet"), []
    for _ in range(PHOTO):
        start = time.perf_counter()
        reconstruct(SAMPLE_PHOTO)
        times.append(1000 * (time.perf_counter() - start))
    return times


def _film() -> list[bytes]:
    """Frames of the sample, swaying, as JPEG; together they are Motion JPEG."""
    photo = Image.open(SAMPLE_PHOTO).convert("RGB").crop((0, 0, 480, 360)).resize((640, 480))
    frames = []
    for number in range(FRAMES):
        sway = math.sin(2 * math.pi * number / 50)
        way, stream = (round(12 * sway), round(5 * sway)), io.BytesIO()
        photo.rotate(5 * sway, Image.Resampling.BILINEAR, translate=way).save(stream, "JPEG")
        frames.append(stream.getvalue())
    return frames


if __name__ == "__main__":
    main()
