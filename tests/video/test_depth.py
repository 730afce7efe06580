from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_heads import SIZE, Heads

from prnet.appearance.fill import nostrils
from prnet.appearance.render import depth_map_of
from prnet.files.image import load_image
from prnet.geometry.sampling import resized
from prnet.video.depth import depth_film
from prnet.video.frames import Frame
from prnet.video.texture import fused_textures

av = pytest.importorskip("av")


def test_depths_come_back(tmp_path: Path) -> None:
    heads, film = Heads(), tmp_path / "film_depth.mkv"
    near = heads.face({})
    far = replace(near, position_map=near.position_map * np.float32(0.5))
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    with depth_film(film, Fraction(25), 2.0) as take:
        for i, faces in enumerate([[near], [], [near, far], [far]]):
            take(i, Frame(black, 2.0 + i / 25), faces)
    with av.open(str(film)) as container:
        told = {name.lower(): word for name, word in container.metadata.items()}
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-3)
    values = [frame.to_ndarray() for frame in frames]
    assert not values[1].any()
    scale, origin = float(told["depth_scale"]), int(told["depth_origin"])
    for value, face in ((values[0], near), (values[2], near), (values[3], far)):
        true = depth_map_of(face)
        shown = ~np.isnan(true)
        assert value.dtype == np.uint16
        off = (value[shown].astype(float) - origin) * scale - true[shown]
        assert np.abs(off).max() <= scale / 2 + 1e-3
    assert (values[3][np.isnan(depth_map_of(far))] == 0).all()


def test_a_texture_for_each_person(tmp_path: Path) -> None:
    heads = Heads()
    grey, white = (np.full((SIZE, SIZE, 3), value, np.uint8) for value in (90, 250))
    one, other = heads.face({}), replace(heads.face({}), track=4, image=white)
    with fused_textures(tmp_path / "film_texture.png") as take:
        for i in range(3):
            take(i, Frame(grey, i / 25), [one, other][: 1 + (i == 1)])
    for name, value in (("film_texture.png", 90), ("film_texture_4.png", 250)):
        texture = load_image(tmp_path / name)
        dark = resized(nostrils(one.layout), len(texture)) > 0
        assert (texture[~dark] == value).all()
        assert texture[dark].mean() < value
