"""The loss: zero at the truth, known values elsewhere, every term with its weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)

from prnet.layout.uv_layout import Part, default_layout  # noqa: E402
from prnet.training.data.dataset import PreparedData  # noqa: E402
from prnet.training.losses import PositionMapLoss, aligned_to  # noqa: E402
from prnet.training.networks.compact import CompactNetwork  # noqa: E402

WEIGHTS = ("landmark_weight", "shape_weight", "opening_weight", "edge_weight")


def make_loss(prepared: Path, *, depth_weight: float = 1.0, **weights: float) -> PositionMapLoss:
    """All terms weigh 1 unless ``weights`` says otherwise."""
    return PositionMapLoss(
        default_layout(),
        PreparedData(prepared).grid_inside,
        depth_weight=depth_weight,
        landmark_weight=weights.get("landmark_weight", 1),
        shape_weight=weights.get("shape_weight", 1),
        opening_weight=weights.get("opening_weight", 1),
        edge_weight=weights.get("edge_weight", 1),
    )


def some_control() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_zero_only_at_the_truth(prepared: Path) -> None:
    loss, control = make_loss(prepared), some_control()
    grid, landmarks = loss.evaluate(control)
    assert float(loss(control, grid, landmarks).total) == pytest.approx(0.04, abs=2e-3)
    moved = loss(control, grid + torch.tensor([3.0, 4.0, 0.0]), landmarks)
    assert float(moved.grid) == pytest.approx(5, abs=1e-2)
    assert float(moved.edges) == pytest.approx(0, abs=1e-4)


def test_shape_is_what_a_similarity_cannot_undo() -> None:
    random = torch.Generator().manual_seed(1)
    points = torch.randn(3, 68, 3, generator=random)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=random))
    rotation = rotation * torch.linalg.det(rotation)
    moved = 1.7 * points @ rotation + torch.tensor([5.0, -3.0, 2.0])
    assert torch.allclose(aligned_to(points, moved), moved, atol=1e-4)
    mirrored = points * torch.tensor([-1.0, 1.0, 1.0])
    assert not torch.allclose(aligned_to(points, mirrored), mirrored, atol=0.1)


@pytest.mark.parametrize("noise", [0.0, 5.0, 200.0])
@pytest.mark.parametrize("depth", [1.0, -1.0])
def test_alignment_is_umeyamas(noise: float, depth: float) -> None:
    """By singular values, of heads, of mere noise, and of heads turned inside out."""
    random = torch.Generator().manual_seed(1)
    target = torch.randn(20, 68, 3, generator=random) * torch.tensor([30.0, 35, 15]) + 60
    points = target * torch.tensor([1.0, 1, depth])
    points = 1.3 * points + noise * torch.randn(points.shape, generator=random)
    centred, middle = points - points.mean(dim=1, keepdim=True), target.mean(dim=1, keepdim=True)
    u, sigma, vt = torch.linalg.svd(((target - middle).transpose(1, 2) @ centred).double())
    sign = torch.ones_like(sigma)
    sign[:, 2] = torch.linalg.det(u @ vt).sign()
    scale = (sigma * sign).sum(dim=1) / (centred**2).sum(dim=(1, 2))
    rotation = scale[:, None, None] * (u * sign[:, None]) @ vt
    expected = centred.double() @ rotation.transpose(1, 2) + middle
    torch.testing.assert_close(aligned_to(points, target), expected.float(), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("weight", "term"),
    list(zip(WEIGHTS, ("landmarks", "shape", "openings", "edges"), strict=True)),
)
def test_every_term_counts_with_its_weight(prepared: Path, weight: str, term: str) -> None:
    control, random = some_control(), torch.Generator().manual_seed(1)
    grid, landmarks = make_loss(prepared).evaluate(control)
    grid = grid + torch.randn(grid.shape, generator=random)
    landmarks = landmarks + torch.randn(landmarks.shape, generator=random)
    without, with_term = (
        make_loss(prepared, **{weight: value})(control, grid, landmarks) for value in (0.0, 3.0)
    )
    value = float(getattr(with_term, term))
    assert value > 0.1
    assert float(with_term.total - without.total) == pytest.approx(3 * value, rel=1e-4)


@pytest.mark.parametrize("axis", [0, 1])
def test_edges_are_differences_between_neighbours(prepared: Path, axis: int) -> None:
    """Ripples of 2 pixels from column to column, or from row to row."""
    loss, inside = make_loss(prepared), PreparedData(prepared).grid_inside
    sign = np.where(np.indices(inside.shape)[axis] % 2, 1.0, -1.0)[inside]
    ripples = torch.from_numpy(sign[:, None] * [1.0, 0, 0]).float()
    grid, landmarks = loss.evaluate(some_control())
    rippled = loss(some_control(), grid + ripples, landmarks)
    first, second = np.delete(inside, -1, axis), np.delete(inside, 0, axis)
    neighbours = int((first & second).sum())
    assert float(rippled.edges) == pytest.approx(2 * neighbours / (2 * inside.sum()), rel=1e-4)


def test_openings_are_of_lids_and_lips_and_in_the_picture(prepared: Path) -> None:
    loss, control = make_loss(prepared), some_control()
    grid, landmarks = loss.evaluate(control)

    def openings(*moved: int, by: tuple[float, float, float]) -> float:
        other = landmarks.clone()
        other[:, list(moved)] += torch.tensor(by)
        return float(loss(control, grid, other).openings)

    rest = 0.01  # of a pair that is right
    assert openings(37, by=(0, -7, 0)) == pytest.approx((7 + 6 * rest) / 7, abs=1e-3)
    assert openings(37, 41, by=(3, -7, 0)) == pytest.approx(rest, abs=1e-3)
    assert openings(66, by=(0, 7, 9)) == pytest.approx((7 + 6 * rest) / 7, abs=1e-3)
    assert openings(37, by=(0, 0, 9)) == pytest.approx(rest, abs=1e-3)


def test_depth_weighs_what_it_is_told(prepared: Path) -> None:
    loss, control = make_loss(prepared, depth_weight=0.5), some_control()
    grid, landmarks = loss.evaluate(control)
    deeper = loss(control, grid + torch.tensor([0.0, 0.0, 8.0]), landmarks)
    assert float(deeper.grid) == pytest.approx(4, abs=1e-2)


def test_parts_weigh_as_the_paper_has_them(prepared: Path) -> None:
    """An error at one place of the map: eyes to the rest of the face to the neck as 4 to 3 to 0.5
    (0 in the paper, whose neck is no part of the mesh)."""
    layout, loss, control = default_layout(), make_loss(prepared), some_control()
    grid, landmarks = loss.evaluate(control)
    blocks = layout.parts.reshape(64, 4, 64, 4).transpose(0, 2, 1, 3).reshape(64, 64, 16)
    inside = PreparedData(prepared).grid_inside

    def error_in(part: Part) -> float:
        place = int(np.flatnonzero((blocks == part).all(axis=-1)[inside])[0])
        moved = grid.clone()
        moved[:, place, 0] += 1000.0
        return float(loss(control, moved, landmarks).grid) - 0.01

    face = error_in(Part.FACE)
    assert error_in(Part.EYES) / face == pytest.approx(4 / 3, rel=0.01)
    assert error_in(Part.NECK) / face == pytest.approx(0.5 / 3, rel=0.01)


def test_the_loss_sees_what_the_network_s_map_shows(prepared: Path) -> None:
    """Means of 4 x 4 pixels of the map, and the map at the layout's landmarks."""
    torch.manual_seed(0)
    network, loss = CompactNetwork().eval(), make_loss(prepared)
    crops = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        position_map = network(crops)[0].permute(1, 2, 0).numpy()
        (grid,), (landmarks,) = (part.numpy() for part in loss.predict(network, crops))
    blocks = position_map.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    expected = default_layout().sample_landmarks(position_map)
    origin = [0, 0, expected[:, 2].mean()]
    np.testing.assert_allclose(landmarks, expected - origin, atol=1e-3)
    inside = PreparedData(prepared).grid_inside
    np.testing.assert_allclose(grid, blocks[inside] - origin, atol=1e-3)
