"""What light, lenses, sensors and files do to a picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

Pixels = NDArray[np.uint8]

NOISE = np.random.default_rng(0).standard_normal((512, 512, 3), np.float32)
"""Noise is cut out of this: drawing it anew takes longer than all the rest."""


def disturb(random: np.random.Generator, canvas: Pixels) -> Pixels:
    """Colours, blur, JPEG, darkness, low contrast, noise; quantised as a file would be."""
    size = len(canvas)
    image = Image.fromarray(canvas)
    if random.random() < 0.25:
        image = image.convert("L").convert("RGB")
    if random.random() < 0.2:
        image = image.filter(
            ImageFilter.BoxBlur(float(random.uniform(0.3, 1.8) * random.choice([1, 1, 2])))
        )
    if random.random() < 0.12:
        small = max(16, int(size * random.uniform(0.3, 0.8)))
        image = image.resize((small, small), Image.Resampling.BOX)
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    kind = random.random()
    image = image.point(_tones(random, kind))
    if 0.16 <= kind < 0.2:  # light from one side
        y, x = np.mgrid[0:1:17j, 0:1:17j] - 0.5
        a = random.uniform(0, 2 * np.pi)
        light = 200 * (0.6 + random.uniform(0.5, 1.5) * (np.cos(a) * x + np.sin(a) * y))
        shade = Image.fromarray(np.clip(light, 12, 255).astype(np.uint8)).resize((size, size))
        image = ImageChops.multiply(image, shade.convert("RGB"))
    if random.random() < 0.2:
        strength = float(np.exp(random.uniform(np.log(2), np.log(50)))) * (
            0.1 if kind < 0.16 else 1
        )
        y, x = (int(v) for v in random.integers(0, 512 - size, 2)) if size < 512 else (0, 0)
        noise = NOISE[y : y + size, x : x + size] * np.float32(strength)
        image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    if random.random() < 0.2:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(random.integers(15, 80)))
        image = Image.open(file)
    return np.asarray(image)


def _tones(random: np.random.Generator, kind: float) -> list[int]:
    """The table of 3 x 256 values of the red, green and blue that `Image.point` takes."""
    tone = np.arange(256) * random.uniform(0.75, 1.25, (3, 1)) * random.uniform(0.7, 1.3)
    if random.random() < 0.3:
        tone = 255 * (np.clip(tone, 0, 255) / 255) ** np.exp(random.normal(0, 0.4))
    tone = np.clip(tone, 0, 255)
    if kind < 0.08:  # dark
        tone = tone * np.exp(random.uniform(np.log(0.03), np.log(0.4)))
    elif kind < 0.16:  # low contrast
        contrast = np.exp(random.uniform(np.log(0.06), np.log(0.5)))
        tone = tone * contrast + random.uniform(0, 255 * (1 - contrast))
    return [int(v) for v in np.rint(tone).reshape(-1)]
