"""From photos to fitted coefficients: what one labelling process does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, in_words
from prnet.facemodel.at_points import basis_at
from prnet.facemodel.fitting import Fits, FitSettings, fit
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.point_basis import PointBasis
from prnet.files.arrays import Array, read_arrays
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import project_head
from prnet.training.labels.correspondence import OPENINGS, Correspondence
from prnet.training.labels.landmarks import POINTS, MeshPoints, media_pipe_mesh

Arrays = dict[str, Any]
"""By the names of ``labels.npz``."""

Detector = Callable[[NDArray[np.uint8]], MeshPoints | None]


@dataclass(frozen=True)
class LabelSettings:
    max_fit_error: float = 0.02
    """Photos with a worse fit_error are rejected."""
    max_spread: float = 0.02
    """Photos with a larger landmark_spread are rejected."""
    landmarks_weight: float = 3.0
    """Weight of a given landmark, of a detected point's 1."""
    fit: FitSettings = field(default_factory=FitSettings)


@dataclass(frozen=True)
class Sources:
    """Where a worker finds everything. ``landmarks``: an ``.npz`` with ``files`` (N,) and
    ``landmarks68`` (N, 68, 2 or 3), used beside the detector, or ``landmarks468``
    (N, 468, 2 or 3), used in its place; image pixels. ``task``: see `media_pipe_mesh`."""

    photos: Path
    face_model: Path
    landmarks: Path | None = None
    task: Path | None = None


class Labeller:
    """Labels photos of one `Sources`; each process has its own."""

    def __init__(
        self, sources: Sources, settings: LabelSettings, detector: Detector | None = None
    ) -> None:
        self.settings = settings
        self.store = PhotoStore(sources.photos)
        self.given = GivenLandmarks.load(sources.landmarks)
        places = Correspondence.load()
        if detector is None and self.given.mesh is None:
            detector = media_pipe_mesh(places.mirror, sources.task)
        self.detector = detector
        model = MorphableModel.load(sources.face_model)
        self.landmarks68 = basis_at(model, places.landmarks68_vertices, places.landmarks68_weights)
        self.basis = basis_at(
            model,
            np.concatenate([places.vertices, places.landmarks68_vertices]),
            np.concatenate([places.weights, places.landmarks68_weights]),
            openings=OPENINGS,
            fading=np.arange(POINTS + 68) < POINTS,
        )

    @classmethod
    def check(cls, sources: Sources) -> None:
        """Raise PrnetError now for what would stop every worker."""
        cls(sources, LabelSettings())

    def label(self, names: Sequence[str]) -> Arrays:
        """Arrays by the names of ``labels.npz``, a row for each photo, with ``points`` and with
        ``reason`` (N,): why a photo is not to be used, or empty."""
        seen, reasons = zip(*(self._detect(name) for name in names), strict=True)
        found = np.array([one is not None for one in seen])
        rows: Arrays = {
            "files": np.array(names),
            "reason": np.array(reasons, object),
            "expression_names": np.array(self.basis.expression_names),
        }
        if found.any():
            chosen = [name for name, use in zip(names, found, strict=True) if use]
            values = self._fitted(chosen, [one for one in seen if one is not None])
            rows["reason"][found] = [
                self._judge(*pair)
                for pair in zip(values["fit_error"], values["landmark_spread"], strict=True)
            ]
            rows |= {key: _spread_out(value, found) for key, value in values.items()}
        rows["reason"] = rows["reason"].astype(str)
        return rows

    def _detect(self, name: str) -> tuple[MeshPoints | None, str]:
        try:
            if self.detector is None:
                mesh = self.given.mesh_of(name)
                return mesh, "" if mesh else "no landmarks given"
            mesh = self.detector(self.store[name])
        except Exception as error:  # whatever it is, the other photos go on
            return None, f"unreadable: {in_words(error)}"
        return mesh, "" if mesh else "no face found"

    def _fitted(self, names: Sequence[str], seen: Sequence[MeshPoints]) -> Arrays:
        mesh = np.stack([one.points[:, :2] for one in seen]).astype(np.float64)
        given = np.stack([self.given.landmarks68_of(name) for name in names])
        weights = np.ones((len(names), POINTS + 68))
        weights[:, POINTS:] = np.isfinite(given).all(2) * self.settings.landmarks_weight
        fits = fit(
            self.basis,
            np.concatenate([mesh, given], axis=1),
            weights=weights,
            settings=self.settings.fit,
        )
        size = np.sqrt(np.prod(np.ptp(mesh, axis=1), axis=1))
        known = weights[:, POINTS:] > 0
        with np.errstate(invalid="ignore"):
            error68 = fits.residuals[:, POINTS:].sum(1) / known.sum(1) / size
        return {
            "source": np.array([name.split("/")[0] if "/" in name else "" for name in names]),
            "identity": fits.identity.astype(np.float16),
            "expression": fits.expression.astype(np.float16),
            "scale": fits.scale.astype(np.float32),
            "rotation": fits.rotation.astype(np.float32),
            "translation": fits.translation.astype(np.float32),
            "yaw_deg": fits.yaw.astype(np.float32),
            "fit_error": (fits.residuals[:, :POINTS].mean(1) / size).astype(np.float32),
            "fit_error_68": error68.astype(np.float32),
            "landmark_spread": np.array([one.spread for one in seen], np.float32),
            "landmarks68": image_points(self.landmarks68, fits),
            "annotated68": given.astype(np.float32),
            "points": mesh.astype(np.float32),
        }

    def _judge(self, fit_error: float, spread: float) -> str:
        if not fit_error <= self.settings.max_fit_error:
            return f"rejected: fit error {fit_error:.3f}"
        if spread > self.settings.max_spread:
            return f"rejected: landmark spread {spread:.3f}"
        return ""


_GIVEN = {
    "files": Array(np.str_, ("N",)),
    **{
        f"landmarks{count}": Array(np.float64, ("N", count, f"D{count}"), optional=True, gaps=True)
        for count in (POINTS, 68)
    },
}


@dataclass(frozen=True)
class GivenLandmarks:
    """Landmarks from a file: by name the row, ``mesh`` (N, 468, 2 or 3), ``landmarks68``."""

    rows: dict[str, int]
    mesh: NDArray[np.floating] | None
    landmarks68: NDArray[np.floating] | None

    @classmethod
    def load(cls, path: Path | None) -> GivenLandmarks:
        if path is None:
            return cls({}, None, None)
        arrays = read_arrays(path, _GIVEN, "landmarks (.npz)")
        tables = [arrays.get(f"landmarks{count}") for count in (POINTS, 68)]
        if all(table is None for table in tables):
            raise PrnetError(f"{path}: expected landmarks68 or landmarks{POINTS}, got neither")
        if any(table is not None and table.shape[2] not in (2, 3) for table in tables):
            raise PrnetError(f"{path}: expected points of 2 or 3 coordinates, got others")
        return cls({str(name): row for row, name in enumerate(arrays["files"])}, *tables)

    def mesh_of(self, name: str) -> MeshPoints | None:
        row = self.rows.get(name)
        if row is None or self.mesh is None or not np.isfinite(self.mesh[row]).all():
            return None
        if not np.ptp(self.mesh[row, :, :2], axis=0).all():  # a line or one point
            return None
        return MeshPoints(self.mesh[row].astype(np.float32), 0.0)

    def landmarks68_of(self, name: str) -> NDArray[np.float64]:
        """(68, 2), NaN where none are given."""
        row = self.rows.get(name)
        if row is None or self.landmarks68 is None:
            return np.full((68, 2), np.nan)
        return self.landmarks68[row, :, :2].astype(np.float64)


def image_points(basis: PointBasis, fits: Fits) -> NDArray[np.float32]:
    """The points of ``basis`` in the image frame (B, K, 3), pixels."""
    heads = basis.points(np.concatenate([fits.identity, fits.expression], axis=1))
    placed = project_head(heads, fits.scale, fits.rotation, fits.translation[:, :2])
    return placed.astype(np.float32)


def _spread_out(values: NDArray[Any], found: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows of the found photos -> rows of all, zeros elsewhere."""
    rows = np.zeros((len(found), *values.shape[1:]), values.dtype)
    rows[found] = values
    return rows
