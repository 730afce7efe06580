"""The program that breaks lines: what it finds, and that its table fits the code."""

from __future__ import annotations

from pathlib import Path

import break_lines
import pytest

MODULE = '''"""1 + 1 in words stays."""


def middle(low, high):
    return low + high  # not - 1


def edge(low):
    return low - 0.5
'''
TEST = """from module import edge, middle


def test_middle():
    assert middle(2, 4) == 6
    edge(1)
"""


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def checkout(folder: Path) -> Path:
    for name, text in {"src/module.py": MODULE, "tests/test_module.py": TEST}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_what_no_test_notices_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkout(tmp_path)
    breaks = list(break_lines.each_token("src/module.py", MODULE, ("tests",)))
    assert [each.old for each in breaks] == ["+", "-", "0.5"]
    left = list(break_lines.unnoticed(breaks, folder))
    assert [each.old for each in left] == ["-", "0.5"]
    assert "2/3 UNNOTICED src/module.py:9  - -> +" in capsys.readouterr().out
    assert (folder / "src/module.py").read_text() == MODULE


def test_tests_that_fail_anyway_are_no_measure(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "tests/test_module.py").write_text("def test_no():\n    assert False\n")
    breaks = list(break_lines.each_token("src/module.py", MODULE, ("tests",)))
    with pytest.raises(SystemExit, match="expected tests that pass before anything breaks"):
        list(break_lines.unnoticed(breaks, folder))


def test_a_table_names_one_place(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    table = "# why\n\nsrc/module.py\n-  low - 0.5\n+  low\ntests tests/a tests/b\n"
    (found,) = break_lines.read_table(table, folder)
    assert found.apply(MODULE) == MODULE.replace("low - 0.5", "low")
    assert found.tests == ("tests/a", "tests/b")
    with pytest.raises(SystemExit, match="expected one place with 'low', got 4"):
        break_lines.read_table("src/module.py\n- low\n+ high\ntests tests\n", folder)


def test_our_table_fits_the_code() -> None:
    """Every text is there once, and so are the tests that should notice it."""
    breaks = break_lines.read_table(break_lines.TABLE.read_text())
    assert breaks
    for each in breaks:
        assert each.old != each.new
        assert (break_lines.ROOT / each.tests[0]).exists(), each.tests
