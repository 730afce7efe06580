"""Turned views: exact labels, the photo itself where nothing turns, no holes, mirrored parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.geometry.camera import WeakPerspectiveCamera
from prnet.geometry.mesh import boundary_loops
from prnet.geometry.rasterize import Raster, interpolate, rasterize
from prnet.training.views.anchors import Topology
from prnet.training.views.profiling import PhotoMesh, turned_rotation

SIZE = 96
SIDE = 33


class Head:
    """A half ellipsoid with a nose, y up, z toward the viewer, wound outward; maybe a mouth."""

    def __init__(self, *, mouth: bool = False) -> None:
        v, u = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
        azimuth, elevation = u * 1.5, v * 1.3
        nose = 0.35 * np.exp(-(u**2 + v**2) / 0.02)
        x, y = np.sin(azimuth) * np.cos(elevation), 1.3 * np.sin(elevation)
        z = np.cos(azimuth) * np.cos(elevation) + nose
        first = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
        row, column = np.divmod(first, SIDE)
        if mouth:
            first = first[(abs(row - 7) > 1) | (abs(column - 15.5) > 3)]
        quads = np.stack([first, first + 1, first + SIDE + 1, first + SIDE], 1)
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        kept, triangles = np.unique(triangles, return_inverse=True)
        mirror = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)[:, ::-1].ravel()[kept]
        self.vertices = np.stack([x, y, z], -1).reshape(-1, 3)[kept].astype(np.float32)
        self.triangles = triangles.reshape(-1, 3)
        self.topology = Topology(self.triangles, np.searchsorted(kept, mirror))

    def colours(self) -> NDArray[np.float64]:
        """A smooth colour for each vertex, the same on both sides of the face."""
        x, y, z = self.vertices.T
        return np.stack([128 + 90 * y / 1.3, 128 + 90 * np.cos(2 * x), 60 + 100 * z], 1)

    def seen_by(self, camera: WeakPerspectiveCamera) -> NDArray[np.float64]:
        return camera.project(self.vertices)

    def photo(self, camera: WeakPerspectiveCamera) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The painted head before a grey wall, and where it is."""
        raster = rasterize(self.seen_by(camera), self.triangles, SIZE, SIZE)
        picture = interpolate(raster, self.triangles, self.colours())
        picture[~raster.mask] = 90
        return np.rint(picture.clip(0, 255)).astype(np.uint8), raster.mask

    def mesh(self, camera: WeakPerspectiveCamera) -> PhotoMesh:
        return PhotoMesh(self.photo(camera)[0], self.seen_by(camera), self.topology, camera)


def camera_at(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> WeakPerspectiveCamera:
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    rolled = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return WeakPerspectiveCamera(
        26.0, turned_rotation(rolled, yaw, pitch), np.array([47.0, 50.0, 0.0])
    )


TURNS = [(-90, 0), (-35, 20), (0, -30), (0, 0), (10, 5), (60, -10), (90, 30)]


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("start", [(0, 0, 0), (30, -10, 15)])
def test_the_label_turns_exactly(turn: tuple[float, float], start: tuple[float, ...]) -> None:
    head = Head()
    view = head.mesh(camera_at(*start)).turn(*turn)
    np.testing.assert_allclose(view.vertices, head.seen_by(view.camera), atol=1e-4)
    np.testing.assert_allclose(view.camera.rotation @ view.camera.rotation.T, np.eye(3), atol=1e-12)
    middle = (view.vertices[:, :2].min(0) + view.vertices[:, :2].max(0)) / 2
    before = head.seen_by(camera_at(*start))[:, :2]
    np.testing.assert_allclose(middle, (before.min(0) + before.max(0)) / 2, atol=1e-3)


def test_yaw_and_pitch_add_up_and_roll_stays() -> None:
    once = turned_rotation(camera_at(15, -5, 20).rotation, 30, 12)
    np.testing.assert_allclose(once, camera_at(45, 7, 20).rotation, atol=1e-12)


def test_positive_turns_go_right_and_down() -> None:
    head = Head()
    tip = int(head.vertices[:, 2].argmax())
    mesh = head.mesh(camera_at())
    still, right, down = (mesh.turn(*turn).vertices[tip] for turn in ((0, 0), (25, 0), (0, 25)))
    assert right[0] > still[0] + 5
    assert down[1] > still[1] + 5


@pytest.mark.parametrize("start", [(0, 0, 0), (35, 0, 0), (-25, 10, -30)])
def test_without_a_turn_the_photo_comes_back(start: tuple[float, ...]) -> None:
    mesh = Head().mesh(camera_at(*start))
    difference = np.abs(mesh.turn(0, 0).image.astype(int) - mesh.image)
    assert np.median(difference) == 0
    assert (difference > 2).mean() < 0.01


@pytest.mark.parametrize("turn", [(15, 0), (-30, 0), (0, 15), (0, -15), (20, 10)])
def test_a_turned_photo_looks_like_a_photo_of_the_turned_head(turn: tuple[float, float]) -> None:
    head = Head()
    view = head.mesh(camera_at()).turn(*turn)
    truth, mask = head.photo(view.camera)
    difference = np.abs(view.image.astype(int) - truth).max(2)[mask]
    assert np.median(difference) <= 2
    assert (difference > 30).mean() < 0.1  # what grazes the view in the photo


def test_the_hidden_half_is_the_mirrored_half() -> None:
    head = Head()
    view = head.mesh(camera_at(40)).turn(-80, 0)
    truth, mask = head.photo(view.camera)
    difference = np.abs(view.image.astype(int) - truth).max(2)[mask]
    assert np.median(difference) <= 4
    assert (difference > 30).mean() < 0.1


def test_another_expression_moves_the_picture_along() -> None:
    """What is painted on a part of the face goes where that part goes."""
    head, camera = Head(), camera_at()
    mesh = head.mesh(camera)
    tip = int(head.vertices[:, 2].argmax())
    bump = 6 * np.exp(-((head.vertices - head.vertices[tip]) ** 2).sum(1) / 0.1)
    moved = head.seen_by(camera) + bump[:, None] * [1, 0, 0]
    view, plain = mesh.turn(0, 0, moved=moved), mesh.turn(0, 0)
    np.testing.assert_allclose(view.vertices, moved, atol=1.0)  # the face's box stays centred
    x, y = np.rint(view.vertices[tip, :2]).astype(int)
    x0, y0 = np.rint(plain.vertices[tip, :2]).astype(int)
    assert x - x0 >= 5
    assert np.abs(view.image[y, x].astype(int) - plain.image[y0, x0]).max() <= 8


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("yaw", [0, 35])
def test_the_sheet_leaves_no_hole(
    turn: tuple[float, float], yaw: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = Head(mouth=True)
    mesh = head.mesh(camera_at(yaw))
    rasters = []

    def spy(*arguments: Any) -> Raster:
        rasters.append(rasterize(*arguments))
        return rasters[-1]

    monkeypatch.setattr("prnet.training.views.profiling.rasterize", spy)
    mesh.turn(*turn)
    assert rasters[0].mask.all()


def test_background_lies_beyond_the_head() -> None:
    head = Head()
    wall = np.zeros((SIZE, SIZE, 3), np.uint8)
    wall[..., 1] = 255
    view = head.mesh(camera_at()).turn(40, 0, background=wall)
    mask = head.photo(view.camera)[1]
    assert (view.image[:6, :6] == (0, 255, 0)).all()
    plain = head.mesh(camera_at()).turn(40, 0)
    np.testing.assert_array_equal(view.image[mask], plain.image[mask])


def test_loops_are_found_and_closed() -> None:
    head = Head(mouth=True)
    loops = boundary_loops(head.triangles)
    assert sorted(map(len, loops)) == [18, 4 * (SIDE - 1)]
    assert len(boundary_loops(head.topology.face_triangles)) == 1


def test_inside_out_meshes_are_refused() -> None:
    head = Head()
    topology = Topology(head.triangles[:, ::-1], head.topology.sheet_mirror[: len(head.vertices)])
    camera = camera_at()
    with pytest.raises(PrnetError, match="expected triangles counterclockwise"):
        PhotoMesh(head.photo(camera)[0], head.seen_by(camera), topology, camera)


def test_a_grey_image_is_refused() -> None:
    head = Head()
    with pytest.raises(PrnetError, match=r"expected a \(H, W, 3\) uint8 image"):
        PhotoMesh(np.zeros((9, 9), np.uint8), head.seen_by(camera_at()), head.topology, camera_at())
