"""What the documents name exists: files, links, commands, options. The rooms' picture is new."""

from __future__ import annotations

import argparse
import ast
import builtins
import json
import re
from pathlib import Path

import draw_rooms
import pytest
from PIL import Image

from prnet.cli import COMMANDS, _parser

ROOT = Path(__file__).parents[1]
PLACES = (ROOT, ROOT / "src", ROOT / "src" / "prnet")
"""What a path in a document may be relative to, besides the document's own folder."""

FOLDERS = ("benchmarks", "docs", "examples", "src", "tests", "tools", "prnet", ".github", ".ci")
"""Paths that begin so are ours, as are those that begin with a room of the package."""

ROOMS = tuple(path.name for path in (ROOT / "src" / "prnet").iterdir() if path.is_dir())

DOCUMENTS = sorted(
    path
    for folder in (".", "docs", ".github", "src/prnet/data", "src/prnet/data/sample")
    for path in (ROOT / folder).glob("*.md")
)
SOURCES = sorted(
    path for name in ("src", "tools", "benchmarks") for path in (ROOT / name).rglob("*.py")
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, heading = target.partition("#")
            linked = document.parent / path if path else document
            assert linked.exists(), target
            assert not heading or heading in _headings(linked), target


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *SOURCES], ids=lambda path: str(path.relative_to(ROOT))
)
def test_named_files_exist(document: Path) -> None:
    """In prose, commands and docstrings."""
    ours = FOLDERS if document.suffix == ".py" else (*FOLDERS, *ROOMS)
    text = document.read_text(encoding="utf-8")
    for path in re.findall(r"(?<![\w/.*-])[\w.-]+(?:/[\w.-]+)+", text):
        path = path.rstrip(".")
        if path.split("/")[0] in ours and path.split("/")[-1].count(".") and "NAME" not in path:
            assert any((place / path).exists() for place in (*PLACES, document.parent)), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_programs_import_what_they_use(document: Path) -> None:
    for program in re.findall(r"```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL):
        tree = ast.parse(program)
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        known = {(to.asname or to.name).split(".")[0] for node in imports for to in node.names}
        known |= {node.id for node in names if isinstance(node.ctx, ast.Store)} | set(dir(builtins))
        assert {node.id for node in names} <= known, program


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for command in re.findall(r"(?:`|^    |&& )prnet ([a-z][\w-]*)", text, re.MULTILINE):
        assert command in COMMANDS, command
    known = _options() | set(re.findall(r'"(--[a-z][\w-]*)"', _sources()))
    for line in text.splitlines():
        if not re.search(r"pip|npm|torchrun|checkout|ruff|mkdocs", line):
            for option in re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", line):
                assert option in known, f"{option}: {line.strip()}"


def _headings(document: Path) -> set[str]:
    """Of Markdown, as links name them on GitHub and on the site."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-") for title in titles}


def _options() -> set[str]:
    found = {"--help", "--version"}
    for name in COMMANDS:
        waiting: list[argparse.ArgumentParser] = [_parser(name)]
        while waiting:
            for action in waiting.pop()._actions:
                found.update(action.option_strings)
                if isinstance(action, argparse._SubParsersAction):
                    waiting.extend(action.choices.values())
    return found


def _sources() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in SOURCES)


def test_the_picture_of_the_rooms_shows_todays_imports() -> None:
    with Image.open(ROOT / "docs" / "images" / "rooms.png") as picture:
        drawn = json.loads(picture.info["Arrows"])
    today = [list(arrow) for arrow in draw_rooms.arrows(draw_rooms.needs())]
    assert drawn == today, "python tools/draw_rooms.py --out docs/images/rooms.png"
