"""A closer look at eyes and mouth: what the crop shows where the map puts them.

By the time that the compact network's encoder knows where lids and lips are it sees the face in
4 x 4 cells. Here the crop is unwrapped by the map itself, as a texture is: where a lid's edge lies
beside its place in the texture, the map is off by as much. A few convolutions over the texture
tell by how much the control points are to be moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prnet.training.networks.spline import CONTROL_SIZE, MAP_SIZE, spline_weights

FADE = 2.5
"""Control points from a window's border over which the correction grows to its whole."""
FINE = 2
"""Texture pixels a control point, either way."""
UNIT = 1 / 8
"""Crop pixels that the corrections count in: in whole ones, Adam's first steps throw eyes and mouth
about (768 samples from scratch: 6.5 % off; in these 4.9, without a closer look 4.8)."""
DARKEST = 0.02
"""Contrast below which a texture stays faint."""


class Window(NamedTuple):
    """Rows and columns of the 64 x 64 control points, the last ones left out."""

    top: int
    bottom: int
    left: int
    right: int


EYE = Window(9, 23, 12, 28)
"""In the map's left half; the other eye is seen, and corrected, mirrored."""
MOUTH = Window(35, 54, 20, 44)


class Closer(nn.Module):
    """Crops (B, 3, S, S), S = ``size``, in 0..1 and control points (B, 3, 64, 64), crop pixels ->
    by how much these are to be moved: not at all outside the windows, nor before training."""

    def __init__(self, size: int, *, width: int = 24) -> None:
        super().__init__()
        self.size = size
        self.eye, self.mouth = (Corrections(width) for _ in range(2))
        self.left, self.right, self.lips = (
            Place(EYE), Place(EYE, mirrored=True), Place(MOUTH),
        )  # fmt: skip

    @property
    def places(self) -> tuple[Place, Place, Place]:
        return self.left, self.right, self.lips

    def forward(self, crops: Tensor, control: Tensor) -> Tensor:
        where = control.detach()  # the map learns from its own error, not by moving the texture
        textures = self.textures(crops, where)
        left, right, lips = (place.slopes(where) for place in self.places)
        eyes = self.eye(in_pairs(textures[0], textures[1]), in_pairs(left, right))
        moved = *apart(eyes), self.mouth(textures[2], lips)
        left, right, lips = (place.back(by) for place, by in zip(self.places, moved, strict=True))
        return left + right + lips

    def textures(self, crops: Tensor, control: Tensor) -> list[Tensor]:
        """Each place's (B, 3, 2 h, 2 w), in its own light."""
        xy, _ = torch.split(control, [2, 1], dim=1)
        at = torch.cat(
            [place.unwrapped(xy).reshape(-1, 2, place.pixels) for place in self.places], dim=2
        )
        seen = sampled(crops, at, self.size)
        pixels = torch.split(seen, [place.pixels for place in self.places], dim=2)
        return [
            in_its_light(each.reshape(-1, 3 * place.pixels)).reshape(-1, 3, *place.sides)
            for place, each in zip(self.places, pixels, strict=True)
        ]


class Place(nn.Module):
    """A window of the map, as weights of its rows and columns."""

    fine_rows: Tensor
    fine_columns: Tensor
    rows: Tensor
    columns: Tensor
    steps_down: Tensor
    steps_across: Tensor
    onto_rows: Tensor
    onto_columns: Tensor
    sign: Tensor

    def __init__(self, window: Window, *, mirrored: bool = False) -> None:
        super().__init__()
        rows, columns = (window.top, window.bottom), (window.left, window.right)
        turned = -1 if mirrored else 1
        fine = _spline(*rows, FINE), _spline(*columns, FINE)[:, ::turned]
        here = _spline(*rows, 1), _spline(*columns, 1)[:, ::turned]
        onto = UNIT * _onto(*rows), _onto(*columns)[:, ::turned]
        buffers = {
            "fine_rows": fine[0], "fine_columns": fine[1], "rows": here[0], "columns": here[1],
            "steps_down": steps(here[0]), "steps_across": steps(here[1]),
            "onto_rows": onto[0], "onto_columns": onto[1],
            "sign": np.array([turned, 1, 1], np.float32)[:, None, None],
        }  # fmt: skip
        for name, values in buffers.items():
            self.register_buffer(name, torch.from_numpy(values.copy()), persistent=False)
        self.mirrored = mirrored
        self.sides = len(fine[0]), len(fine[1])
        self.pixels = self.sides[0] * self.sides[1]

    def unwrapped(self, control: Tensor) -> Tensor:
        return self.fine_rows @ control @ self.fine_columns.T

    def slopes(self, control: Tensor) -> Tensor:
        """(B, 6, h, w): the ways to the next control point across and down."""
        across = self.rows @ control @ self.steps_across.T
        down = self.steps_down @ control @ self.columns.T
        return torch.cat([self._to_left(across), self._to_left(down)], dim=1)

    def back(self, moved: Tensor) -> Tensor:
        """Corrections (B, 3, h, w) of the window's control points -> of all (B, 3, 64, 64)."""
        return self.onto_rows.T @ self._to_left(moved) @ self.onto_columns

    def _to_left(self, ways: Tensor) -> Tensor:
        """Ways (B, 3, h, w), with x to the other side in a mirrored window."""
        return ways * self.sign if self.mirrored else ways


class Corrections(nn.Module):
    """Textures (B, 3, 2 h, 2 w) and slopes (B, 6, h, w) -> (B, 3, h, w), zero before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.texture = nn.Sequential(
            nn.Conv2d(3, width, 4, FINE, 1, bias=False), nn.BatchNorm2d(width)
        )
        self.slopes = nn.Conv2d(6, width, 1, bias=False)
        layers: list[nn.Module] = [nn.ReLU()]
        for _ in range(2):
            conv = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
        last = nn.Conv2d(width, 3, 3, 1, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, last)

    def forward(self, texture: Tensor, slopes: Tensor) -> Tensor:
        corrections: Tensor = self.layers(self.texture(texture) + self.slopes(slopes))
        return corrections


def in_pairs(one: Tensor, other: Tensor) -> Tensor:
    """Images (B, C, H, W), twice -> (2 B, C, H, W), one beside the other."""
    channels, *sides = (int(size) for size in one.shape[1:])
    return torch.cat([one, other], dim=1).reshape(-1, channels, *sides)


def apart(pairs: Tensor) -> list[Tensor]:
    """`in_pairs`, undone."""
    channels, *sides = (int(size) for size in pairs.shape[1:])
    return [*torch.split(pairs.reshape(-1, 2 * channels, *sides), channels, dim=1)]


def _spline(first: int, last: int, fine: int) -> NDArray[np.float32]:
    """Weights of the places, ``fine`` a control point, along a window's side."""
    step = MAP_SIZE / CONTROL_SIZE / fine
    return spline_weights(np.arange(first * fine, last * fine) * step + (step - 1) / 2)


def _onto(first: int, last: int) -> NDArray[np.float32]:
    """(last - first, 64) float32: a window's control points among all, faded toward its ends."""
    count = last - first
    inside = np.minimum(np.arange(count), np.arange(count)[::-1]) + 0.5
    places = np.zeros((count, CONTROL_SIZE), np.float32)
    places[np.arange(count), np.arange(first, last)] = np.minimum(inside / FADE, 1)
    return places


def in_its_light(pixels: Tensor) -> Tensor:
    """Pixels (B, N), less their mean, over their contrast. In one axis, as OpenCV 4 takes wrong
    means over several."""
    pixels = pixels - pixels.mean(dim=1, keepdim=True)
    contrast = torch.sqrt((pixels**2).mean(dim=1, keepdim=True))
    return pixels / (contrast + DARKEST)


def steps(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights (N, 64) of places along a side -> of the ways to the next ones; the last again."""
    ways = np.diff(weights, axis=0)
    return np.concatenate([ways, ways[-1:]])


def sampled(images: Tensor, at: Tensor, size: int) -> Tensor:
    """Images (B, 3, S, S) of S = ``size``, x and y (B, 2, N) -> (B, 3, N), between four pixels;
    beyond the border its pixels go on. As gathers, which take half of GridSample's time in ONNX
    Runtime."""
    place = at.clamp(0, size - 1.001)
    corner = place.floor()
    right, below = torch.split(place - corner, 1, dim=1)
    x, y = torch.split(corner.long(), 1, dim=1)
    index = y * size + x
    if not torch.onnx.is_in_onnx_export():  # whose bounds for whole numbers OpenCV 4 reads wrong
        index = index.clamp(0, size * size - size - 2)  # a run whose numbers are none ends later
    first = torch.cat([index] * 3, dim=1)
    pixels = images.reshape(-1, 3, size * size)
    corners = [pixels.gather(2, first + step) for step in (0, 1, size, size + 1)]
    above, under = (a + (b - a) * right for a, b in (corners[:2], corners[2:]))
    between: Tensor = above + (under - above) * below
    return between
