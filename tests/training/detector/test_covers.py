"""What is put over a face lies on its face, however it is turned."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from prnet.training.detector.covers import cover, headgear, mask


def plain(random: np.random.Generator, size: np.ndarray) -> Image.Image:
    return Image.new("RGB", tuple(size.tolist()), (255, 255, 255))


@pytest.mark.parametrize("roll", [0.0, 90.0, 200.0])
def test_something_of_the_face_is_covered_and_nothing_far_from_it(roll: float) -> None:
    rows, columns = np.mgrid[:200, :200]
    apart = np.maximum(abs(rows - 100), abs(columns - 110)) / 50
    for seed in range(40):
        image = Image.new("RGB", (200, 200), (1, 2, 3))
        cover(np.random.default_rng(seed), image, np.array([110.0, 100.0]), 50.0, roll, plain)
        covered = (np.asarray(image) != (1, 2, 3)).any(axis=2)
        assert covered.any()
        assert apart[covered].max() < 1.2


def test_masks_leave_the_brows_and_hats_the_mouth() -> None:
    """In longer sides of the box, whose middle is about the bridge of the nose."""
    for seed in range(40):
        random = np.random.default_rng(seed)
        assert min(y for _, y in mask(random)) > -0.2
        middle = [y for x, y in headgear(random) if abs(x) < 0.15]
        assert not middle or max(middle) < 0.15
