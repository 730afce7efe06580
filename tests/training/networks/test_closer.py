"""A closer look at eyes and mouth: where it looks, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from prnet.layout.uv_layout import default_layout  # noqa: E402
from prnet.training.losses import landmark_weights  # noqa: E402
from prnet.training.networks.closer import EYE, MOUTH, Closer, sampled  # noqa: E402
from prnet.training.networks.compact import CROP_SIZE, CompactNetwork  # noqa: E402
from prnet.training.networks.export import export_onnx  # noqa: E402
from prnet.training.networks.read_onnx import calibrate, load_onnx  # noqa: E402
from prnet.training.recipes import mean_map_in_crop  # noqa: E402

CROPS = torch.rand(2, 3, CROP_SIZE, CROP_SIZE, generator=torch.manual_seed(0))


@pytest.fixture(scope="module")
def control() -> Tensor:
    """Two of the mean face."""
    network = CompactNetwork()
    network.start_from(mean_map_in_crop(default_layout()))
    return network.mean_control[None].repeat(2, 1, 1, 1)


@pytest.fixture(scope="module")
def closer() -> Closer:
    """Of random weights."""
    torch.manual_seed(0)
    closer = Closer(CROP_SIZE).eval()
    with torch.no_grad():
        for corrections in (closer.eye, closer.mouth):
            next(reversed([*corrections.parameters()][:-1])).normal_(std=0.1)
    return closer


def test_it_changes_nothing_before_training(control: Tensor) -> None:
    assert not Closer(CROP_SIZE)(CROPS, control).any()


def test_pixels_are_read_between_four() -> None:
    at = torch.rand(2, 2, 50, generator=torch.manual_seed(1)) * (CROP_SIZE + 9) - 5
    grid = at.transpose(1, 2)[:, None] * (2 / (CROP_SIZE - 1)) - 1
    expected = F.grid_sample(CROPS, grid, align_corners=True, padding_mode="border")[:, :, 0]
    assert torch.allclose(sampled(CROPS, at, CROP_SIZE), expected, atol=2e-3)


def test_windows_hold_lids_and_lips_and_nothing_else_moves(closer: Closer, control: Tensor) -> None:
    with torch.no_grad():
        moved = closer(CROPS, control)
    inside = torch.zeros(64, 64, dtype=torch.bool)
    for top, bottom, left, right in (EYE, EYE._replace(left=36, right=52), MOUTH):
        inside[top:bottom, left:right] = True
    assert not moved[..., ~inside].any()
    weights = torch.from_numpy(landmark_weights(default_layout())).reshape(68, 64, 64)
    reached = (weights * inside).sum((1, 2))
    assert reached[36:].min() > 0.999  # lids and lips


def test_mirrored_eyes_move_as_mirror_images(closer: Closer, control: Tensor) -> None:
    last = CROP_SIZE - 1
    mirrored = control.flip(-1) * torch.tensor([-1.0, 1, 1])[:, None, None]
    mirrored[:, 0] += last
    with torch.no_grad():
        moved, other = closer(CROPS, control), closer(CROPS.flip(-1), mirrored)
    back = other.flip(-1) * torch.tensor([-1.0, 1, 1])[:, None, None]
    eyes = slice(EYE.top, EYE.bottom)
    assert moved[:, :, eyes].abs().max() > 0.01
    assert torch.allclose(moved[:, :, eyes], back[:, :, eyes], atol=1e-3)


class Nothing(Closer):
    def forward(self, crops: Tensor, control: Tensor) -> Tensor:
        return torch.zeros_like(control)


def test_files_of_networks_that_do_not_look_closer_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    older, network = CompactNetwork().eval(), CompactNetwork()
    older.closer = Nothing(CROP_SIZE)
    with torch.no_grad():
        for parameter in older.parameters():  # equal ones would be stored once
            parameter.add_(0.01 * torch.randn_like(parameter))
    export_onnx(older, tmp_path / "older.onnx", crop_size=CROP_SIZE, half_storage=False)
    calibrate(network, load_onnx(network, tmp_path / "older.onnx", CROPS), CROPS)
    with torch.no_grad():
        difference = (network.eval()(CROPS) - older(CROPS)).abs().max()
    assert difference < 1e-2


def test_it_learns_and_moves_no_texture_to_do_so(closer: Closer, control: Tensor) -> None:
    at = control.clone().requires_grad_()
    closer(CROPS, at).square().sum().backward()
    assert at.grad is None
    for corrections in (closer.eye, closer.mouth):
        for parameter in corrections.parameters():
            assert parameter.grad is not None
            assert parameter.grad.any()
