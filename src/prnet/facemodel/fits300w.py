"""Fits of the Basel Face Model as 300W-LP and AFLW2000-3D store them, and their position maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.facemodel.basel import BaselFaceModel
from prnet.files.mat import read_mat
from prnet.geometry.rasterize import interpolate, rasterize

SIZE = 256
FARTHEST = 1e5
PARAMETERS = ("Pose_Para", "Shape_Para", "Exp_Para")


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
        with np.errstate(over="ignore"):
            pose, shape, expression = (
                variables[name].astype(np.float32).ravel() for name in PARAMETERS
            )
        if pose.shape != (7,):
            raise PrnetError(f"{path}: expected Pose_Para of 7 numbers, got {pose.size}")
        if not all(np.isfinite(values).all() for values in (pose, shape, expression)):
            raise PrnetError(f"{path}: expected parameters that fit into float32, got larger ones")
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
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = model.vertices(fit.shape, fit.expression) @ rotation_matrix(fit.angles).T
        placed: NDArray[np.float64] = fit.scale * vertices + fit.translation
    if not (np.abs(placed) < FARTHEST).all():
        raise PrnetError(f"expected a face within {FARTHEST:.0f} pixels of its photo, got another")
    placed[:, 1] = image_height - 1 - placed[:, 1]
    return placed


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
