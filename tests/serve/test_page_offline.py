"""The page's service worker: without its host, and beside what else comes to its address."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import hosted

from prnet.cli import main

PATIENCE = 150_000
NEWER = """
async () => {
  while (!(await caches.keys()).some((name) => name.startsWith("prnet-0"))
    || (await navigator.serviceWorker.getRegistration()).installing) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and where it is served."""
    with hosted(tmp_path) as address:
        yield tmp_path, address


def _kept(context: Any, address: str) -> Any:
    """The page at this address, kept by its service worker."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    return page


def test_it_works_offline_once_loaded(browser: Any, site: str) -> None:
    context = browser.new_context()
    page = _kept(context, site)
    context.set_offline(True)
    page.goto(f"{site}?lang=en")
    page.wait_for_selector("body[data-ready]")
    page.click("#sample")
    page.locator("#status", has_text="1 face found").wait_for()
    context.close()


def test_another_program_at_its_address_is_seen(browser: Any, host: tuple[Path, str]) -> None:
    """As on localhost, where everything is served at port 8000: files of one name, too."""
    folder, address = host
    assert main(["page", "--out", str(folder)]) == 0
    tomorrow = time.time() + 86_400  # a file of before the browser takes for fresh for a while
    for name in ("index.html", "style.css"):
        os.utime(folder / name, (tomorrow, tomorrow))
    context = browser.new_context()
    page = _kept(context, address)
    (folder / "sw.js").unlink()
    (folder / "index.html").write_text("<title>another</title><link rel=stylesheet href=style.css>")
    (folder / "style.css").write_text("title { color: #010203; display: block }")
    for name in ("index.html", "style.css"):
        os.utime(folder / name, (tomorrow + 9, tomorrow + 9))
    page.goto(address)
    assert page.title() == "another"
    color = page.evaluate("getComputedStyle(document.querySelector('title')).color")
    assert color == "rgb(1, 2, 3)"
    assert page.evaluate("async () => (await caches.keys()).length") == 0
    context.close()


def test_a_newer_page_is_seen_at_once_and_kept(browser: Any, host: tuple[Path, str]) -> None:
    """With none of the earlier one's files, though the browser takes the old ones for fresh."""
    folder, address = host
    assert main(["page", "--out", str(folder)]) == 0
    html, style, worker = (folder / name for name in ("index.html", "style.css", "sw.js"))
    os.utime(style, (0, 0))
    context = browser.new_context()
    page = _kept(context, address)
    html.write_text(html.read_text().replace("<h1>prnet", "<h1>newer"))
    style.write_text(style.read_text() + "h1 { color: #010203 }")
    worker.write_text(worker.read_text().replace('VERSION = "prnet-', 'VERSION = "prnet-0'))
    page = _kept(context, address)
    assert page.inner_text("h1") == "newer"
    page.evaluate(NEWER)
    context.set_offline(True)
    page.goto(address)
    assert page.inner_text("h1") == "newer"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
    context.close()
