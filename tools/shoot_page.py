"""Pictures of the page in headless Chromium, for docs/page.md and to look at.

  python tools/shoot_page.py --out docs/images

The package's sample photo is in all of them; the camera plays it, swaying. Needs playwright (pip)
and a Chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import argparse
import io
import math
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from chromium import QUIET, hosted

from prnet.cli import main as prnet
from prnet.packaged import SAMPLE_PHOTO

CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
WIDE, NARROW = {"width": 1280, "height": 1120}, {"width": 390, "height": 844}
FRAMES = 60


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, hosted(Path(folder) / "site") as address:
        prnet(["page", "--out", f"{folder}/site"])
        film = Path(folder) / "camera.mjpeg"
        _film(film)
        with sync_playwright() as playwright:
            plain = _browser(playwright, "--use-fake-ui-for-media-stream")
            filmed = _browser(playwright, *CAMERA, f"--use-file-for-fake-video-capture={film}")
            shots: list[tuple[str, Browser, Callable[[Page], None], dict[str, Any]]] = [
                ("page-start", plain, _start, {}),
                ("page", plain, _photo, {}),
                ("page-two", plain, _two, {}),
                ("page-live", filmed, _live, {}),
                ("page-no-face", plain, _no_face, {}),
                ("page-no-camera", plain, _no_camera, {}),
                ("page-narrow", plain, _photo, {"viewport": NARROW}),
                ("page-dark", plain, _dark, {"color_scheme": "dark", "locale": "zh-CN"}),
            ]
            for name, browser, shoot, options in shots:
                page = browser.new_page(**{"viewport": WIDE, **options})
                page.goto(address)
                page.wait_for_selector("body[data-ready]")
                shoot(page)
                page.wait_for_timeout(1500)  # for the last drawing, which is slow without a GPU
                page.screenshot(path=out / f"{name}.jpg", type="jpeg", quality=82)
                page.close()
                print(out / f"{name}.jpg")


def _start(page: Page) -> None:
    del page


def _photo(page: Page) -> None:
    page.click("#sample")
    page.wait_for_selector("body[data-done]")
    page.focus("#face")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.locator("h1").click()


def _two(page: Page) -> None:
    photo = Image.open(SAMPLE_PHOTO).convert("RGB").crop((60, 0, 420, 400))
    both = Image.new("RGB", (720, 400))
    both.paste(photo, (0, 0))
    both.paste(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(18), (360, 0))
    _pick(page, both)
    page.locator("#faces button").nth(1).click()
    page.check("input[name=style][value=shaded]", force=True)
    page.check("input[name=overlay][value=mesh]", force=True)


def _dark(page: Page) -> None:
    _photo(page)
    page.check("input[name=style][value=confidence]", force=True)
    page.check("input[name=overlay][value=confidence]", force=True)


def _live(page: Page) -> None:
    page.click("#camera")
    page.wait_for_selector("body[data-rates]", timeout=60_000)
    page.click("#record")
    page.wait_for_timeout(4000)


def _no_face(page: Page) -> None:
    _pick(page, Image.open(SAMPLE_PHOTO).convert("RGB").crop((250, 150, 512, 400)))


def _no_camera(page: Page) -> None:
    page.click("#camera")


def _pick(page: Page, photo: Image.Image) -> None:
    stream = io.BytesIO()
    photo.save(stream, "PNG")
    file = {"name": "photo.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    page.set_input_files("#file", file)  # type: ignore[arg-type]
    page.wait_for_selector("body[data-done]")


def _film(path: Path) -> None:
    photo = Image.open(SAMPLE_PHOTO).convert("RGB").crop((0, 0, 480, 360)).resize((640, 480))
    with path.open("wb") as file:
        for i in range(FRAMES):
            sway = math.sin(2 * math.pi * i / FRAMES)
            way = round(12 * sway), round(5 * sway)
            moved = photo.rotate(5 * sway, Image.Resampling.BILINEAR, translate=way)
            moved.save(file, "JPEG", quality=92)


def _browser(playwright: Any, *switches: str) -> Browser:
    chromium = shutil.which("chromium")
    args = [*QUIET, "--enable-unsafe-swiftshader", *switches]
    started: Browser = playwright.chromium.launch(executable_path=chromium, args=args)
    return started


if __name__ == "__main__":
    main()
