"""The package's UV layout and what every layout can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prnet.errors import PrnetError
from prnet.geometry.mirror import MIRRORED_LANDMARKS
from prnet.layout.uv_layout import Part, UVLayout, default_layout

LAYOUT = default_layout()


def test_the_layout_is_symmetric_to_the_pixel() -> None:
    assert np.array_equal(LAYOUT.region, LAYOUT.region[:, ::-1])
    assert np.array_equal(LAYOUT.parts, LAYOUT.parts[:, ::-1])
    mirrored = LAYOUT.landmarks[MIRRORED_LANDMARKS] * [-1, 1] + [255, 0]
    assert np.allclose(mirrored, LAYOUT.landmarks, atol=1e-3)
    mirrored_map = LAYOUT.canonical[:, ::-1] * [-1, 1, 1]
    assert np.allclose(mirrored_map[LAYOUT.region], LAYOUT.canonical[LAYOUT.region], atol=1e-4)


def test_triangles_are_symmetric_and_each_edge_is_shared_by_at_most_two() -> None:
    """The squares on the symmetry axis have one diagonal and cannot be their own mirror image."""
    triangles = LAYOUT.triangles
    rows, columns = LAYOUT.vertex_pixels.T
    mirror = LAYOUT.vertex_index[rows, 255 - columns]
    on_axis = np.isin(columns[triangles], [127, 128]).all(axis=1)
    off_axis = triangles[~on_axis]
    own = {frozenset(t) for t in off_axis.tolist()}
    assert own == {frozenset(t) for t in mirror[off_axis].tolist()}
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 2


def test_the_surface_is_a_disc_without_holes() -> None:
    """Euler: V - E + T = 1 for a disc, less for every hole."""
    triangles = LAYOUT.triangles
    edges = np.unique(
        np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0
    )
    assert len(np.unique(triangles)) == len(LAYOUT.vertex_pixels)
    assert len(LAYOUT.vertex_pixels) - len(edges) + len(triangles) == 1


def test_triangles_face_outward() -> None:
    """Counter-clockwise with y up: what faces the viewer outweighs the backs of ears and lids."""
    corners = (LAYOUT.canonical_vertices * [1, -1, 1])[LAYOUT.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert normal[:, 2].sum() > 0.3 * np.linalg.norm(normal, axis=1).sum()


def test_landmarks_lie_where_they_belong() -> None:
    assert LAYOUT.region[tuple(np.rint(LAYOUT.landmarks).astype(int).T[::-1])].all()
    part = LAYOUT.parts[tuple(np.rint(LAYOUT.landmarks).astype(int).T[::-1])]
    assert (part[36:48] == Part.EYES).all()
    assert (part[48:68] == Part.MOUTH).all()
    assert (part[28:36] == Part.NOSE).all()
    chin, nose_tip, brow = LAYOUT.sample_landmarks(LAYOUT.canonical)[[8, 30, 19]]
    assert brow[1] < nose_tip[1] < chin[1]
    assert nose_tip[2] > chin[2]


def test_eyes_nose_and_mouth_have_their_room() -> None:
    speaking = np.isin(LAYOUT.parts, [Part.EYES, Part.NOSE, Part.MOUTH])
    assert speaking.sum() >= 0.25 * LAYOUT.region.size


def test_sampling_is_bilinear() -> None:
    """An affine function of row and column is reproduced exactly between pixels."""
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    ramp = np.stack([columns, rows, 2 * columns - rows + 1], axis=-1)
    sampled = LAYOUT.sample_landmarks(ramp)
    assert np.allclose(sampled[:, :2], LAYOUT.landmarks, atol=1e-3)
    x, y = LAYOUT.landmarks.T
    assert np.allclose(sampled[:, 2], 2 * x - y + 1, atol=1e-3)


def test_the_z_rule_puts_zero_at_the_mean_of_the_landmarks() -> None:
    shifted = LAYOUT.with_z_origin(LAYOUT.canonical + np.float32(7))
    assert LAYOUT.sample_landmarks(shifted)[:, 2].mean() == pytest.approx(0, abs=1e-5)
    assert np.allclose(shifted[..., :2], LAYOUT.canonical[..., :2] + 7)


def test_save_and_load_give_the_same_layout(tmp_path: Path) -> None:
    LAYOUT.save(tmp_path / "layout.npz")
    again = UVLayout.load(tmp_path / "layout.npz")
    assert again.name == LAYOUT.name
    assert again.z_rule == LAYOUT.z_rule
    for key in ("region", "landmarks", "parts", "canonical"):
        assert np.array_equal(getattr(again, key), getattr(LAYOUT, key))
    assert again.explicit_triangles is None


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", region=np.ones(3))
    with pytest.raises(PrnetError, match="expected a UV layout"):
        UVLayout.load(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(PrnetError, match="expected a UV layout"):
        UVLayout.load(tmp_path / "text.npz")


def test_beyond_the_border_the_nearest_region_pixel_goes_on() -> None:
    rows, columns = np.divmod(LAYOUT.nearest_in_region, 256)
    assert LAYOUT.region[rows, columns].all()
    y, x = np.mgrid[:256, :256]
    assert (LAYOUT.nearest_in_region == y * 256 + x)[LAYOUT.region].all()
    reach = np.maximum(abs(rows - y), abs(columns - x))
    border = np.argwhere(LAYOUT.region)
    for pixel in ((0, 0), (5, 250), (255, 0)):
        assert reach[pixel] == np.abs(border - pixel).max(axis=1).min()


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"region": np.zeros((256, 256), bool)}, "got an empty region"),
        ({"landmarks": np.full((68, 2), 255.5)}, r"expected landmarks in 0\.\.255"),
        ({"landmarks": np.full((68, 2), np.nan)}, "landmarks with numbers that are none"),
        ({"z_rule": "maximum"}, "expected a z_rule landmark_mean or minimum, got 'maximum'"),
        ({"parts": np.full((256, 256), 9)}, r"parts with 9\.\.9, not 0\.\.6"),
        ({"region": np.zeros((8, 8), bool)}, r"region of shape \(8, 8\) for \(256, 256\)"),
        ({"explicit_triangles": [[0, 1, 65535]]}, "expected triangles of vertices below"),
        ({"explicit_triangles": [[0, 1, -1]]}, r"explicit_triangles with -1\.\.1"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, changed: dict[str, Any], got: str) -> None:
    default_layout().save(tmp_path / "layout.npz")
    with np.load(tmp_path / "layout.npz") as arrays:
        np.savez(tmp_path / "layout.npz", **{**arrays, **changed})
    with pytest.raises(PrnetError, match=rf"layout\.npz: .*{got}"):
        UVLayout.load(tmp_path / "layout.npz")
