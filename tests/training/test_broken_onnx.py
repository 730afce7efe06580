"""An onnx that another package's protobuf broke is found out before the training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prnet.cli import main

pytest.importorskip("torch", reason="needs prnet[train]")


def test_onnx_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "onnx").mkdir()
    broken = "raise TypeError('Descriptors cannot be created directly.\\nDowngrade protobuf.')"
    (tmp_path / "onnx" / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    arguments = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert "expected an onnx that works (or none), got: Descriptors cannot be created" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "run").exists()
