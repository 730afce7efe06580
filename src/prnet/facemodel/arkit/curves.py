"""ARKit's 52 curves of one person over many frames: the shape of the head is held, so that a frame
costs about a millisecond and lids that close are a blink, not another person.

The face model of the package is linear in the head frame, up to a small motion of the head, so all
that a frame says is one vector of a few hundred numbers (`CurveModel.measure`): least squares with
a Gram matrix that is the same for every frame. Their mean over a track gives the person's shape,
and with it each frame its curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, shortened
from prnet.facemodel.arkit.shapes import ARKIT_NAMES, UNSEEN, arkit_shapes
from prnet.facemodel.bounded import solve_bounded
from prnet.facemodel.position_map import Chart
from prnet.facemodel.quantised import face_model
from prnet.geometry.camera import WeakPerspectiveCamera, fit_weak_perspective, yaw_degrees
from prnet.geometry.sampling import bilinear_weights
from prnet.layout.uv_layout import default_layout
from prnet.mapped import MappedFace

Floats = NDArray[np.float64]

STEP: Final = 8
"""Map pixels between two points, each way."""
LIDS_AND_LIPS: Final = (
    *((37, 41), (38, 40), (43, 47), (44, 46)),
    *((61, 67), (62, 66), (63, 65), (36, 39), (42, 45), (48, 54)),
)
"""Pairs of landmarks whose distance is fitted, too: openings, and the widths that they go with."""
NOISE: Final = 1.3
"""Standard deviation of a coordinate of a point, cm, were the points independent of each other:
that of 20 independent points with 0.2 cm."""
OPENING_NOISE: Final = 0.08
"""Standard deviation, cm, of such a distance: what its points have in common does not count."""
SHOWN: Final = 0.3
"""Prior standard deviation of a curve."""
SHOWN_OTHERWISE: Final = {
    **{f"eyeBlink{side}": 0.6 for side in ("Left", "Right")},
    **{f"mouthSmile{side}": 0.5 for side in ("Left", "Right")},
    "jawOpen": 0.5,
    **{
        f"{name}{side}": 0.12
        for name in ("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "eyeLookIn", "eyeLookOut")
        for side in ("Left", "Right")
    },
}
"""Where several shapes could explain the lids, blink is to explain them: a map shows no gaze."""
OPEN_LIDS, SHUT_LIDS = 0.26, 0.74
"""What the fit calls the blink of open eyes and of closed ones: the face model's eyes are wider
than most, and those of the network's maps never close quite. Halves of photos with the shipped
network: shut eyes are at 0.68 to 0.9, narrowed ones at 0.5 to 0.7, others at 0.21 to 0.3."""
MOST_LIDS: Final = 0.3
"""Of a person's open eyes."""
BLINKING: Final = 0.05
"""So much are the lids of a person's open eyes above the mean of all frames."""
USUAL_FRAMES: Final = 25
"""So many frames of a person weigh as much as what is usual with all."""
TURNED: Final = 25.0
"""Degrees of yaw from which on a frame says less about the shape of the head."""


@dataclass(frozen=True, eq=False)
class CurveModel:
    """layout: the layout's name.  pixels (K, 4), shares (K, 4): the map's points that are used.
    mean (K, 3): there, head axes, cm.  design (U, 3 K): what moves them: identity, then the 52
    curves, then the head by 7 ways; weighted, so that measure = design @ (points - mean).
    gram (U, U).
    """

    layout: str
    pixels: NDArray[np.intp]
    shares: NDArray[np.float32]
    mean: NDArray[np.float32]
    design: NDArray[np.float32]
    gram: Floats

    @property
    def identities(self) -> int:
        return len(self.gram) - len(ARKIT_NAMES) - _MOTIONS

    def measure(self, face: MappedFace) -> Measure:
        """All that a frame says."""
        if face.layout.name != self.layout:
            wanted, got = shortened(self.layout, 40), shortened(face.layout.name, 40)
            raise PrnetError(f"expected a face in the UV layout '{wanted}', got one in '{got}'")
        corners = face.position_map.reshape(-1, 3).take(self.pixels, axis=0)
        points = np.einsum("kfc,kf->kc", corners, self.shares)
        camera = fit_weak_perspective(self.mean, points)
        off = camera.unproject(points) - self.mean
        return Measure(self.design @ off.astype(np.float32).ravel(), camera)

    def person(self, mean: MeanMeasure) -> Person:
        """Who it is, by the mean of what the frames said."""
        prior = np.concatenate([np.ones(self.identities), _precisions(), np.full(_MOTIONS, _TINY)])
        bounded = np.zeros(len(prior), bool)
        bounded[self.identities : -_MOTIONS] = True
        right = mean.value[None]
        (found,) = solve_bounded((self.gram + np.diag(prior))[None], right, bounded, (0.0, 1.0))
        shown = found[self.identities : -_MOTIONS]
        known = mean.count / (mean.count + USUAL_FRAMES)
        lids = OPEN_LIDS + known * (np.minimum(shown[BLINKS] - BLINKING, MOST_LIDS) - OPEN_LIDS)
        return Person(found[: self.identities], lids, shown, found[-_MOTIONS:])

    def curves(self, measures: NDArray[np.floating], person: Person) -> Floats:
        """(N, 52), 0..1, as `ARKIT_NAMES`, of frames (N, U) of the person."""
        count = self.identities
        gram = self.gram[count:, count:] + np.diag(
            np.concatenate([_precisions(), np.full(_MOTIONS, _TINY)])
        )
        own = self.gram[count:, :count] @ person.identity
        right = np.asarray(measures, np.float64)[:, count:] - own
        bounded = np.arange(len(gram)) < len(ARKIT_NAMES)
        many = np.broadcast_to(gram, (len(right), *gram.shape))
        values = solve_bounded(many, right, bounded, (0.0, 1.0))[:, : len(ARKIT_NAMES)]
        shut = (values[:, BLINKS] - person.open_lids) / (SHUT_LIDS - person.open_lids)
        values[:, BLINKS] = np.clip(shut, 0, 1)
        values[:, ARKIT_NAMES.index(UNSEEN)] = 0
        return values


@dataclass(frozen=True, eq=False)
class Person:
    """``identity`` (I,): the shape of the head; ``open_lids`` (2,): what the fit calls the blink of
    the left and the right eye when they are open; ``shown`` (52,): in the mean, by the fit, and
    ``moved`` (7,): how the head stands in the mean beside the face model's (`motions`)."""

    identity: Floats
    open_lids: Floats
    shown: Floats
    moved: Floats


class Measure(NamedTuple):
    """What a frame says of a face: ``values`` (U,) float32, and the camera of the model's mean head
    (head units: cm)."""

    values: NDArray[np.float32]
    camera: WeakPerspectiveCamera


class PersonCurves:
    """One person's curves as the frames come: called with a face, gives (52,) float64, 0..1.

    What is known of the shape of the head grows with the frames.
    """

    def __init__(self, model: CurveModel | None = None) -> None:
        self._model = model or curve_model()
        self._mean = MeanMeasure()
        self._person: Person | None = None
        self._next = 1

    def __call__(self, face: MappedFace) -> Floats:
        measure = self._model.measure(face)
        self._mean.add(measure)
        if self._person is None or self._mean.count >= self._next:
            self._person = self._model.person(self._mean)
            self._next = 2 * self._mean.count
        return np.asarray(self._model.curves(measure.values[None], self._person)[0])


class MeanMeasure:
    """The mean of a person's measures; turned heads count less."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: Floats | float = 0.0
        self._weight = 0.0

    def add(self, measure: Measure) -> float:
        """The weight that it gets."""
        yaw = float(yaw_degrees(measure.camera.rotation))
        weight = float(0.5 ** (yaw / TURNED) ** 2)
        self._sum = self._sum + weight * measure.values.astype(np.float64)
        self._weight, self.count = self._weight + weight, self.count + 1
        return weight

    @property
    def value(self) -> Floats:
        """(U,)."""
        return np.asarray(self._sum / self._weight)


@lru_cache(maxsize=1)
def curve_model() -> CurveModel:
    """Of the package's face model and our layout; half a second the first time."""
    model, layout, chart = face_model(), default_layout(), Chart.load()
    rows, columns = np.mgrid[: layout.size // STEP, : layout.size // STEP] * STEP + STEP // 2
    grid = np.stack([columns.ravel(), rows.ravel()], axis=1)
    inside = layout.region.ravel()[grid[:, 1] * layout.size + grid[:, 0]]
    points = np.concatenate([layout.landmarks, grid[inside]]).astype(np.float32)
    pixels, shares = bilinear_weights(points, layout.size, layout.size)
    known = chart.region.ravel()[pixels]
    shares = shares * known
    shares /= shares.sum(axis=1, keepdims=True)
    pixels = np.where(known, pixels, pixels[known][0])

    def at_points(values: NDArray[np.floating]) -> NDArray[np.float64]:
        flat = chart.apply(np.asarray(values, np.float32), pixels.ravel())
        return np.asarray((flat.reshape(*pixels.shape, 3) * shares[..., None]).sum(axis=1))

    shapes = arkit_shapes(model)
    shapes[:, chart.rigid] = 0
    mean = at_points(model.neutral)
    columns_ = np.stack([*map(at_points, [*model.identity, *shapes]), *motions(mean)])
    weight = np.eye(len(points)) / NOISE**2
    for one, other in LIDS_AND_LIPS:
        pair = np.zeros(len(points))
        pair[[one, other]] = 1, -1
        weight += np.outer(pair, pair) / OPENING_NOISE**2
    weighted = np.einsum("pq,uqc->upc", weight, columns_, optimize=True)
    flat = columns_.reshape(len(columns_), -1)
    return CurveModel(
        layout=layout.name,
        pixels=pixels,
        shares=shares.astype(np.float32),
        mean=mean.astype(np.float32),
        design=weighted.reshape(flat.shape).astype(np.float32),
        gram=flat @ weighted.reshape(flat.shape).T,
    )


BLINKS: Final = np.array([ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")])
_MOTIONS: Final = 7
_TINY: Final = 1e-6


def motions(points: Floats) -> list[Floats]:
    """Offsets of head points (K, 3) by a shift, a turn and a growth of the head."""
    shifts = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    return [*shifts, *(np.cross(axis, points) for axis in np.eye(3)), points]


def _precisions() -> Floats:
    return np.array([SHOWN_OTHERWISE.get(name, SHOWN) ** -2.0 for name in ARKIT_NAMES])
