from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import make_detector_pools

from prnet.training.detector.mosaics import SHARES, Mosaics


@pytest.mark.shared
def test_pools_are_what_training_reads(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["pools", str(shared), str(tmp_path), "--count", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    make_detector_pools.main()
    weights = Path(make_detector_pools.__file__).parents[1] / "src" / "prnet" / "data"
    monkeypatch.setattr(sys, "argv", [*arguments, "--hard", str(weights)])
    make_detector_pools.main()
    mosaics = Mosaics(tmp_path)
    assert len(mosaics.pools) == len(SHARES) - 1  # no views without --views
    for pool in mosaics.pools:
        assert len(pool.box) == 2
        eyes, mouth = pool.points[:, :2].mean(axis=1), pool.points[:, 3:].mean(axis=1)
        turn = np.radians(pool.roll)
        up = np.stack([np.sin(turn), -np.cos(turn)], axis=1)
        assert ((eyes - mouth) * up).sum(axis=1).min() > 20  # of the head, in crop pixels
    assert len(mosaics.scenes) == len(mosaics.negatives) == 2
    assert mosaics.hard.shape[1] == 6
