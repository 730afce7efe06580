"""An error is one line; hints to install something work from where the package came."""

from __future__ import annotations

import json
import pickle
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import prnet
from prnet.bulk.parquet import import_pyarrow
from prnet.errors import LONGEST_REASON, PrnetError, install_command, reason_of


class Installed:
    """A distribution with such a direct_url.json (PEP 610)."""

    def __init__(self, origin: dict[str, object] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, '"prnet[mesh]"'),
        ({"url": "file:///a/b%20c", "dir_info": {}}, '"prnet[mesh] @ file:///a/b%20c"'),
        ({"url": "file:///a/b%20c", "dir_info": {"editable": True}}, '-e "/a/b c[mesh]"'),
        (
            {"url": "https://x.org/p.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            '"prnet[mesh] @ git+https://x.org/p.git"',
        ),
    ],
)
def test_extras_come_from_where_the_package_came(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, object] | None, command: str
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert install_command("mesh") == f"pip install {command}"
    if "-e" not in command:
        assert Requirement(command.strip('"')).extras == {"mesh"}


def test_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONPATH=src: nothing is known about an installation."""

    def unknown(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", unknown)
    root = Path(prnet.__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("needs a checkout")
    assert install_command("mesh") == f'pip install "prnet[mesh] @ {root.as_uri()}"'


def test_extras_that_are_named_exist() -> None:
    """In messages, help and docs: missing(..., "EXTRA"), .[EXTRA], prnet[EXTRA]."""
    source = Path(prnet.__file__).parent
    project = source.parents[1]
    if not (project / "pyproject.toml").is_file():
        pytest.skip("needs a checkout")
    settings = (project / "pyproject.toml").read_text(encoding="utf-8")
    extras = settings.split("[project.optional-dependencies]")[1].split("[project.")[0]
    declared = set(re.findall(r"^(\w+) = \[", extras, re.MULTILINE))
    texts = [*source.rglob("*.py"), *(project / "docs").glob("*.md"), project / "README.md"]
    pattern = (
        r'(?:missing\([^)]*, |install_command\()["\'](\w+)["\'](?:, error)?\)'
        r'|(?:prnet|\.)\[([\w,]+)\]"'
    )
    named = {
        extra
        for path in texts
        for groups in re.findall(pattern, path.read_text(encoding="utf-8"))
        for extra in "".join(groups).split(",")
    }
    assert {"train", "evaluate", "label", "mesh"} <= named
    assert named <= declared


def test_a_package_that_does_not_load_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To install it once more, as the line for missing ones says, would change nothing."""
    (tmp_path / "pyarrow.py").write_text('raise ImportError("needs NumPy 2.0, found 1.26")')
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(PrnetError) as caught:
        import_pyarrow()
    assert str(caught.value) == (
        "expected the package 'pyarrow' for Parquet files, got one that does not load: "
        "needs NumPy 2.0, found 1.26"
    )
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PrnetError, match=r"got none \(pip install"):
        import_pyarrow()


def test_an_error_is_one_line_whatever_it_names() -> None:
    error = PrnetError("a\nb.jpg: expected an image,\r\ngot another")
    assert str(error) == "a b.jpg: expected an image, got another"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file", "a.jpg"), "No such file"),
        (ValueError("two\n  lines"), "two lines"),
        (MemoryError(), "MemoryError"),
        (ValueError("x" * 1000), "x" * (LONGEST_REASON - 3) + "..."),
    ],
)
def test_reasons_are_short(error: Exception, words: str) -> None:
    assert reason_of(error) == words
