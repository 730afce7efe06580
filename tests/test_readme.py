"""What both READMEs show runs as it stands there, and both show the same."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from prnet.cli import main

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")


@pytest.fixture
def folder(tmp_path, monkeypatch, sample_path):
    """Photos under the names that the documents use."""
    for name in ("photo.jpg", "holiday/a.jpg", "scans/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(sample_path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(readme: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("readme", READMES)
def test_python_runs(readme, folder):
    for block in blocks(readme):
        exec(block, {})
    assert (folder / "face.glb").stat().st_size > 100_000


def test_indented_commands_run(folder):
    """`pip` and `pytest` lines apart, which the CI's script runs; the other README has the same."""
    lines = re.findall(
        r"^    (?:pip install \. && )?(prnet .*)$", (ROOT / READMES[0]).read_text("utf-8"), re.M
    )
    assert len(lines) >= 2
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line
    assert (folder / "results" / "photo_overlay.jpg").is_file()


def test_both_show_the_same():
    def shown(readme: str) -> set[str]:
        text = (ROOT / readme).read_text("utf-8")
        commands = set(re.findall(r"^    (\S.*)$", text, re.M))
        return commands | set(re.findall(r"docs/images/[\w.-]+", text))

    assert shown("README.zh-CN.md") <= shown("README.md")
    code = [re.sub(r" *#.*", "", blocks(readme)[0]) for readme in READMES]
    assert code[0] == code[1]


@pytest.mark.parametrize("readme", READMES)
def test_the_second_picture_is_the_page(readme):
    pictures = re.findall(r"docs/images/([\w.-]+)", (ROOT / readme).read_text("utf-8"))
    assert pictures[1] == "page.jpg"


def test_the_notebook_runs_from_top_to_bottom(folder):
    cells = json.loads((ROOT / "examples" / "prnet.ipynb").read_text("utf-8"))["cells"]
    names: dict[str, object] = {"display": lambda *_: None}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert (folder / "face.glb").is_file()
    assert all(not cell.get("outputs") for cell in cells)


def test_the_notebook_says_where_it_finds_nothing_to_install(folder, monkeypatch):
    """A hosted notebook: no package, no checkout around; a wheel beside it is taken."""
    cell = json.loads((ROOT / "examples" / "prnet.ipynb").read_text("utf-8"))["cells"][1]
    ran = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run", lambda command, check: ran.append(command))
    with pytest.raises(FileNotFoundError, match="upload a wheel or set SOURCE"):
        exec("".join(cell["source"]), {})
    (folder / "prnet-0.1.0-py3-none-any.whl").touch()
    exec("".join(cell["source"]), {})
    assert [command[-1] for command in ran] == ["prnet-0.1.0-py3-none-any.whl"]
