"""The detector's second step: a candidate's crop in; whether it is a face, and exactly where, out.

A cascade as in MTCNN (Zhang et al., 2016). Crops are all of one size, so that a small network
learns every angle, which the first step, one glance at every size, does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from prnet.detection.anchorfree import REFINE_MARGIN as MARGIN
from prnet.detection.anchorfree import REFINE_SIZE as SIZE
from prnet.training.detector.disturb import disturb
from prnet.training.detector.faces import MIRRORED_POINTS
from prnet.training.detector.mosaics import OCCLUDED, OCCLUDED_SCENES, Mosaics, Picture
from prnet.training.detector.network import OUTPUTS, Block, Stretch, convolution
from prnet.training.detector.warp import Warp, random_roll

SHIFT, SCALE = 0.2, 0.33
"""How far candidates are off: of the longer side each way, and as a logarithm."""
SHARES = (0.35, 0.3, 0.35)
"""Faces of the pools, faces of the scenes, no faces."""
TURNED = 0.5
"""Share of faces at any angle; the others are about upright, as most in photos are."""
DRAWN = 0.25
"""Weight of a drawn box: it leaves out the far half of a profile, where landmarks do not."""
HARD = 0.6
"""Of the places without a face, share of those that the first step once took for one."""


class RefineNetwork(nn.Module):
    """Crops (B, 3, 64, 64) float32 in 0..1 -> (B, 17), as a cell of the first step: logit; centre
    from the crop's in sides of the candidate's box (2); log of width and height over it (2);
    cosine and sine of the roll; five points from the centre in those sides (10)."""

    def __init__(self, *, widths: tuple[int, ...] = (16, 32, 64, 64), mixed: int = 48) -> None:
        super().__init__()
        layers: list[nn.Module] = [Stretch()]
        channels = 3
        for i, width in enumerate(widths):  # 32, 16, 8, 4
            layers += [convolution(channels, width, 3, 2), nn.ReLU()]
            if i > 0:
                layers.append(Block(width))
            channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * 16, mixed), nn.ReLU(), nn.Linear(mixed, OUTPUTS)
        )

    def forward(self, crops: Tensor) -> Tensor:
        found: Tensor = self.head(self.features(crops))
        return found


@dataclass
class Examples:
    """crops (B, 3, S, S) float32; wanted (B, 16); weights (B, 3) of presence, box, roll and
    points; present (B,) 0 or 1."""

    crops: Tensor
    wanted: Tensor
    weights: Tensor
    present: Tensor


def examples(mosaics: Mosaics, random: np.random.Generator, count: int) -> Examples:
    crops, wanted, weights, present = [], [], [], []
    for _ in range(count):
        kind = random.choice(3, p=SHARES)
        if kind == 0:
            crop, values, weight, face = _of_pool(mosaics, random)
        else:
            crop, values, weight, face = _of_scene(mosaics, random, face=kind == 1)
        crops.append(disturb(random, crop))
        wanted.append(values)
        weights.append(weight)
        present.append(face)
    pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    arrays = (
        torch.tensor(np.array(each), dtype=torch.float32) for each in (wanted, weights, present)
    )
    return Examples(pixels, *arrays)


Example = tuple[NDArray[np.uint8], NDArray[np.float64], tuple[float, float, float], float]


def _of_pool(mosaics: Mosaics, random: np.random.Generator) -> Example:
    """A face of the pools at any angle, a candidate's error off; sometimes too far off."""
    pool = mosaics.pools[random.choice(len(mosaics.pools), p=mosaics.shares)]
    i = int(random.integers(len(pool.box)))
    box = pool.box[i]
    off = random.random() < 0.12
    away = 1.0 if off else SHIFT
    shift = random.uniform(-away, away, 2)
    scale = float(np.exp(random.uniform(-SCALE, SCALE) * (3 if off else 1)))
    side = SIZE / MARGIN  # of the candidate's box, in the crop
    middle = (SIZE - 1) / 2
    warp = Warp(
        box[:2], scale * side / float(max(box[2:])), random_roll(random, TURNED),
        bool(random.random() < 0.5), (middle + shift[0] * side, middle + shift[1] * side),
    )  # fmt: skip
    window = (0, 0, SIZE, SIZE)
    ground = mosaics.scene(random, SIZE, mosaics.negatives).canvas
    image = Image.fromarray(ground)
    image.paste(warp.image(pool.crops[i], window), (0, 0), warp.inside(pool.inside[i], window))
    canvas = np.array(image)
    if random.random() < OCCLUDED:
        canvas = _occluded(mosaics, random, canvas, warp, scale * side, float(pool.roll[i]))
    points = warp.points(pool.points[i])
    points = points[MIRRORED_POINTS] if warp.mirror else points
    roll = np.radians(warp.roll(float(pool.roll[i])))
    size = scale * box[2:] / max(box[2:])
    values = np.concatenate(
        [shift, np.log(size), [np.cos(roll), np.sin(roll)], ((points - middle) / side).ravel()]
    )
    if not off:
        return canvas, values, (1.0, 1.0, 1.0), 1.0
    far = float(np.abs(shift).max()) > 0.6 or abs(np.log(scale)) > 0.7
    return canvas, values, (float(far), float(not far), float(not far)), 0.0


def _of_scene(mosaics: Mosaics, random: np.random.Generator, *, face: bool) -> Example:
    """A labelled face of a scene, or a place of a scene without one."""
    scenes = mosaics.scenes if face or random.random() < 0.35 else mosaics.negatives
    side, middle = SIZE / MARGIN, (SIZE - 1) / 2
    angle, mirror = random_roll(random, TURNED), bool(random.random() < 0.5)
    values = np.zeros(16)
    for _ in range(20):
        chosen = int(random.choice(len(scenes.faces.photo), p=scenes.faces.share)) if face else None
        i = int(random.integers(len(scenes)) if chosen is None else scenes.faces.photo[chosen])
        high, wide = scenes.sizes[i]
        boxes = scenes.boxes[i]
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) if len(boxes) else np.zeros(0)
        if chosen is not None:
            j = int(scenes.faces.face[chosen])
            shift = random.uniform(-SHIFT, SHIFT, 2)
            scale = float(np.exp(random.uniform(-SCALE, SCALE)))
            centre = (boxes[j, :2] + boxes[j, 2:]) / 2
            warp = Warp(
                centre, scale * side / sides[j], angle, mirror,
                (middle + shift[0] * side, middle + shift[1] * side),
            )  # fmt: skip
            size = scale * (boxes[j, 2:] - boxes[j, :2]) / sides[j]
            values[:4] = *shift, *np.log(size)
            weight = (1.0, DRAWN, 0.0)
        elif len(mosaics.hard) and random.random() < HARD:
            which, i, x, y, length, _ = mosaics.hard[random.integers(len(mosaics.hard))]
            scenes, i = (mosaics.negatives, mosaics.scenes)[int(which)], int(i)
            size = length * float(np.exp(random.uniform(-SCALE, SCALE)))
            shift = random.uniform(-SHIFT, SHIFT, 2) * side
            warp = Warp(np.array([x, y]), side / size, angle, mirror, tuple(shift + middle))
            weight = (1.0, 0.0, 0.0)
        else:
            centre = random.uniform(0, 1, 2) * (wide, high)
            length = float(np.exp(random.uniform(np.log(14), np.log(0.7 * max(high, wide)))))
            middles = (boxes[:, 2:] + boxes[:, :2]) / 2
            near = np.abs(middles - centre).max(axis=1) if len(boxes) else np.zeros(0)
            areas = np.concatenate([boxes, scenes.ignored[i]])
            inside = ((centre > areas[:, :2]) & (centre < areas[:, 2:])).all(axis=1)
            if (near < 0.7 * np.maximum(sides, length)).any() or inside.any():
                continue
            warp = Warp(centre, side / length, angle, mirror, (middle, middle))
            weight = (1.0, 0.0, 0.0)
        canvas = np.array(warp.image(scenes.image(i), (0, 0, SIZE, SIZE)))
        if face and random.random() < OCCLUDED_SCENES:
            canvas = _occluded(mosaics, random, canvas, warp, scale * side, 0.0)
        return canvas, values, weight, float(face)
    return np.zeros((SIZE, SIZE, 3), np.uint8), values, (1.0, 0.0, 0.0), 0.0


def _occluded(
    mosaics: Mosaics,
    random: np.random.Generator,
    canvas: NDArray[np.uint8],
    warp: Warp,
    side: float,
    roll: float,
) -> NDArray[np.uint8]:
    """The crop with something over its face of longer side ``side``, turned by ``roll`` before."""
    picture = Picture(canvas, np.zeros((SIZE, SIZE), bool))
    x, y = warp.to.tolist()
    mosaics.occlude(random, picture, x, y, side, warp.roll(roll))
    return picture.canvas


def refine_losses(found: Tensor, examples: Examples) -> dict[str, Tensor]:
    """Mean losses by name; "total" is what to minimise."""
    presence, box, turn = examples.weights.unbind(dim=1)
    wanted = examples.wanted
    score = F.binary_cross_entropy_with_logits(found[:, 0], examples.present, reduction="none")
    apart = F.smooth_l1_loss(found[:, 1:5], wanted[:, :4], reduction="none", beta=0.05).sum(dim=1)
    roll = (found[:, 5:7] - wanted[:, 4:6]).square().sum(dim=1)
    points = F.smooth_l1_loss(found[:, 7:], wanted[:, 6:], reduction="none", beta=0.05).sum(dim=1)
    result = {
        "score": (score * presence).sum() / presence.sum().clamp(min=1),
        "box": 2 * (apart * box).sum() / box.sum().clamp(min=1),
        "roll": (roll * turn).sum() / turn.sum().clamp(min=1),
        "points": (points * turn).sum() / turn.sum().clamp(min=1),
    }
    result["total"] = sum(result.values(), torch.zeros(()))
    return result
