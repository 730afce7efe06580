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
from prnet.facemodel.fitting import Fits
from prnet.facemodel.quantised import face_model
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import FLIP_Y, yaw_degrees
from prnet.layout.uv_layout import default_layout
from prnet.training.labels.correspondence import OPENINGS, Correspondence
from prnet.training.labels.given import GivenLandmarks
from prnet.training.labels.landmarks import POINTS, MeshPoints, media_pipe_mesh
from prnet.training.labels.shape import Shapes, ShapeSettings, fit_depth, fit_shapes

JAW = 17
BATCH = 64
"""So many photos are fitted at once."""

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
    mesh_yaw: float = 30.0
    """Degrees of yaw, by the given landmarks, beyond which the detected points are left out:
    MediaPipe's are worse there than 3DDFA_V2's."""
    jaw_weight: float = 0.1
    """Weight of a given jaw point beside the others: what is its outline differs between sets."""
    shape: ShapeSettings = field(default_factory=ShapeSettings)


@dataclass(frozen=True)
class Sources:
    """Where a worker finds everything. ``landmarks``: an ``.npz`` with ``files`` (N,) and
    ``landmarks68`` (N, 68, 2 or 3), used beside the detector, and in its place in photos where it
    finds nothing, or ``landmarks468`` (N, 468, 2 or 3), used instead of it; image pixels; perhaps
    ``landmark_spread`` (N,) of those, and ``person`` (N,), who it is. ``task``: see
    `media_pipe_mesh`."""

    photos: Path
    face_model: Path | None = None
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
        model = face_model(sources.face_model)
        self.landmarks68 = basis_at(model, places.landmarks68_vertices, places.landmarks68_weights)
        self.basis = basis_at(
            model,
            np.concatenate([places.vertices, places.landmarks68_vertices]),
            np.concatenate([places.weights, places.landmarks68_weights]),
            openings=OPENINGS,
            fading=np.arange(POINTS + 68) < POINTS,
        )

    @classmethod
    def check(cls, sources: Sources, names: Sequence[str]) -> None:
        """Raise PrnetError now for what would stop every worker, and for landmarks of none of the
        photos ``names``, which nobody would miss."""
        rows = cls(sources, LabelSettings()).given.rows
        if sources.landmarks is not None and not rows.keys() & set(names):
            raise PrnetError(
                f"{sources.landmarks}: expected files below {sources.photos}, such as {names[0]}, "
                f"got {next(iter(rows), 'none')}"
            )

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
            photo = self.store[name]
            mesh = self.given.mesh_of(name) if self.detector is None else self.detector(photo)
        except Exception as error:  # whatever it is, the other photos go on
            return None, f"unreadable: {in_words(error)}"
        if mesh is None and np.isfinite(self.given.landmarks68_of(name)).all():
            mesh = MeshPoints(np.full((POINTS, 3), np.nan, np.float32), self.given.spread_of(name))
        missing = "no landmarks given" if self.detector is None else "no face found"
        return mesh, "" if mesh else missing

    def _fitted(self, names: Sequence[str], seen: Sequence[MeshPoints]) -> Arrays:
        mesh = np.stack([one.points[:, :2] for one in seen]).astype(np.float64)
        given = np.stack([self.given.landmarks68_of(name) for name in names])
        points = np.concatenate([mesh, given], axis=1)
        weights = self.weights(mesh, given)
        shapes = fit_shapes(self.basis, points, weights=weights, settings=self.settings.shape)
        fits = shapes.plane
        identities = self.basis.identities
        detected, point = weights[:, :1] > 0, np.arange(POINTS + 68)
        used = np.where(detected, point < POINTS, (point >= POINTS + JAW) & (weights > 0))
        size = box_size(np.where(used[..., None], points, np.nan))
        known = weights[:, POINTS:] > 0
        with np.errstate(invalid="ignore"):
            error68 = fits.residuals[:, POINTS:].sum(1) / known.sum(1) / size
        error = (fits.residuals * used).sum(1) / used.sum(1) / size
        return {
            "source": np.array([name.split("/")[0] if "/" in name else "" for name in names]),
            "person": np.array([self.given.person_of(name) for name in names]),
            "identity": shapes.depth[:, :identities].astype(np.float16),
            "expression": shapes.depth[:, identities:].astype(np.float16),
            "plane": shapes.coefficients.astype(np.float16),
            "scale": fits.scale.astype(np.float32),
            "rotation": fits.rotation.astype(np.float32),
            "translation": fits.translation.astype(np.float32),
            "yaw_deg": fits.yaw.astype(np.float32),
            "fit_error": error.astype(np.float32),
            "fit_error_68": error68.astype(np.float32),
            "landmark_spread": np.array([one.spread for one in seen], np.float32),
            "landmarks68": shapes.points(self.landmarks68),
            "annotated68": given.astype(np.float32),
            "points": mesh.astype(np.float32),
        }

    def weights(
        self, mesh: NDArray[np.floating], given: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Detected (N, 468, 2) and given points (N, 68, 2) -> trust in each (N, 536)."""
        settings = self.settings
        weights = np.ones((len(mesh), POINTS + 68))
        known = np.isfinite(given).all(axis=(1, 2))
        turned = known & (np.abs(yaws_of(given)) > settings.mesh_yaw)
        weights[:, :POINTS] = (np.isfinite(mesh).all(axis=(1, 2)) & ~turned)[:, None]
        weights[:, POINTS:] = known[:, None] * settings.landmarks_weight
        weights[:, POINTS : POINTS + JAW] *= settings.jaw_weight
        return weights

    def with_one_identity(self, labels: Arrays, points: NDArray[np.float32]) -> None:
        """Give all photos of a person, in whole ``labels``, the mean of their identities, and
        their depth the expression that goes with it. ``points`` (N, 468, 2): the detected ones."""
        persons = labels["person"]
        names, person, count = np.unique(persons, return_inverse=True, return_counts=True)
        rows = np.flatnonzero((names[person] != "") & (count[person] > 1))
        for some in np.array_split(rows, max(1, len(rows) // BATCH)):
            if not len(some):
                continue
            identity = np.stack(
                [
                    labels["plane"][person == person[row], : self.basis.identities].mean(0, float)
                    for row in some
                ]
            )
            mesh, given = points[some].astype(float), labels["annotated68"][some].astype(float)
            depth = fit_depth(
                self.basis,
                np.concatenate([mesh, given], axis=1),
                identity,
                weights=self.weights(mesh, given),
                settings=self.settings.shape,
            )
            plane = fits_of(labels, some)
            labels["identity"][some] = depth[:, : self.basis.identities]
            labels["expression"][some] = depth[:, self.basis.identities :]
            labels["landmarks68"][some] = Shapes(plane, depth).points(self.landmarks68)

    def _judge(self, fit_error: float, spread: float) -> str:
        if not fit_error <= self.settings.max_fit_error:
            return f"rejected: fit error {fit_error:.3f}"
        if spread > self.settings.max_spread:
            return f"rejected: landmark spread {spread:.3f}"
        return ""


def yaws_of(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Landmarks (N, 68, 2), image pixels -> degrees (N,) of the rotation nearest to the affine
    camera that takes the mean face's inner 51 to them; anything where they are NaN."""
    layout = default_layout()
    mean = layout.sample_landmarks(layout.canonical)[JAW:] * FLIP_Y
    seen = np.nan_to_num(landmarks[:, JAW:] * FLIP_Y[:2])
    affine = np.linalg.pinv(mean - mean.mean(axis=0)) @ (seen - seen.mean(axis=1, keepdims=True))
    left, _, right = np.linalg.svd(np.swapaxes(affine, 1, 2), full_matrices=False)
    rows = left @ right
    third = np.cross(rows[:, :1], rows[:, 1:])
    return yaw_degrees(np.concatenate([rows, third], axis=1))


def box_size(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(B, K, 2), NaN where unknown -> sqrt(w * h) of their boxes (B,)."""
    span = np.nanmax(points, axis=1) - np.nanmin(points, axis=1)
    return np.asarray(np.sqrt(span.prod(axis=1)), np.float64)


def fits_of(labels: Arrays, rows: NDArray[np.integer]) -> Fits:
    """The plane's fits of some rows of ``labels.npz``."""
    identities = labels["identity"].shape[1]
    table = {
        key: labels[key][rows].astype(np.float64)
        for key in ("plane", "scale", "rotation", "translation")
    }
    return Fits(
        scale=table["scale"],
        rotation=table["rotation"],
        translation=table["translation"],
        identity=table["plane"][:, :identities],
        expression=table["plane"][:, identities:],
        residuals=np.zeros((len(rows), 0)),
    )


def _spread_out(values: NDArray[Any], found: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows of the found photos -> rows of all, zeros elsewhere."""
    rows = np.zeros((len(found), *values.shape[1:]), values.dtype)
    rows[found] = values
    return rows
