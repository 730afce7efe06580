"""What a run is judged by: numbers computed by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs prnet[train]")

import torch

from prnet.training.validate import _dense_nme


def test_dense_error_is_per_cent_of_the_box_and_knows_no_origin_of_z() -> None:
    """Two samples of five points in boxes of 40 x 10 and 80 x 20 pixels."""
    corners = torch.tensor([[0.0, 0, 0], [40, 0, 5], [40, 10, 1], [0, 10, 2], [20, 5, 9]])
    true = torch.stack([corners, 2 * corners])
    moved = true + torch.tensor([3.0, 4.0, 100.0])
    assert _dense_nme(moved, true).tolist() == pytest.approx([25, 12.5], rel=1e-4)
    deeper = true.clone()
    deeper[:, 0, 2] += 5  # 4 off the mean for one point, 1 for four others
    assert _dense_nme(deeper, true).tolist() == pytest.approx([8, 4], rel=1e-4)
