"""The site of ``mkdocs.yml``: it builds strictly, and in what was built no link leads nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import prnet

ROOT = Path(__file__).parents[1]


class _Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(package, reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stderr
    return folder


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    pages = {path: _Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 25
    for page, read in pages.items():
        for target in read.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (
                Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
            )
            assert there.exists(), f"{page.name}: {target}"
            if parts.fragment and there.suffix == ".html":
                anchors = pages[there].anchors
                assert unquote(parts.fragment) in anchors, f"{page.name}: {target}"


def test_files_beside_the_documents_come_along(site: Path) -> None:
    start = _Page(site / "index.html").targets
    assert {"files/LICENSE.txt", "examples.html", "model-card.html"} <= set(start)
    assert (site / "files/LICENSE.txt").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert "MIT" in (site / "files/LICENSE.txt").read_text(encoding="utf-8")
    for name in ("index", "reference", "gallery"):
        assert ".md</a>" not in (site / f"{name}.html").read_text(encoding="utf-8")


def test_reference_explains_the_public_names(site: Path) -> None:
    html = (site / "reference.html").read_text(encoding="utf-8")
    assert "Finds and reconstructs the faces of an image" in html
    assert not re.search(r":(class|mod|func|meth):", html)


def test_reference_has_every_public_name() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: prnet\.(\w+)$", text, re.MULTILINE)) == prnet.__all__
