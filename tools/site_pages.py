"""Hooks of ``mkdocs.yml``: files outside docs/ become pages, and links between all of them hold.

In the sources, links are those of the repository, so that they work there as well. What a page
links to and is no page itself (LICENSE, a notebook) comes along under files/.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

PAGES = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "examples": "examples.md",
    "src/prnet/data/MODEL_CARD.md": "model-card.md",
    "src/prnet/data/LICENSE-WEIGHTS.md": "weights-licence.md",
}
"""In the repository -> in the site."""

_NAME = re.compile(r"(?<=\[)[\w./-]+\.md(?=\]\(([^)\s#:]+)\))")
_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")
_ROLE = re.compile(r":(?:class|mod|func|meth|data|attr):(?=<code>)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of PAGES and the files that any page links to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=_text(ROOT / source)))
    sources = [*DOCS.glob("*.md"), *(ROOT / name for name in PAGES)]
    linked = {target for source in sources for target in _targets(source)}
    for target in sorted(linked):
        if target.is_file() and (place := _place(target)).startswith("files/"):
            files.append(File.generated(config, place, abs_src_path=str(target)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links of the repository -> links of the site; those that say a file's name say its title."""
    there = {name: source for source, name in PAGES.items()}
    source = ROOT / there[page.file.src_uri] if page.file.src_uri in there else None
    folder = DOCS if source is None else source.parent
    titled = _NAME.sub(lambda match: _title(folder / match[1]) or match[0], markdown)
    return _LINK.sub(_of_the_site(folder), titled)


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings say :class:`Name`; the site has the name alone."""
    return _ROLE.sub("", html)


def _of_the_site(folder: Path) -> Callable[[re.Match[str]], str]:
    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / match[0]))
        return _place(target) if target.exists() else match[0]  # mkdocs names what is missing

    return link


def _title(source: Path) -> str:
    """The heading of a page, "" where there is none."""
    heading = re.search(r"^# (.+)$", _text(source), re.MULTILINE) if source.is_file() else None
    return heading[1] if heading else ""


def _place(target: Path) -> str:
    """Where a file of the repository is in the site."""
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    path = target.relative_to(ROOT).as_posix()
    return PAGES.get(path, f"files/{path}{'' if target.suffix else '.txt'}")


def _targets(source: Path) -> Iterator[Path]:
    if source.is_file():
        for link in _LINK.findall(source.read_text(encoding="utf-8")):
            yield Path(os.path.normpath(source.parent / link))


def _text(source: Path) -> str:
    return source.read_text(encoding="utf-8") if source.is_file() else "\n".join(_programs(source))


def _programs(folder: Path) -> Iterator[str]:
    """A page of a folder's programs, each with what its docstring says."""
    yield "# Examples\n\nShort programs; the tests run each of them.\n"
    for path in sorted(folder.glob("*.py")):
        _, docstring, code = path.read_text(encoding="utf-8").split('"""', 2)
        title = path.stem.partition("_")[2].replace("_", " ").capitalize()
        fence = f'```python title="{path.name}"'
        yield f"## {title}\n\n{docstring.strip()}\n\n{fence}\n{code.strip()}\n```\n"
