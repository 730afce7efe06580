"""Random crops and disturbances, batched in torch (on any device).

The ranges follow the paper's section 3.3 where it names them: rotation within 45 degrees,
channels times 0.6 to 1.4, occlusion by noise texture. Translation and scale are what the crop
rules of the shipped detectors leave over, and more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import radians

import torch
from torch import Tensor
from torch.nn import functional as F

from prnet.training.data.draws import Draws
from prnet.training.data.jpeg import as_jpeg

RESOLUTIONS, TEXTURES = 8, 4
"""Of low resolution and of occluding noise, in a batch."""


@dataclass(frozen=True)
class Augmentation:
    """How far samples are disturbed; probabilities are per sample."""

    rotation: float = 45.0
    """Largest in-plane rotation in degrees; three quarters of the samples keep to a third."""
    translation: float = 0.1
    """Largest shift of the crop's centre, in crop sides, each way."""
    scale: float = 0.17
    """Largest change of the crop's side, as a natural logarithm, each way."""
    mirror: float = 0.5
    channels: float = 0.4
    """Channels are multiplied by up to 1 +- this (the paper's 0.6 to 1.4)."""
    grey: float = 0.15
    blur: float = 0.25
    coarsest: float = 0.2
    """Blurred samples have from this share of their resolution to 0.8 of it."""
    noise: float = 0.25
    jpeg: float = 0.15
    occlusion: float = 0.25
    pieces: float = 0.5
    """Share of the occlusions that are pieces of another sample; the others are noise texture."""


NO_AUGMENTATION = Augmentation(
    rotation=0, translation=0, scale=0, mirror=0, channels=0, grey=0, blur=0, noise=0, jpeg=0,
    occlusion=0,
)  # fmt: skip


def random_crops(
    images: Tensor,
    points: Tensor,
    centre: Tensor,
    side: Tensor,
    draws: Draws,
    augmentation: Augmentation,
    *,
    crop_size: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """One similarity per sample for image and points.

    images (B, 3, H, W); points (B, P, 3), centre (B, 2), side (B,) in image pixels -> crops
    (B, 3, S, S), points in crop pixels (z scaled alike), mirrored (B,) bool. Mirrored points
    have mirrored coordinates, still in their old order.
    """
    count = len(images)
    angle = draws.within(radians(augmentation.rotation), count)
    angle = torch.where(draws.uniform(count) < 0.75, angle / 3, angle)
    side = side * torch.exp(draws.within(augmentation.scale, count))
    centre = centre + draws.within(augmentation.translation, count, 2) * side[:, None]
    mirrored = draws.uniform(count) < augmentation.mirror
    # Half of the batches repeat the border, so that black does not always mean a tilted head.
    padding = "border" if draws.numbers.random() < 0.5 else "zeros"
    crops, moved = similarity_crops(
        images, points, centre, side, angle, mirrored, crop_size=crop_size, padding=padding
    )
    return crops, moved, mirrored


def similarity_crops(
    images: Tensor,
    points: Tensor,
    centre: Tensor,
    side: Tensor,
    angle: Tensor,
    mirrored: Tensor,
    *,
    crop_size: int,
    padding: str,
) -> tuple[Tensor, Tensor]:
    """Squares of images (B, 3, H, W) around ``centre`` (B, 2), turned by ``angle`` (B,) radians,
    as crops (B, 3, S, S); points (B, P, 3) move along. ``padding`` as in `grid_sample`."""
    # crop_from_image: q = scale * flip * R (p - centre) + middle
    scale = crop_size / side
    flip = torch.where(mirrored, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    linear = torch.stack(
        [torch.stack([flip * cos, -flip * sin], -1), torch.stack([sin, cos], -1)], dim=1
    )
    middle = (crop_size - 1) / 2
    xy = (points[..., :2] - centre[:, None]) @ linear.transpose(1, 2) + middle
    moved = torch.cat([xy, points[..., 2:] * scale[:, None, None]], dim=-1)
    back = (linear / scale[:, None, None] ** 2).transpose(1, 2)  # the inverse of a similarity
    return _warp(images, back, centre, crop_size, padding=padding), moved


def _warp(images: Tensor, back: Tensor, centre: Tensor, crop_size: int, *, padding: str) -> Tensor:
    """Bilinear samples at the crop's pixel centres, which ``back`` (B, 2, 2) leads from the crop's
    middle to the image's pixels around ``centre``; ``padding`` as in `grid_sample`."""
    axis = torch.arange(crop_size, device=images.device) - (crop_size - 1) / 2
    grid = []
    for row, middle, size in zip(back.unbind(1), centre.T, images.shape[:1:-1], strict=True):
        right, down = (2 / size * row)[..., None, None].unbind(1)
        start = ((2 * middle + 1) / size - 1)[:, None, None]
        grid.append(right * axis + (down * axis[:, None] + start))
    return F.grid_sample(
        images, torch.stack(grid, dim=-1), mode="bilinear", padding_mode=padding,
        align_corners=False,
    )  # fmt: skip


def augment_colours(images: Tensor, draws: Draws, augmentation: Augmentation) -> Tensor:
    """Gains, gamma, grey, low resolution, noise and JPEG for images (B, 3, S, S)."""
    count = len(images)
    if augmentation.channels:
        gains = 1 + draws.within(augmentation.channels, count, 3, 1, 1)
        tinted = draws.uniform(count, 1, 1, 1) < 0.3
        gains = torch.where(tinted, gains, gains.mean(dim=1, keepdim=True))
        gamma = torch.exp(draws.within(augmentation.channels, count, 1, 1, 1))
        images = (images.clamp_min(1e-4) ** gamma * gains).clamp(0, 1)
    coarse = partial(_low_resolution, coarsest=augmentation.coarsest)
    for probability, change in (
        (augmentation.grey, _grey),
        (augmentation.blur, coarse),
        (augmentation.noise, _noisy),
        (augmentation.jpeg, _compressed),
    ):
        chosen = draws.chosen(count, probability)
        if len(chosen):
            images[chosen] = change(images[chosen], draws)
    return images


def _grey(images: Tensor, _: Draws) -> Tensor:
    grey = 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]
    return grey.expand(-1, 3, -1, -1)


def _low_resolution(images: Tensor, draws: Draws, *, coarsest: float) -> Tensor:
    """In a few groups, a resolution each, evenly from ``coarsest`` to 0.8 of theirs."""
    size, groups = images.shape[-1], images.chunk(RESOLUTIONS)
    first, blurred = draws.numbers.random(), []
    for number, group in enumerate(groups):
        factor = coarsest + (number + first) / len(groups) * (0.8 - coarsest)
        small = max(8, int(size * factor))
        coarse = F.interpolate(
            group, size=small, mode="bilinear", antialias=True, align_corners=False
        )
        blurred.append(F.interpolate(coarse, size=size, mode="bilinear", align_corners=False))
    return torch.cat(blurred)


def _noisy(images: Tensor, draws: Draws) -> Tensor:
    level = draws.uniform(len(images), 1, 1, 1) * 0.08
    return (images + draws.normal(*images.shape) * level).clamp(0, 1)


def _compressed(images: Tensor, draws: Draws) -> Tensor:
    return as_jpeg(images, 12 + draws.integers(58, len(images)))


def occlude(images: Tensor, draws: Draws, augmentation: Augmentation) -> Tensor:
    """Ellipses or boxes of noise texture (paper, section 3.3) or of pieces of another sample."""
    count, _, size, _ = images.shape
    chosen = draws.chosen(count, augmentation.occlusion)
    if not len(chosen):
        return images
    axis = torch.arange(size, device=images.device)
    centre = draws.uniform(len(chosen), 2, 1) * size
    radius = (0.06 + 0.22 * draws.uniform(len(chosen), 2, 1)) * size
    x, y = ((axis - centre) / radius).abs().unbind(1)
    x, y = x[:, None, None], y[:, None, :, None]
    disc = draws.uniform(len(chosen), 1, 1, 1) < 0.5
    covered = torch.where(disc, x**2 + y**2 < 1, (x < 1) & (y < 1))
    pieces = int(draws.numbers.binomial(len(chosen), augmentation.pieces))
    shown = [_pieces(images, draws, pieces), *_textures(draws, len(chosen) - pieces, size)]
    images[chosen] = torch.where(covered, torch.cat(shown), images[chosen])
    return images


def _pieces(images: Tensor, draws: Draws, count: int) -> Tensor:
    """Random ones of the images, moved so that what covers a place is from another."""
    down, right = draws.numbers.integers(images.shape[-1], size=2).tolist()
    return images[draws.integers(len(images), count)].roll((down, right), (2, 3))


def _textures(draws: Draws, count: int, size: int) -> list[Tensor]:
    """So many pictures of smooth noise, in a few groups of 1 to 23 cells a side."""
    groups = [-(-(count - first) // TEXTURES) for first in range(min(count, TEXTURES))]
    cells = draws.numbers.integers(1, 24, len(groups)).tolist()
    return [
        F.interpolate(draws.uniform(number, 3, cell, cell), size=size, mode="bilinear")
        for number, cell in zip(groups, cells, strict=True)
    ]


def cut_by_frame(images: Tensor, draws: Draws, share: float) -> Tensor:
    """A ``share`` of the images (B, 3, S, S) with up to four tenths black at one side, as crops at
    a photo's border are."""
    images, size = images.clone(), images.shape[-1]
    chosen = draws.chosen(len(images), share)
    axis = torch.arange(size, device=images.device).expand(size, size)
    from_sides = torch.stack([axis, size - 1 - axis, axis.T, size - 1 - axis.T])
    wide = (0.4 * size * draws.uniform(len(chosen), 1, 1)).round()
    cut = from_sides[draws.integers(4, len(chosen))] < wide
    images[chosen] = torch.where(cut[:, None], 0.0, images[chosen])
    return images


def flattened(images: Tensor, draws: Draws, share: float) -> Tensor:
    """A ``share`` of the images (B, 3, S, S) with a twentieth to half of their contrast, in 8 bits,
    half of them about black, as in the dark, half about their mean."""
    images = images.clone()
    chosen = draws.chosen(len(images), share)
    some, (number, kind) = images[chosen], draws.uniform(2, len(chosen), 1, 1, 1)
    level = torch.where(kind < 0.5, some.mean(dim=(1, 2, 3), keepdim=True), 0.0)
    images[chosen] = ((level + 0.05 * 10**number * (some - level)) * 255).round() / 255
    return images
