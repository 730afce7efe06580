"""300W-LP photos with their fitted face models -> crops and true position maps (section 3.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.evaluation.datasets import SKIPPED_FOLDERS
from prnet.facemodel.basel import BaselFaceModel
from prnet.facemodel.fits300w import SIZE, FaceFit, PositionMapRenderer, image_vertices
from prnet.files.image import load_image
from prnet.geometry.crop import CropTransform

CROP_FACTOR = 1.5
"""Crop side over the mean of width and height of the box of the 68 landmarks."""
CENTRE_JITTER = 0.1
"""Largest shift of the crop's centre, of that mean."""
SIDE_JITTER = 0.1
"""The side is multiplied by 0.9..1.1."""


def training_crop(
    landmarks: NDArray[np.floating], random: np.random.Generator | None = None
) -> CropTransform:
    """The crop of 256 pixels that the 2018 network was trained on, around landmarks (68, 2+).

    Landmarks are cut to whole pixels, the side is 1.5 x the mean of their box's width and height;
    with ``random`` the centre is moved by up to 10 % of that mean and the side scaled 0.9..1.1.
    The corner pixels' centres are the square's corners (255 / side crop pixels per photo pixel).
    """
    whole = landmarks[:, :2].astype(np.int32)
    low, high = whole.min(axis=0), whole.max(axis=0)
    mean_side = float((high - low).mean())
    centre, side = (low + high) / 2, float(int(CROP_FACTOR * mean_side))
    if random is not None:
        centre = centre + random.uniform(-CENTRE_JITTER, CENTRE_JITTER, 2) * mean_side
        side *= random.uniform(1 - SIDE_JITTER, 1 + SIDE_JITTER)
    x, y = centre.tolist()
    return CropTransform(centre_x=x, centre_y=y, side=side * SIZE / (SIZE - 1), size=SIZE)


class Lp300wDataset:
    """A 300W-LP folder as training samples: dataset[i] -> crop and its true position map.

    crop: (256, 256, 3) uint8 RGB.  position map: (256, 256, 3) float32 in crop pixels, z shifted
    so that the smallest of the whole model, neck included, is 0.
    The jitter of the crop depends on ``seed``, ``epoch`` and the index alone; ``jitter=False``
    turns it off. Raises PrnetError for folders without samples and files that do not fit.
    """

    def __init__(
        self, folder: str | Path, model: BaselFaceModel, *, jitter: bool = True, seed: int = 0
    ) -> None:
        self.samples = find_samples(Path(folder))
        if not self.samples:
            raise PrnetError(f"{folder}: expected photos (.jpg) with fits (.mat), got none")
        self.model, self.jitter, self.seed = model, jitter, seed
        self.epoch = 0
        self._render = PositionMapRenderer(model)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        photo = load_image(self.samples[index])
        fit_file = self.samples[index].with_suffix(".mat")
        fit = FaceFit.read(fit_file)
        try:
            vertices = image_vertices(self.model, fit, len(photo))
        except PrnetError as error:
            raise PrnetError(f"{fit_file}: {error}") from error
        random = np.random.default_rng([self.seed, self.epoch, index]) if self.jitter else None
        crop = training_crop(vertices[self.model.landmarks], random)
        placed = crop.to_crop(vertices)
        placed[:, 2] -= placed[:, 2].min()
        return crop.crop_image(photo), self._render(placed)


def find_samples(folder: Path) -> list[Path]:
    """Photos (.jpg) in ``folder`` and below that have a ``.mat`` beside them, sorted."""
    return [photo for photo in find_photos(folder) if photo.with_suffix(".mat").is_file()]


def find_photos(folder: Path) -> list[Path]:
    """Photos (.jpg) in ``folder`` and below, sorted, but for parts without fits."""
    if not folder.is_dir():
        raise PrnetError(f"{folder}: expected a folder, got none")
    return sorted(
        photo
        for photo in folder.rglob("*.jpg")
        if not SKIPPED_FOLDERS & set(photo.relative_to(folder).parts)
    )
