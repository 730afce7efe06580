"""The weighted position-map loss (paper, section 3.2) on the training grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prnet.geometry.sampling import bilinear_weights
from prnet.layout.uv_layout import Part, UVLayout
from prnet.training.networks.spline import CONTROL_SIZE, MAP_SIZE, spline_weights

_WEIGHTS = {
    Part.OUTSIDE: 0.0,
    Part.FACE: 3.0,
    Part.EYES: 4.0,
    Part.NOSE: 4.0,
    Part.MOUTH: 4.0,
    Part.EARS: 1.0,
    Part.NECK: 0.5,
}
PART_WEIGHTS = np.array([_WEIGHTS[part] for part in Part], np.float32)
"""By the number of a part. The paper has 4 : 3 : 0 for eyes, nose and mouth : rest of the face :
neck; a small weight keeps our ears and neck, which are part of the mesh, where they belong."""


@dataclass(frozen=True)
class Losses:
    """Means over the batch, in crop pixels."""

    total: Tensor
    grid: Tensor
    landmarks: Tensor
    shape: Tensor
    openings: Tensor
    edges: Tensor


OPENINGS = ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65))
"""Upper and lower lid or lip landmarks whose distance tells open from closed."""


SQUARINGS = 12
"""Of the matrix that a rotation is found by; the second eigenvalue's part shrinks to its share of
the first to the power of 4,096."""


class PositionMapLoss:
    """Weighted mean distance between predicted and true positions.

    ``landmark_weight`` is the share of the 68 landmarks beside the map's (the paper gives their
    pixels weight 16); ``depth_weight`` scales z differences. What pose errors would drown has
    terms of its own: ``shape_weight`` for the landmarks after the best similarity,
    ``opening_weight`` for the differences between upper and lower lids and lips, and
    ``edge_weight`` for the differences between neighbours on the map, which keep it from rippling.
    ``grid_inside``: (64, 64), the grid's points that have a position.
    """

    def __init__(
        self,
        layout: UVLayout,
        grid_inside: NDArray[np.bool_],
        *,
        landmark_weight: float,
        depth_weight: float,
        opening_weight: float,
        shape_weight: float,
        edge_weight: float,
        device: torch.device | str = "cpu",
    ) -> None:
        step = MAP_SIZE // len(grid_inside)
        pixels = spline_weights(np.arange(MAP_SIZE)).reshape(-1, step, CONTROL_SIZE)
        self._rows = torch.from_numpy(pixels.mean(axis=1)).to(device)  # means, as the grid's
        self.grid_size = grid_inside.shape
        near = layout.parts.ravel()[layout.nearest_in_region]
        squares = PART_WEIGHTS[near].reshape(len(grid_inside), step, len(grid_inside), step)
        parts = squares.max(axis=(1, 3))[grid_inside]
        self._weights = torch.from_numpy(parts / parts.mean()).to(device)
        self._landmarks = torch.from_numpy(landmark_weights(layout)).to(device)
        self._axes = torch.tensor([1.0, 1.0, depth_weight**2], device=device)
        self._depth = torch.tensor([0.0, 0.0, 1.0], device=device)
        self._pixels = torch.from_numpy(np.flatnonzero(grid_inside)).to(device)
        inside = torch.from_numpy(grid_inside).to(device)
        self._pairs = inside[:, 1:] & inside[:, :-1], inside[1:] & inside[:-1]
        self._landmark_weight, self._opening_weight = landmark_weight, opening_weight
        self._shape_weight, self._edge_weight = shape_weight, edge_weight
        self._upper, self._lower = torch.tensor(OPENINGS, device=device).unbind(1)

    def evaluate(self, control: Tensor) -> tuple[Tensor, Tensor]:
        """Control points (B, 3, 64, 64) -> positions at the grid (B, P, 3) and at the landmarks
        (B, 68, 3), z zero at the landmarks' mean."""
        maps = self._rows @ control @ self._rows.T
        grid = self.at_grid(maps).transpose(1, 2)
        landmarks = (control.flatten(2) @ self._landmarks.T).transpose(1, 2)
        origin = landmarks[..., 2:].mean(dim=1, keepdim=True) * self._depth
        return grid - origin, landmarks - origin

    def at_grid(self, maps: Tensor) -> Tensor:
        """Maps (..., 64, 64) -> (..., P), their values at the grid's points."""
        return maps.flatten(-2)[..., self._pixels]

    def predict(self, network: nn.Module, crops: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says of crops (B, 3, 128, 128), as `evaluate` gives it."""
        return self.evaluate(network.control_points(crops))  # type: ignore[operator]

    def __call__(self, control: Tensor, grid: Tensor, landmarks: Tensor) -> Losses:
        predicted_grid, predicted_landmarks = self.evaluate(control)
        error = predicted_grid - grid
        difference = predicted_landmarks - landmarks
        opening = difference[:, self._upper, :2] - difference[:, self._lower, :2]
        aligned = aligned_to(predicted_landmarks, landmarks)
        parts = {
            "grid": (self._distance(error) * self._weights).mean(),
            "landmarks": self._distance(difference).mean(),
            "shape": self._distance(aligned - landmarks).mean(),
            "openings": torch.sqrt((opening**2).sum(dim=-1) + 1e-4).mean(),
            "edges": self._edges(error),
        }
        total = (
            parts["grid"]
            + self._landmark_weight * parts["landmarks"]
            + self._shape_weight * parts["shape"]
            + self._opening_weight * parts["openings"]
            + self._edge_weight * parts["edges"]
        )
        return Losses(total, **{name: part.detach() for name, part in parts.items()})

    def _edges(self, error: Tensor) -> Tensor:
        """Mean difference between the errors (B, P, 3) of neighbouring grid points."""
        size = self.grid_size
        flat = error.new_zeros(len(error), 3, size[0] * size[1])
        flat[..., self._pixels] = error.transpose(1, 2)
        maps = flat.reshape(len(error), 3, *size)
        across = (maps[..., 1:] - maps[..., :-1]).abs() * self._pairs[0]
        down = (maps[..., 1:, :] - maps[..., :-1, :]).abs() * self._pairs[1]
        return (across.sum() + down.sum()) / (2 * len(error) * len(self._pixels))

    def _distance(self, difference: Tensor) -> Tensor:
        return torch.sqrt((difference**2 * self._axes).sum(dim=-1) + 1e-4)


def aligned_to(points: Tensor, target: Tensor) -> Tensor:
    """Points (B, N, 3) moved onto ``target`` by the best similarity, which is taken as a constant:
    the gradient sees the shape alone.

    The rotation is Horn's (1987), whose quaternion q belongs to the largest eigenvalue of a 4 x 4
    matrix. Squared again and again it becomes q q', which rotations are linear in. A solver would
    make a GPU wait, and raise its own error where points are no numbers."""
    centred = points - points.mean(dim=1, keepdim=True)
    middle = target.mean(dim=1, keepdim=True)
    with torch.no_grad():
        products = _quaternion_products(points.device)
        covariance = ((target - middle)[..., None] * centred[..., None, :]).sum(dim=1)
        agreement = (covariance[..., None, None] * products).sum(dim=(1, 2))
        agreement = agreement / agreement.flatten(1).norm(dim=1)[:, None, None]
        square = agreement + torch.eye(4, device=points.device)  # no eigenvalue below 0
        for _ in range(SQUARINGS):
            square = (square[..., None] * square[:, None]).sum(dim=2)
            square = square / square.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]
        rotation = (products * square[:, None, None]).sum(dim=(3, 4))
        scale = (rotation * covariance).sum(dim=(1, 2)) / (centred**2).sum(dim=(1, 2))
        linear = scale[:, None, None] * rotation
    aligned: Tensor = (centred[..., None, :] * linear[:, None]).sum(dim=-1) + middle
    return aligned


@lru_cache
def _quaternion_products(device: torch.device) -> Tensor:
    """(3, 3, 4, 4): for unit quaternions q, element i, j of the rotation matrix is the sum of
    q_a q_b times [i, j, a, b]."""
    times = np.zeros((4, 4, 4))  # e_a e_b is the sum of e_c times [a, b, c]
    signs = [[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]]
    for a, b in np.ndindex(4, 4):
        times[a, b, a ^ b] = signs[a][b]
    conjugate = np.array([1, -1, -1, -1])
    turned = np.einsum("ajc,cbi,b->ijab", times[:, 1:], times[:, :, 1:], conjugate)
    return torch.from_numpy((turned + turned.swapaxes(2, 3)) / 2).float().to(device)


def landmark_weights(layout: UVLayout) -> NDArray[np.float32]:
    """(68, 64 * 64) weights of the control points at the landmarks, through the 256 map."""
    pixels, shares = bilinear_weights(layout.landmarks, MAP_SIZE, MAP_SIZE)
    rows, columns = np.divmod(pixels, MAP_SIZE)
    spline = spline_weights(np.arange(MAP_SIZE))
    weights = np.einsum("lp,lpi,lpj->lij", shares, spline[rows], spline[columns])
    return np.asarray(weights.reshape(68, CONTROL_SIZE**2), np.float32)
