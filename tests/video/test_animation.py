"""What an animated GLB plays is what the faces were."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from glb_reader import Animated
from made_heads import SIZE, Heads

from prnet.face import Face
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.formats.gltf import quaternions
from prnet.geometry.camera import FLIP_Y, Pose, rotation_from_pose
from prnet.video.frames import Film, Frame
from prnet.video.head import head_camera
from prnet.video.meshes.animation import (
    BLOCK,
    STEP,
    AnimatedMap,
    StreamedComponents,
    sparse_surface,
)
from prnet.video.meshes.rig import PersonRig
from prnet.video.outputs import OUTPUTS

FRAMES = BLOCK + 8


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads()


@pytest.fixture(scope="module")
def film(heads: Heads) -> list[Face]:
    """A head that turns, comes nearer, talks and blinks."""
    faces = []
    for i in range(FRAMES):
        shown = {"jawOpen": 0.5 + 0.4 * np.sin(i / 5), "eyeBlinkLeft": float(i % 20 == 5)}
        face = heads.face(shown, person=4, yaw=25 * np.sin(i / 9))
        near = (face.position_map - [200, 180, 0]) * (1 + i / 100) + [200 + i, 180 - i, 0]
        faces.append(replace(face, position_map=near.astype(np.float32)))
    return faces


def in_scene(face: Face, usual: float, metres: float) -> np.ndarray:
    """Vertices as the scene of a GLB has them: y up, the picture's middle at 0, metres."""
    middle = [(SIZE - 1) / 2, (SIZE - 1) / 2, 0]
    return (face.vertices - middle) * FLIP_Y / usual * metres


def test_an_animated_map_is_where_the_faces_were(film: list[Face]) -> None:
    animated = AnimatedMap()
    for i, face in enumerate(film):
        animated.add(i / 25, face)
    read = Animated(animated.glb("person1"))
    np.testing.assert_allclose(read.seconds, np.arange(FRAMES) / 25, atol=1e-6)
    weights = read.moved["weights"]
    assert weights.min() == 0
    assert weights.max() == 1
    usual = float(np.median([head_camera(face).scale for face in film]))
    kept, _ = sparse_surface(film[0].layout, STEP)
    for i in (0, 7, 25, FRAMES - 1):
        true = in_scene(film[i], usual, 0.01)[kept]
        off = np.linalg.norm(read.at(i) - true, axis=1).mean()
        assert off < 0.001 * np.ptp(true, axis=0).max()


def test_whatever_a_face_does_fits_into_a_small_file(heads: Heads) -> None:
    """All shapes move, each by itself, in more frames than there are targets."""
    random = np.random.default_rng(0)
    phases, speeds = random.uniform(0, 6, len(ARKIT_NAMES)), random.uniform(2, 9, len(ARKIT_NAMES))
    animated, usual, true = AnimatedMap(), list[float](), list[Face]()
    for i in range(FRAMES):
        values = 0.25 * np.maximum(0, np.sin(i / speeds + phases))
        face = heads.face(dict(zip(ARKIT_NAMES, values, strict=True)), person=4)
        animated.add(i / 25, face)
        usual.append(head_camera(face).scale)
        true.append(face)
    data = animated.glb("person1")
    assert len(data) < 7e6
    read, (kept, _) = Animated(data), sparse_surface(true[0].layout, STEP)
    for i in (0, 13, FRAMES - 1):
        at = in_scene(true[i], float(np.median(usual)), 0.01)[kept]
        off = np.linalg.norm(read.at(i) - at, axis=1).mean()
        assert off < 0.0005 * np.ptp(at, axis=0).max()


def test_a_rig_moves_by_names(film: list[Face]) -> None:
    rig = PersonRig()
    for i, face in enumerate(film):
        rig.add(i / 25, face)
    read = Animated(rig.glb("person1"))
    assert read.names == list(ARKIT_NAMES)
    blink, jaw = (ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "jawOpen"))
    shut = read.moved["weights"][:, blink] > 0.7
    assert np.flatnonzero(shut).tolist() == [5, 25]
    opened = read.moved["weights"][~shut, jaw]
    told = np.array([0.5 + 0.4 * np.sin(i / 5) for i in range(FRAMES)])[~shut]
    assert np.corrcoef(opened, told)[0, 1] > 0.95
    # The person's: nearer to it than a head of the mean shape.
    usual = float(np.median([rig._head.cameras[i].scale for i in range(FRAMES)]))
    true = in_scene(film[30], usual, 0.01)
    near = read.at(30)
    apart = [np.linalg.norm(true - point, axis=1).min() for point in near[::97]]
    assert np.mean(apart) < 0.01 * np.ptp(true, axis=0).max()


def test_a_still_face_needs_no_targets(film: list[Face]) -> None:
    animated = AnimatedMap()
    for i in range(3):
        animated.add(float(i), film[0])
    read = Animated(animated.glb("person1"))
    assert "weights" not in read.moved
    np.testing.assert_allclose(read.at(0), read.at(2))


@pytest.mark.parametrize("count", [1, 5, 2 * BLOCK + 3])
def test_components_of_what_has_few(count: int) -> None:
    random = np.random.default_rng(0)
    low = random.normal(size=(count, 3)) @ random.normal(size=(3, 500)) + 7
    streamed = StreamedComponents()
    for row in low.astype(np.float32):
        streamed.add(row)
    base, offsets, weights = streamed.found(3)
    np.testing.assert_allclose(base + weights @ offsets, low, atol=2e-4)


def test_turns_take_the_short_way() -> None:
    turns = [rotation_from_pose(Pose(yaw, 0, 0)) for yaw in range(0, 720, 20)]
    found = quaternions(np.stack(turns))
    assert (np.einsum("ni,ni->n", found[1:], found[:-1]) > 0.9).all()


def test_a_file_for_each_person(film: list[Face], tmp_path: Path) -> None:
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    told = Film(tmp_path / "film.mp4", SIZE, SIZE, 0, Fraction(25), None, sound=False)
    with OUTPUTS["glb"](tmp_path / "film", told, 2.0) as take:
        for i in range(3):
            people = [replace(film[i], track=7)] + [replace(film[0], track=3)] * (i > 0)
            take(i, Frame(black, 2.0 + i / 25), people)
    files = tmp_path / "film.glb", tmp_path / "film_3.glb"
    longest, other = (Animated(file.read_bytes()) for file in files)
    assert longest.document["nodes"][0]["name"] == "person7"
    np.testing.assert_allclose(longest.seconds, [0, 0.04, 0.08], atol=1e-6)
    np.testing.assert_allclose(other.seconds, [0.04, 0.08], atol=1e-6)
