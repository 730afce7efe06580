"""Curves come back from made-up heads: the right one, on the right side, whoever it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_heads import Heads
from numpy.typing import NDArray
from standins import make_face

from prnet.errors import PrnetError
from prnet.facemodel.arkit.curves import MeanMeasure, PersonCurves, curve_model
from prnet.facemodel.arkit.shapes import ARKIT_NAMES, model_names
from prnet.facemodel.quantised import face_model
from prnet.layout.uv_layout import default_layout


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads()


def shown(curves: NDArray[np.floating]) -> dict[str, float]:
    return dict(zip(ARKIT_NAMES, curves.tolist(), strict=True))


def test_names_are_those_of_the_face_model() -> None:
    assert len(set(ARKIT_NAMES)) == 52
    used = [part for name in ARKIT_NAMES for part in model_names(name)]
    left_out = {"PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R"}
    assert sorted(used) == sorted(set(face_model().expression_names) - left_out)


def test_shapes_move_their_own_side(heads: Heads) -> None:
    """The person's left is at larger x; what ARKit does not part moves both."""
    for name, side in [("eyeBlinkLeft", 1), ("mouthSmileRight", -1), ("browInnerUp", 0)]:
        moved = np.linalg.norm(heads.shapes[ARKIT_NAMES.index(name)], axis=1)
        x = (moved * heads.model.neutral[:, 0]).sum() / moved.sum()
        assert x * side > 1 if side else abs(x) < 0.2, name
    assert not heads.shapes[ARKIT_NAMES.index("tongueOut")].any()


@pytest.mark.parametrize("yaw", [0.0, 35.0])
@pytest.mark.parametrize(
    ("name", "least", "other"),
    [
        ("eyeBlinkLeft", 0.8, "eyeBlinkRight"),
        ("eyeBlinkRight", 0.8, "eyeBlinkLeft"),
        ("jawOpen", 0.7, "mouthFunnel"),
        ("mouthSmileLeft", 0.7, "mouthSmileRight"),
        ("browInnerUp", 0.35, "browDownLeft"),
        ("mouthPucker", 0.6, "jawOpen"),
    ],
)
def test_a_shape_comes_back(name: str, least: float, other: str, yaw: float, heads: Heads) -> None:
    for person in (1, 2):
        curves = PersonCurves()
        for _ in range(10):
            rest = shown(curves(heads.face({}, person=person)))
        full = shown(curves(heads.face({name: 1.0}, person=person, yaw=yaw)))
        assert full[name] > max(least, rest[name] + 0.35)
        assert full[other] < rest[other] + 0.2
        assert full["tongueOut"] == 0


def test_the_head_keeps_its_shape(heads: Heads) -> None:
    """What people are and what they show is told apart by their mean."""
    model = curve_model()

    def person(number: int, *expressions: dict[str, float]) -> NDArray[np.floating]:
        mean = MeanMeasure()
        for each in expressions:
            face = heads.face(each, person=number)
            mean.add(model.measure(face))
        return model.person(mean).identity

    plain, lively = person(1, {}), person(1, {"jawOpen": 0.6}, {"mouthSmileLeft": 0.6}, {})
    assert np.corrcoef(plain, lively)[0, 1] > 0.95
    assert np.corrcoef(plain, person(2, {}))[0, 1] < 0.8


def test_many_frames_are_what_each_is(heads: Heads) -> None:
    model, mean = curve_model(), MeanMeasure()
    faces = [heads.face({"jawOpen": share}, person=3) for share in (0.0, 0.4, 0.8)]
    for face in faces:
        mean.add(model.measure(face))
    measures = np.stack([model.measure(face).values for face in faces])
    person = model.person(mean)
    together = model.curves(measures, person)
    apart = [model.curves(measure[None], person)[0] for measure in measures]
    np.testing.assert_allclose(together, apart, atol=1e-9)
    assert (np.diff(together[:, ARKIT_NAMES.index("jawOpen")]) > 0.15).all()


def test_another_layout_is_refused(heads: Heads) -> None:
    layout = replace(default_layout(), name="other")
    with pytest.raises(PrnetError, match="got one in 'other'"):
        curve_model().measure(replace(heads.face({}), layout=layout))
    with pytest.raises(PrnetError, match="got one in 'egg'"):
        curve_model().measure(make_face())
