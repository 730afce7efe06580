"""A bare folder of 30 photos becomes a fine-tuned network: label, prepare, train, and no file but
the packages' own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from prnet import Reconstructor
from prnet.cli import main

for package in ("mediapipe", "torch"):
    pytest.importorskip(package)

COUNT = 30


def test_thirty_photos_become_a_network(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sample_image: NDArray[np.uint8],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number, photo in enumerate(snapshots(sample_image)):
        photo.save(Path("photos") / f"IMG_{number:04d}.jpg", quality=92)

    for command in (
        "label photos --out labels --processes 1",
        "prepare labels/labels.npz --photos photos --out prepared --shards 0:1",
        "train --data prepared --out run --init shipped --samples 640 --batch 32 --loaders 0",
    ):
        assert main(command.split()) == 0

    with np.load("labels/labels.npz") as labels:
        assert len(labels["files"]) >= COUNT - 2, "of photos of one well lit face"
    shipped, tuned = (Reconstructor(model)(sample_image) for model in (None, "run"))
    assert len(shipped) == len(tuned) == 1
    size = np.sqrt(np.ptp(shipped[0].landmarks[:, :2], axis=0).prod())
    moved = np.linalg.norm(tuned[0].landmarks - shipped[0].landmarks, axis=1).mean() / size
    assert 0 < moved < 0.02, "a few steps from the package's weights: others, but near"
    said = capsys.readouterr().out.splitlines()
    assert any(re.match(r"prepared: 2\d of (29|30|28) labelled photos;", line) for line in said)
    before, after = (
        ast.literal_eval(line.split(": ", 1)[1])["photos"]
        for line in said
        if line.startswith(("shipped: ", "640 samples: "))
    )
    assert after < 1.05 * before, "photos held out"


def snapshots(image: NDArray[np.uint8]) -> list[Image.Image]:
    """The sample photo, turned by up to 15 degrees, cut, mirrored, darker and brighter."""
    random, photos = np.random.default_rng(0), []
    for number in range(COUNT):
        photo = Image.fromarray(image).rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC)
        left, top = random.integers(0, 90, 2).tolist()
        photo = photo.crop((left, top, left + 400, top + 400))
        if number % 2:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photos.append(ImageEnhance.Brightness(photo).enhance(random.uniform(0.7, 1.2)))
    return photos
