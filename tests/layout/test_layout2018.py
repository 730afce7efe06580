import numpy as np
import pytest
from PIL import Image
from uv_folder import write_folder

from prnet.errors import PrnetError
from prnet.layout.layout2018 import read_uv_folder, read_weight_mask
from prnet.layout.uv_layout import Part, UVLayout


def test_reads_region_landmarks_and_canonical(tmp_path):
    region, landmarks, canonical = write_folder(tmp_path)
    layout = read_uv_folder(tmp_path)
    np.testing.assert_array_equal(layout.region, region)
    np.testing.assert_array_equal(layout.landmarks, landmarks.T)
    np.testing.assert_allclose(layout.canonical_vertices, canonical)
    assert layout.z_rule == "minimum"
    assert layout.explicit_triangles is None
    layout.save(tmp_path / "layout.npz")
    again = UVLayout.load(tmp_path / "layout.npz")
    np.testing.assert_array_equal(again.triangles, layout.triangles)
    np.testing.assert_array_equal(again.parts, layout.parts)


@pytest.mark.parametrize("turn", [1, -1])
def test_triangles_file_is_wound_as_the_grid_is(tmp_path, turn):
    write_folder(tmp_path)
    grid = read_uv_folder(tmp_path).triangles
    np.savetxt(tmp_path / "triangles.txt", grid[:, ::turn])
    np.testing.assert_array_equal(read_uv_folder(tmp_path).triangles, grid)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("face_ind.txt", lambda path: path.unlink(), "expected a text file of numbers"),
        ("face_ind.txt", lambda path: path.write_text("a b"), "expected a text file of numbers"),
        ("face_ind.txt", lambda path: np.savetxt(path, [5, 4]), "expected rising pixel numbers"),
        ("face_ind.txt", lambda path: np.savetxt(path, [5, 70000]), "below 65536"),
        ("face_ind.txt", lambda path: path.write_text(""), "expected rising pixel numbers"),
        ("uv_kpt_ind.txt", lambda path: np.savetxt(path, np.ones((68, 2))), r"\(2, 68\)"),
        ("canonical_vertices.npy", lambda path: np.save(path, np.ones((7, 3))), r"got \(7, 3\)"),
        ("canonical_vertices.npy", lambda path: path.write_bytes(b"x"), "expected the mean face"),
        (
            "triangles.txt",
            lambda path: np.savetxt(path, [[0, 1, 99999]] * 2),
            "vertex numbers below",
        ),
        ("triangles.txt", lambda path: np.savetxt(path, [[0, 1]]), r"expected \(T, 3\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_other_files_are_refused(tmp_path, name, write, message):
    write_folder(tmp_path)
    write(tmp_path / name)
    with pytest.raises(PrnetError, match=f"{name}: .*{message}"):
        read_uv_folder(tmp_path)


def test_weights_outside_the_region_are_zeroed(tmp_path):
    mask = np.full((256, 256), 48, np.uint8)
    mask[100:120, 100:120] = 64
    mask[110, 110] = 255
    Image.fromarray(mask).save(tmp_path / "uv_weight_mask.png")
    region = np.zeros((256, 256), bool)
    region[50:200, 50:200] = True
    weights = read_weight_mask(tmp_path, region)
    assert (weights[110, 110], weights[100, 100], weights[60, 60], weights[0, 0]) == (16, 4, 3, 0)


@pytest.mark.shared
def test_the_release_itself(shared):
    folder = shared / "prnet-2018"
    layout = read_uv_folder(folder)
    assert len(layout.vertex_pixels) == 43_867
    np.testing.assert_array_equal(
        layout.region, np.asarray(Image.open(folder / "uv_face_mask.png")) == 255
    )
    left, right, chin, nose = layout.sample_landmarks(layout.canonical)[[0, 16, 8, 30]]
    assert left[0] < nose[0] < right[0]  # x right
    assert left[1] < nose[1] < chin[1]  # y down
    assert nose[2] > chin[2] > left[2]  # z nearer = larger
    assert (layout.parts == Part.EYES).sum() == 411  # the pixels that uv_face_eyes.png blackens
    weights = read_weight_mask(folder, layout.region)
    columns, rows = layout.landmarks.astype(int).T
    assert (weights[rows, columns] == 16).all()
    assert (weights == 16).sum() == 68
    assert (weights[~layout.region] == 0).all()
    assert weights[layout.region].min() == 3
