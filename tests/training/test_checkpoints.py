"""What a run that goes on takes from its checkpoint, and what from its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from prnet.training.checkpoints import Begun, resume, save_checkpoint
from prnet.training.config import TrainConfig
from prnet.training.train import make_optimizer


def test_optimizers_go_on_with_their_moments_and_the_settings_that_are_given(
    tmp_path: Path,
) -> None:
    network = torch.nn.Linear(3, 2)
    before = make_optimizer(TrainConfig(), network, 1e-3)
    network(torch.ones(1, 3)).sum().backward()
    before.step()
    save_checkpoint(tmp_path, network, network, before, 1, Begun(None))

    given = TrainConfig(optimizer="adam", weight_decay=0.1)
    after, fresh = (make_optimizer(given, network, 1e-3) for _ in range(2))
    assert resume(tmp_path, network, network, after, Begun(None)) == 1
    assert after.state_dict()["param_groups"] == fresh.state_dict()["param_groups"]
    for weights, state in before.state.items():
        assert torch.equal(after.state[weights]["exp_avg"], state["exp_avg"])
        assert state["exp_avg"].any()
