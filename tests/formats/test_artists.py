"""What artists take: quads, a solid to print, codes, millimetres."""

from __future__ import annotations

import json

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

import prnet
from prnet.appearance.encode import coordinate_codes, pncc
from prnet.cli import main
from prnet.formats.output import SaveOptions
from prnet.formats.surface import face_surface, head_vertices
from prnet.formats.table import FACE_OUTPUTS
from prnet.layout.quads import quad_grid
from prnet.layout.uv_layout import default_layout
from prnet.release2018.resample import to_2018


@pytest.fixture(scope="module")
def face(sample_path):
    return prnet.Reconstructor()(sample_path)[0]


@pytest.mark.parametrize(("topology", "count"), [("quads", 12_000), ("game", 3_000)])
def test_quads_lie_on_the_surface_and_are_symmetric(face, topology, count):
    full, coarse = face_surface(face), face_surface(face, topology=topology)
    assert coarse.quads is not None
    assert abs(len(coarse.quads) - count) < 0.03 * count
    corners = coarse.vertices[coarse.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] > 0).mean() > 0.8  # counter-clockwise seen from outside
    away, _ = cKDTree(full.vertices).query(coarse.vertices)
    assert away.max() < 0.015 * np.ptp(full.vertices[:, 1])
    u, v = coarse.texture_coordinates.T
    mirrored, _ = cKDTree(np.c_[u, v]).query(np.c_[1 - u, v])
    assert mirrored.max() < 1e-6
    assert set(coarse.quads.ravel()) == set(range(len(coarse.vertices)))
    sides = np.ptp(coarse.vertices, axis=0) / np.ptp(full.vertices, axis=0)
    assert (np.abs(sides - 1) < 0.005).all()  # the outermost lie on the outline


@pytest.mark.parametrize("cells", [113, 57])
@pytest.mark.parametrize("layout", [default_layout(), to_2018().target], ids=lambda it: it.name)
def test_quads_fill_the_region_and_none_is_turned_over(layout, cells):
    """Also where their outermost corners were moved onto the border."""
    places, quads = quad_grid(layout, cells)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    (x1, x2), (y1, y2) = (places[triangles[:, 1:]] - places[triangles[:, :1]]).T
    areas = (x2 * y1 - x1 * y2) / 2
    assert areas.min() > (1 if layout is default_layout() else -0.01)  # one of 2018's is a line
    assert areas.sum() > 0.98 * layout.region.sum()


@pytest.mark.parametrize("kind", ["obj", "obj-texture", "obj-plain"])
def test_obj_files_have_quads(face, tmp_path, kind):
    path = tmp_path / "a.obj"
    FACE_OUTPUTS[kind].write(face, path, SaveOptions(topology="game"))
    rows = [line.split() for line in path.read_text().splitlines() if line.startswith("f ")]
    assert {len(row) for row in rows} == {5}
    mesh = trimesh.load(path, process=False)
    assert len(mesh.faces) == 2 * len(rows)
    assert trimesh.triangles.area(mesh.triangles).min() > 0


def test_open_quads_have_holes(face):
    closed, opened = (face_surface(face, topology="quads", openings=o) for o in ("closed", "open"))
    assert closed.quads is not None
    assert opened.quads is not None
    assert 100 < len(closed.quads) - len(opened.quads) < 800


def test_triangles_and_topology_refuse_each_other():
    with pytest.raises(prnet.PrnetError, match="or the topology quads, got both"):
        SaveOptions(topology="quads", triangles=500)


def test_relief_is_a_solid_in_millimetres(face, tmp_path):
    path = tmp_path / "a.stl"
    FACE_OUTPUTS["stl-relief"].write(face, path, SaveOptions(topology="quads"))
    mesh = trimesh.load(path)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    assert mesh.bounds[0, 2] == pytest.approx(0, abs=1e-4)
    assert 200 < np.ptp(mesh.bounds[:, 1]) < 320
    full = tmp_path / "b.stl"
    FACE_OUTPUTS["stl-relief"].write(face, full, SaveOptions())
    assert trimesh.load(full).is_watertight


def test_codes_tell_the_place_on_the_mean_face(face):
    codes = coordinate_codes(face.layout)
    assert codes.min() == 0
    assert codes.max() == 1
    picture = pncc(face)
    np.testing.assert_array_equal(picture.any(axis=2), ~np.isnan(face.depth_map()))
    x, y = np.rint(face.landmarks[30, :2]).astype(int)
    tip = face.layout.vertex_index[tuple(np.rint(face.layout.landmarks[30]).astype(int)[::-1])]
    assert np.abs(picture[y, x] - (1 + 254 * codes[tip])).max() < 6


def test_millimetres_by_the_pupils(face, tmp_path):
    default, small = head_vertices(face), head_vertices(face, 50.0)
    ratio = np.linalg.norm(small, axis=1) / np.linalg.norm(default, axis=1)
    assert np.ptp(ratio) < 1e-6
    eyes = face.camera.unproject(face.landmarks)
    apart = np.linalg.norm(eyes[36:42].mean(axis=0) - eyes[42:48].mean(axis=0))
    np.testing.assert_allclose(small, face.camera.unproject(face.vertices) * 50 / apart)
    photo = tmp_path / "a.jpg"
    prnet.save_image(photo, face.image)
    told = []
    for distance in ("60", "30"):
        options = ["--save", "json", "--scale-by", distance]
        assert main(["reconstruct", str(photo), "--out", str(tmp_path), *options]) == 0
        told.append(json.loads((tmp_path / "a.json").read_text())["millimetres_per_pixel"])
    assert told[0] == pytest.approx(2 * told[1], rel=1e-4)
