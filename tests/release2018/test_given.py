"""What callers of the 2018 helpers hand over by mistake is said in one line; the drawings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import prnet.release2018
from prnet.errors import PrnetError

r: Any = prnet.release2018  # handed what types forbid

V = 4
POINTS = np.array([[1.0, 2, 3], [9, 2, 3], [1, 8, 3], [9, 8, 3]])
TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]])
PICTURE = np.zeros((16, 16, 3), np.uint8)
LANDMARKS = np.random.default_rng(0).uniform(2, 13, (68, 3))
NONE = r"got None \(which `process` gives where no face is found\)"


@pytest.fixture(scope="module")
def prn() -> Any:
    return r.PRN()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda prn: prn.get_landmarks(None), rf"a position map \(256, 256, 3\), {NONE}"),
        (lambda prn: prn.get_vertices(None), NONE),
        (lambda prn: prn.get_vertices(POINTS), r"got shape \(4, 3\)"),
        (lambda prn: prn.get_colors(PICTURE, None), NONE),
        (lambda prn: prn.get_colors(None, POINTS), NONE),
        (lambda prn: prn.get_texture(PICTURE, None), NONE),
        (
            lambda prn: prn.get_colors_from_texture(np.zeros((512, 512, 3))),
            r"expected a texture \(256, 256, C\), got shape \(512, 512, 3\)",
        ),
        (lambda _: r.PRN(prefix=None), "expected prefix to be a folder, got None"),
        (lambda prn: prn.process(PICTURE, "a"), "expected a box"),
        (lambda prn: prn.net_forward(None), rf"a crop \(256, 256, 3\), {NONE}"),
        (lambda prn: prn.pos_predictor.predict_batch(None), rf"crops \(B, .*, {NONE}"),
        (lambda prn: prn.process(PICTURE, None, "none.txt"), "none.txt: .* got no such file"),
        (lambda _: r.render_texture(None, POINTS.T, TRIANGLES.T, 9, 9), NONE),
        (
            lambda _: r.render_texture(POINTS, POINTS, TRIANGLES, 9, 9),
            r"expected vertices \(3, V\), got shape \(4, 3\)",
        ),
        (
            lambda _: r.render_texture(POINTS.T, POINTS.T[:2], TRIANGLES.T, 9, 9),
            r"expected colours \(3, 4\), got shape \(2, 4\)",
        ),
        (lambda _: r.render_texture(POINTS.T, POINTS.T, TRIANGLES.T, 0, 9), "a height and a width"),
        (lambda _: r.get_depth_image(None, TRIANGLES, 9, 9), NONE),
        (lambda _: r.get_visibility(None, TRIANGLES, 9, 9), NONE),
        (lambda _: r.get_visibility(POINTS, TRIANGLES + 1, 9, 9), "triangles of vertices 0..3"),
        (lambda _: r.get_visibility(POINTS, TRIANGLES * 1.0, 9, 9), "triangles of vertices 0..3"),
        (lambda _: r.get_uv_mask(None, TRIANGLES, POINTS, 9, 9, 9), NONE),
        (lambda _: r.get_uv_mask(np.ones(V), TRIANGLES, None, 9, 9, 9), NONE),
        (lambda _: r.generate_depth_image(None, None, (9, 9)), NONE),
        (lambda _: r.frontalize(None), NONE),
        (lambda _: r.estimate_pose(None), NONE),
        (lambda _: r.write_obj_with_colors("a.obj", None, TRIANGLES, POINTS), NONE),
        (
            lambda _: r.write_obj_with_colors("a.obj", POINTS, TRIANGLES, POINTS[:1]),
            r"expected colours \(4, 3\), got shape \(1, 3\)",
        ),
        (lambda _: r.write_obj_with_texture("a.obj", POINTS, TRIANGLES, None, POINTS), NONE),
        (lambda _: r.write_obj_with_texture("a.obj", POINTS, TRIANGLES, PICTURE, POINTS[:1]), "uv"),
        (lambda _: r.plot_kpt(PICTURE, LANDMARKS[:67]), r"landmarks \(68, 2 or 3\), got shape"),
        (lambda _: r.plot_vertices(PICTURE, None), NONE),
        (lambda _: r.plot_pose_box(PICTURE, None, LANDMARKS), NONE),
    ],
)
def test_what_is_wrong_is_said(
    prn: Any, call: Callable[[Any], Any], message: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PrnetError, match=message):
        call(prn)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "1\n2\n3\n", "left top width height", "1 2 3\n4\n"])
def test_box_files_of_something_else(prn: Any, tmp_path, text: str) -> None:
    (tmp_path / "box.txt").write_text(text)
    with pytest.raises(PrnetError, match=r"box.txt: expected left, top, width, height, got: "):
        prn.process(PICTURE, None, tmp_path / "box.txt")


def test_drawings_are_those_of_2018() -> None:
    """Dots and lines in 2018's colours on a copy: first channel, last channel, white."""
    picture = np.zeros((200, 200, 3), np.uint8)
    row = np.c_[np.arange(68) * 2.5 + 10, np.full(68, 50.4), np.zeros(68)]
    row[17:, 1] += 40
    dots = r.plot_kpt(picture, row)
    assert not picture.any()
    assert dots[50, 10].tolist() == [0, 0, 255]
    assert not dots[50:90].any(axis=2)[10:30].any()  # nothing joins the jaw's end to the brow
    lone = np.zeros((68, 2))
    lone[:2] = [[20, 20], [60, 20]]
    assert r.plot_kpt(picture, lone)[20, 40].tolist() == [255, 255, 255]
    vertices = r.plot_vertices(picture, [[20, 20, 0], [60, 60, 0], [100.4, 100, 0]])
    assert vertices[20, 20].tolist() == vertices[100, 100].tolist() == [255, 0, 0]
    assert not vertices[60, 60].any()  # every second one


def test_the_pose_box_lies_about_the_landmarks() -> None:
    """An upright camera: the rear square's side is 180 scales, the front's 210."""
    picture = np.zeros((200, 200, 3), np.uint8)
    camera = np.c_[np.eye(3) * 0.5, [7, 8, 9]]
    landmarks = np.where(np.arange(68)[:, None] < 27, 100.0, [150.0, 20, 0])
    box = r.plot_pose_box(picture, camera, landmarks, (0, 255, 0), 1)
    rows, columns = np.nonzero(box[..., 1] > 200)
    assert (rows.min(), rows.max()) == (columns.min(), columns.max()) == (47, 152)
    assert box[100, 55, 1] > 200  # the rear
    assert not box[..., [0, 2]].any()
