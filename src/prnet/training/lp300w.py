"""300W-LP photos with their fitted face models -> crops and true position maps (section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.crop import CropTransform
from prnet.errors import PrnetError
from prnet.image import load_image
from prnet.rasterize import interpolate, rasterize
from prnet.training.bfm import BaselFaceModel, read_mat

SIZE = 256
CROP_FACTOR = 1.5
"""Crop side over the mean of width and height of the box of the 68 landmarks."""
CENTRE_JITTER = 0.1
"""Largest shift of the crop's centre, of that mean."""
SIDE_JITTER = 0.1
"""The side is multiplied by 0.9..1.1."""
PARAMETERS = ("Pose_Para", "Shape_Para", "Exp_Para")
SKIPPED_FOLDERS = {"landmarks", "Code"}
"""Parts of the data set's archive that hold no photos with fits."""


@dataclass(frozen=True)
class FaceFit:
    """How the face model was fitted to a photo: the ``.mat`` beside it.

    angles: (3,) radians, pitch, yaw, roll of 3DDFA.  translation: (3,) pixels, y up from the
    photo's bottom.  scale: pixels per model unit.  shape: (S,), expression: (E,) coefficients.
    """

    angles: NDArray[np.float32]
    translation: NDArray[np.float32]
    scale: float
    shape: NDArray[np.float32]
    expression: NDArray[np.float32]

    @classmethod
    def read(cls, path: str | Path) -> FaceFit:
        """Raises PrnetError, naming what is missing, for files of another kind."""
        path = Path(path)
        variables = read_mat(path, PARAMETERS)
        missing = [name for name in PARAMETERS if name not in variables]
        if missing:
            raise PrnetError(f"{path}: expected {', '.join(PARAMETERS)}, got no {missing[0]}")
        pose, shape, expression = (
            np.asarray(variables[name], np.float32).ravel() for name in PARAMETERS
        )
        if pose.shape != (7,):
            raise PrnetError(f"{path}: expected Pose_Para of 7 numbers, got {pose.size}")
        if not all(np.isfinite(values).all() for values in (pose, shape, expression)):
            raise PrnetError(f"{path}: expected finite parameters, got others")
        return cls(pose[:3], pose[3:6], float(pose[6]), shape, expression)


def rotation_matrix(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """3DDFA's pitch, yaw, roll (radians) -> (3, 3) = Rx Ry Rz, each turning the other way than
    the usual right-handed matrix."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    pitch = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    yaw = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    roll = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    turned: NDArray[np.float64] = pitch @ yaw @ roll
    return turned


def image_vertices(model: BaselFaceModel, fit: FaceFit, image_height: int) -> NDArray[np.float64]:
    """The fitted face (V, 3) in the photo's pixels: x right, y down, z nearer = larger.

    y is turned about the photo's height as the 2018 data were made: height - 1 - y.
    """
    if (fit.shape.size, fit.expression.size) != (model.shape_modes, model.expression_modes):
        raise PrnetError(
            f"expected {model.shape_modes} + {model.expression_modes} coefficients for this face "
            f"model, got {fit.shape.size} + {fit.expression.size}"
        )
    vertices = model.vertices(fit.shape, fit.expression) @ rotation_matrix(fit.angles).T
    placed: NDArray[np.float64] = fit.scale * vertices + fit.translation
    placed[:, 1] = image_height - 1 - placed[:, 1]
    return placed


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


class PositionMapRenderer:
    """Draws vertices into the model's UV chart; which triangle lies where is worked out once.

    Column = 255 u, row = 255 - 255 v. Holes within the chart take the value of the nearest drawn
    pixel; outside it the map is 0.
    """

    def __init__(self, model: BaselFaceModel) -> None:
        from scipy import ndimage

        columns, rows = (SIZE - 1) * model.uv.T
        chart = np.stack([columns, SIZE - 1 - rows, np.zeros_like(rows)], axis=1)
        self.triangles = model.triangles
        self.raster = rasterize(chart, model.triangles, SIZE, SIZE)
        drawn = self.raster.mask
        nearest = ndimage.distance_transform_edt(
            ~drawn, return_distances=False, return_indices=True
        )
        self._holes = ndimage.binary_fill_holes(drawn) & ~drawn
        self._fill_from = tuple(indices[self._holes] for indices in nearest)

    def __call__(self, vertices: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vertices (V, C) -> (256, 256, C) float32."""
        position_map = interpolate(self.raster, self.triangles, vertices)
        position_map[self._holes] = position_map[self._fill_from]
        return position_map


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
        fit = FaceFit.read(self.samples[index].with_suffix(".mat"))
        vertices = image_vertices(self.model, fit, len(photo))
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
