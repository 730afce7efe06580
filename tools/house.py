"""The rooms of the house and what they import: for ``tests/test_house.py`` and the picture of them.

A room is a folder of ``src/prnet`` (or a file beside them). Every import counts, those in function
bodies and under TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import prnet

HOUSE = Path(prnet.__file__).parent

ROOMS = (
    *(
        "errors",
        "packaged",
        "words",
        "files",
        "geometry",
        "light",
        "layout",
        "detection",
        "network",
        "mapped",
    ),
    *("appearance", "facemodel", "formats", "face", "belief", "crop_mapper", "reconstruct"),
    *("facemesh", "video", "bulk", "serve", "evaluation"),
    *("training.config", "training.schedule", "training.interrupts", "training.distributed"),
    *("training.progress", "training.log", "training.networks"),
    *("training.labels", "training.data", "training.views", "training.losses"),
    *("training.validate", "training.paper", "training.judging", "training.recipes"),
    *(
        "training.initial",
        "training.checkpoints",
        "training.train",
        "training.detector",
        "training",
        "release2018",
        "commands",
        "cli",
        "__main__",
    ),
)
"""From the ground floor up: each room may import those before it."""

Import = tuple[Path, int, str, bool]
"""File, line, name of the module, whether it is imported with the file."""


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The longest name in ROOMS that the module is or lies in; "" for the package itself."""
    inside = module.removeprefix("prnet").removeprefix(".")
    while inside and inside not in ROOMS:
        inside = inside.rpartition(".")[0]
    return inside


def imports() -> Iterator[Import]:
    for path in sorted(HOUSE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        later = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef) or _for_checkers(block)
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            at_start = id(node) not in later
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, node.lineno, alias.name, at_start
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: expected an absolute import"
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    found = name if _exists(name) else str(node.module)
                    yield path, node.lineno, found, at_start


def _for_checkers(block: ast.AST) -> bool:
    return isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"


def _exists(module: str) -> bool:
    path = HOUSE.parent.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
