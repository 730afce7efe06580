"""Random crops and disturbances, batched in torch (on any device).

The ranges follow the paper's section 3.3 where it names them: rotation within 45 degrees,
channels times 0.6 to 1.4, occlusion by noise texture. Translation and scale are what the crop
rules of the shipped detectors leave over, and more.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F


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


def _uniform(random: torch.Generator, shape: tuple[int, ...], reach: float, like: Tensor) -> Tensor:
    return ((torch.rand(shape, generator=random) * 2 - 1) * reach).to(like)


def _chosen(random: torch.Generator, count: int, probability: float) -> Tensor:
    """Indices of the samples that something happens to."""
    return torch.nonzero(torch.rand(count, generator=random) < probability)[:, 0]


def random_crops(
    images: Tensor,
    points: Tensor,
    centre: Tensor,
    side: Tensor,
    random: torch.Generator,
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
    angle = _uniform(random, (count,), np.radians(augmentation.rotation), side)
    gentle = (torch.rand(count, generator=random) < 0.75).to(side.device)
    angle = torch.where(gentle, angle / 3, angle)
    side = side * torch.exp(_uniform(random, (count,), augmentation.scale, side))
    centre = centre + _uniform(random, (count, 2), augmentation.translation, side) * side[:, None]
    mirrored = (torch.rand(count, generator=random) < augmentation.mirror).to(side.device)
    # Half of the batches repeat the border, so that black does not always mean a tilted head.
    padding = "border" if float(torch.rand(1, generator=random)) < 0.5 else "zeros"
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
    return _warp(images, linear, centre, crop_size, padding=padding), moved


def _warp(
    images: Tensor, linear: Tensor, centre: Tensor, crop_size: int, *, padding: str
) -> Tensor:
    """Bilinear samples at the crop's pixel centres; ``padding`` as in `grid_sample`."""
    axis = torch.arange(crop_size, device=images.device) - (crop_size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    pixels = torch.stack([x, y], dim=-1).reshape(1, -1, 2)
    source = pixels @ torch.linalg.inv(linear).transpose(1, 2) + centre[:, None]
    size = source.new_tensor([images.shape[3], images.shape[2]])
    grid = (2 * source + 1) / size - 1
    return F.grid_sample(
        images,
        grid.reshape(-1, crop_size, crop_size, 2),
        mode="bilinear",
        padding_mode=padding,
        align_corners=False,
    )


def augment_colours(images: Tensor, random: torch.Generator, augmentation: Augmentation) -> Tensor:
    """Gains, gamma, grey, low resolution, noise and JPEG for images (B, 3, S, S)."""
    count = len(images)
    if augmentation.channels:
        gains = 1 + _uniform(random, (count, 3, 1, 1), augmentation.channels, images)
        tinted = (torch.rand(count, 1, 1, 1, generator=random) < 0.3).to(images.device)
        gains = torch.where(tinted, gains, gains.mean(dim=1, keepdim=True))
        gamma = torch.exp(_uniform(random, (count, 1, 1, 1), augmentation.channels, images))
        images = (images.clamp_min(1e-4) ** gamma * gains).clamp(0, 1)
    images = _replace(images, _chosen(random, count, augmentation.grey), _grey)
    for index in _chosen(random, count, augmentation.blur).tolist():
        share = float(torch.rand(1, generator=random))
        factor = augmentation.coarsest + share * (0.8 - augmentation.coarsest)
        images[index : index + 1] = _low_resolution(images[index : index + 1], factor)
    noisy = _chosen(random, count, augmentation.noise).to(images.device)
    if len(noisy):
        level = torch.rand(len(noisy), 1, 1, 1, generator=random) * 0.08
        noise = torch.randn(len(noisy), *images.shape[1:], generator=random) * level
        images[noisy] = (images[noisy] + noise.to(images)).clamp(0, 1)
    for index in _chosen(random, count, augmentation.jpeg).tolist():
        quality = int(torch.randint(12, 70, (1,), generator=random))
        images[index] = _jpeg(images[index], quality)
    return images


def _replace(images: Tensor, index: Tensor, change: object) -> Tensor:
    if len(index):
        index = index.to(images.device)
        images[index] = change(images[index])  # type: ignore[operator]
    return images


def _grey(images: Tensor) -> Tensor:
    weights = images.new_tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)


def _low_resolution(image: Tensor, factor: float) -> Tensor:
    size = image.shape[-1]
    small = F.interpolate(
        image, size=max(8, int(size * factor)), mode="bilinear", antialias=True, align_corners=False
    )
    return F.interpolate(small, size=size, mode="bilinear", align_corners=False)


def _jpeg(image: Tensor, quality: int) -> Tensor:
    array = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(buffer), np.float32) / 255
    return torch.from_numpy(decoded).permute(2, 0, 1).to(image)


def occlude(images: Tensor, random: torch.Generator, augmentation: Augmentation) -> Tensor:
    """Ellipses or boxes of noise texture (paper, section 3.3) or of pieces of another sample."""
    count, _, size, _ = images.shape
    axis = torch.arange(size, device=images.device, dtype=torch.float32)
    original = images.clone() if augmentation.occlusion else images
    for index in _chosen(random, count, augmentation.occlusion).tolist():
        number = torch.rand(8, generator=random)
        centre = number[:2] * size
        radius = (0.06 + 0.22 * number[2:4]) * size
        x, y = (axis - centre[0]) / radius[0], (axis - centre[1]) / radius[1]
        if number[4] < 0.5:
            covered = (x[None] ** 2 + y[:, None] ** 2) < 1
        else:
            covered = (x.abs()[None] < 1) & (y.abs()[:, None] < 1)
        if number[5] < augmentation.pieces:
            other = int(torch.randint(count, (1,), generator=random))
            texture = original[other].roll((int(number[6] * size), int(number[7] * size)), (1, 2))
        else:
            cells = int(torch.randint(1, 24, (1,), generator=random))
            noise = torch.rand(1, 3, cells, cells, generator=random).to(images)
            texture = F.interpolate(noise, size=size, mode="bilinear")[0]
        images[index] = torch.where(covered, texture, images[index])
    return images


def cut_by_frame(images: Tensor, random: torch.Generator, share: float) -> Tensor:
    """A ``share`` of the images (B, 3, S, S) with up to four tenths black at one side, as crops at
    a photo's border are."""
    images, size = images.clone(), images.shape[-1]
    for index in _chosen(random, len(images), share).tolist():
        side, reach = torch.rand(2, generator=random).tolist()
        wide, quarter = round(0.4 * reach * size), int(4 * side)
        turned = images[index].rot90(quarter, (1, 2))
        turned[:, :wide] = 0
        images[index] = turned.rot90(-quarter, (1, 2))
    return images


def flattened(images: Tensor, random: torch.Generator, share: float) -> Tensor:
    """A ``share`` of the images (B, 3, S, S) with a twentieth to half of their contrast, in 8 bits,
    half of them about black, as in the dark, half about their mean."""
    images = images.clone()
    for index in _chosen(random, len(images), share).tolist():
        number, kind = torch.rand(2, generator=random).tolist()
        level = images[index].mean() if kind < 0.5 else images.new_zeros(())
        left = 0.05 * 10**number
        images[index] = ((level + left * (images[index] - level)) * 255).round() / 255
    return images
