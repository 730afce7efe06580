"""What is scored: our network on the photo, or files that another system wrote."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.evaluation.protocols import euler_angles
from prnet.evaluation.samples import Sample
from prnet.face import Face
from prnet.formats.landmarks import read_points
from prnet.reconstruct import Reconstructor

ENDINGS = (".npz", "_kpt.txt", "_landmarks.txt", ".pts", ".txt")
"""Of a prediction's file, after the sample's name, in the order of preference: .npz tells most."""

Crop = Literal["truth", "detector"]
JawScheme = Literal["ibug68", "ibug-2d"]
"""The jaw in space, or where it is seen: `prnet.layout.schemes`."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """``landmarks`` (68, 2 or 3) and ``vertices`` (V, 3) in zero-based image pixels; ``angles``
    pitch, yaw, roll (3,) in degrees (`protocols.euler_angles`); ``deviations`` (68,) pixels, how
    far off a coordinate of each landmark is expected to be."""

    landmarks: NDArray[np.floating]
    vertices: NDArray[np.floating] | None = None
    angles: NDArray[np.floating] | None = None
    deviations: NDArray[np.floating] | None = None


class Predictor(Protocol):
    """``predictor(sample)`` raises PrnetError where there is no prediction; ``words`` says what is
    scored, ``crop`` how its crops were made."""

    @property
    def words(self) -> str: ...

    @property
    def crop(self) -> str: ...

    def __call__(self, sample: Sample) -> Prediction: ...


class NetworkPredictor:
    """Our network: the crop comes from the true landmarks, or from the Reconstructor's detector,
    of whose faces the one is scored whose landmarks' centre is nearest the truth's."""

    def __init__(
        self, reconstruct: Reconstructor, *, crop: Crop, name: str, points: JawScheme = "ibug68"
    ) -> None:
        self._points = points
        self._reconstruct, self._from_truth, self.words = reconstruct, crop == "truth", name
        where = (
            "from the true landmarks, 1.5 x the longer side of their box"
            if self._from_truth
            else f"from the detector {reconstruct.detector.name}, the face nearest the truth"
        )
        again = 0 if reconstruct.passes == "auto" else reconstruct.passes - 1
        self.crop = where + (f", then {again} x from the predicted landmarks" if again else "")
        if reconstruct.passes == "auto":
            self.crop += ", again from the predicted landmarks where it was off"

    def __call__(self, sample: Sample) -> Prediction:
        photo, truth = sample.read_photo(), sample.landmarks
        if truth is None:
            raise PrnetError("expected true landmarks, got none")
        faces = self._reconstruct(photo, landmarks=[truth] if self._from_truth else None)
        if not faces:
            raise PrnetError("no face detected")
        face = min(faces, key=lambda face: _distance(face, truth))
        return Prediction(
            face.points(self._points),
            face.vertices,
            euler_angles(face.camera.rotation),
            face.landmark_deviations,
        )


class FolderPredictor:
    """Another system's files: NAME and one of `ENDINGS`, in the data set's subfolders or all in
    one folder; x and y counted from ``origin`` (None: 1 in .pts, 0 in the others). A file that
    would serve several of ``samples``, those of the test set, serves none of them; a file that is
    the truth of one is no prediction."""

    crop = "as the other system made it"

    def __init__(
        self, folder: Path, samples: Iterable[Sample], *, origin: int | None = None
    ) -> None:
        if not folder.is_dir():
            raise PrnetError(f"{folder}: expected a folder of predictions, got none")
        self._folder, self._origin = folder, origin
        samples = tuple(samples)
        sources = [each.source for each in samples if isinstance(each.source, Path)]
        self._truth = frozenset(map(os.path.realpath, sources))
        self._served = defaultdict[Path, list[str]](list)
        for sample in samples:
            with suppress(PrnetError):
                self._served[self._find(Path(sample.name))].append(sample.name)
        counted = "1 in .pts, 0 in other files" if origin is None else str(origin)
        self.words = f"files of {folder.name}, first pixel {counted}"

    def __call__(self, sample: Sample) -> Prediction:
        path = self._find(Path(sample.name))
        served = self._served[path]
        if len(served) > 1:
            other = next((name for name in served if name != sample.name), "another such row")
            raise PrnetError(f"{path}: expected a prediction of its own, got that of {other}")
        arrays = read_points(path, self._origin)
        angles = arrays.get("angles")
        if angles is None and "rotation" in arrays:
            angles = euler_angles(arrays["rotation"])
        return Prediction(
            arrays["landmarks"], arrays.get("vertices"), angles, arrays.get("landmark_deviation")
        )

    def _find(self, name: Path) -> Path:
        stems = [name, name.with_suffix(""), Path(name.name), Path(name.stem)]
        for stem in dict.fromkeys(stems):
            for ending in ENDINGS:
                path = self._folder / f"{stem}{ending}"
                if os.path.isfile(path) and os.path.realpath(path) not in self._truth:
                    return path
        raise PrnetError(f"no prediction {name}{ENDINGS[0]} (or {', '.join(ENDINGS[1:])})")


def _distance(face: Face, truth: NDArray[np.floating]) -> float:
    centres = face.landmarks[:, :2].mean(axis=0) - truth[:, :2].mean(axis=0)
    return float(np.hypot(*centres))
