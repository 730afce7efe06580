"""A headless Chromium that looks at the page; tests that need it skip where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import CHROMIUM, QUIET, hosted

from prnet.cli import main


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page that `prnet page` wrote, in a subfolder of a host."""
    folder = tmp_path_factory.mktemp("host")
    assert main(["page", "--out", str(folder / "sub/site")]) == 0
    with hosted(folder) as address:
        yield f"{address}sub/site/"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip)")
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()
