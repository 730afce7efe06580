"""A program written for mediapipe.solutions.face_mesh, with its import changed and nothing else."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import prnet
import prnet.facemesh as mp
from prnet.facemesh.python.solutions.drawing_utils import DrawingSpec
from prnet.facemesh.python.solutions.face_mesh import landmark_list

GUIDE = Path(__file__).parents[2] / "docs" / "facemesh.md"

BY_ATTRIBUTE = """
mp_drawing = mp.solutions.drawing_utils
mp_drawing_styles = mp.solutions.drawing_styles
mp_face_mesh = mp.solutions.face_mesh
"""
HEADS = {
    "import as": "import prnet.facemesh as mp" + BY_ATTRIBUTE,
    "import": "import prnet.facemesh as mediapipe" + BY_ATTRIBUTE.replace("mp.", "mediapipe."),
    "from solutions": """
from prnet.facemesh.python.solutions import drawing_styles as mp_drawing_styles
from prnet.facemesh.python.solutions import drawing_utils as mp_drawing, face_mesh as mp_face_mesh
""",
}

PROGRAM = """
import cv2
import numpy as np

drawing_spec = mp_drawing.DrawingSpec(thickness=1, circle_radius=1)

image = cv2.imread(PHOTO)
h, w, _ = image.shape
with mp_face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1,
                           min_detection_confidence=0.5) as face_mesh:
    results = face_mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
annotated = image.copy()
for face_landmarks in results.multi_face_landmarks:
    mp_drawing.draw_landmarks(
        image=annotated, landmark_list=face_landmarks,
        connections=mp_face_mesh.FACEMESH_TESSELATION, landmark_drawing_spec=None,
        connection_drawing_spec=mp_drawing_styles.get_default_face_mesh_tesselation_style())
    mp_drawing.draw_landmarks(
        image=annotated, landmark_list=face_landmarks,
        connections=mp_face_mesh.FACEMESH_CONTOURS,
        landmark_drawing_spec=drawing_spec, connection_drawing_spec=drawing_spec)
    for iris in (mp_face_mesh.FACEMESH_LEFT_IRIS, mp_face_mesh.FACEMESH_RIGHT_IRIS):
        mp_drawing.draw_landmarks(annotated, face_landmarks, iris, None, drawing_spec)
cv2.imwrite(OUT, annotated)

landmark = results.multi_face_landmarks[0].landmark

def ratio(p1, p2, p3, p4, p5, p6):
    at = [np.array([landmark[i].x * w, landmark[i].y * h]) for i in (p1, p2, p3, p4, p5, p6)]
    upright = np.linalg.norm(at[1] - at[5]) + np.linalg.norm(at[2] - at[4])
    return upright / (2 * np.linalg.norm(at[0] - at[3]))

ear = (ratio(33, 160, 158, 133, 153, 144) + ratio(362, 385, 387, 263, 373, 380)) / 2

face_2d, face_3d = [], []
for idx, lm in enumerate(landmark):
    if idx in (33, 263, 1, 61, 291, 199):
        x, y = int(lm.x * w), int(lm.y * h)
        face_2d.append([x, y])
        face_3d.append([x, y, lm.z])
focal_length = 1 * w
cam_matrix = np.array([[focal_length, 0, w / 2], [0, focal_length, h / 2], [0, 0, 1]])
success, rot_vec, trans_vec = cv2.solvePnP(
    np.array(face_3d, dtype=np.float64), np.array(face_2d, dtype=np.float64), cam_matrix,
    np.zeros((4, 1), dtype=np.float64))
rmat, jac = cv2.Rodrigues(rot_vec)
angles = cv2.RQDecomp3x3(rmat)[0]

model = np.array([(0, 0, 0), (0, -330, -65), (-225, 170, -135), (225, 170, -135),
                  (-150, -150, -125), (150, -150, -125)], dtype=np.float64)
seen = np.array([(landmark[i].x * w, landmark[i].y * h) for i in (1, 152, 33, 263, 61, 291)])
ok, r, t = cv2.solvePnP(model * [1, -1, -1], seen, cam_matrix, None)
forward = cv2.Rodrigues(r)[0] @ [0, 0, -1]
yaw = np.degrees(np.arctan2(forward[0], -forward[2]))
"""


@pytest.fixture(scope="module")
def face(sample_path):
    return prnet.Reconstructor()(sample_path)[0]


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_program_runs(head: str, sample_path, sample_image, tmp_path, face):
    out = tmp_path / "mesh.png"
    names: dict[str, Any] = {"PHOTO": str(sample_path), "OUT": str(out)}
    exec(head + PROGRAM, names)
    drawn = np.asarray(Image.open(out))
    changed = (drawn != sample_image).any(axis=2)
    x0, y0, x1, y1 = np.rint(prnet.Box.around(face.vertices).xyxy).astype(int)
    assert 0.1 < changed[y0:y1, x0:x1].mean() < 0.9
    changed[y0 - 2 : y1 + 3, x0 - 2 : x1 + 3] = False
    assert not changed.any()
    assert 0.15 < names["ear"] < 0.4  # open eyes
    assert names["success"]
    assert all(np.isfinite(names["angles"]))
    assert abs(names["yaw"] - face.pose.yaw) < 12


def test_normalised_points_and_files(face, tmp_path):
    marks = mp.solutions.face_mesh.landmark_list(face).landmark
    height, width = face.image.shape[:2]
    points = face.points("mediapipe468")
    got = np.array([(m.x * width - 0.5, m.y * height - 0.5, -m.z * width) for m in marks])
    np.testing.assert_allclose(got, points, atol=1e-3)
    face.save(tmp_path / "a.json", "mediapipe")
    told = json.loads((tmp_path / "a.json").read_text())
    assert (told["image_width"], told["image_height"], len(told["landmarks"])) == (512, 512, 468)
    assert told["landmarks"][7]["z"] == pytest.approx(marks[7].z, abs=1e-6)
    face.save(tmp_path / "a.npz", "mediapipe-npz")
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_allclose(
            arrays["landmarks"][:, 0] * arrays["image_size"][0] - 0.5, points[:, 0], atol=1e-3
        )


def test_no_face_is_none_and_irises_are_warned_of():
    with pytest.warns(UserWarning, match="no irises"):
        mesh = mp.solutions.face_mesh.FaceMesh(refine_landmarks=True)
    assert mesh.process(np.zeros((80, 80, 3), np.uint8)).multi_face_landmarks is None


def test_every_import_of_the_table_works() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    table = re.findall(r"^\| `(.*mediapipe.*)` \| `(.*)` \|$", text, re.MULTILINE)
    assert len(table) >= 5
    for before, after in table:
        assert after.replace("prnet.facemesh", "mediapipe") in (before, f"{before} as mediapipe")
        exec(after, {})


def test_connections_are_of_the_points():
    module = mp.solutions.face_mesh
    for name in ("TESSELATION", "CONTOURS", "FACE_OVAL", "LIPS", "LEFT_EYE", "RIGHT_EYEBROW"):
        pairs = np.array(list(getattr(module, f"FACEMESH_{name}")))
        assert pairs.min() >= 0
        assert pairs.max() < 468
    oval = np.array(list(module.FACEMESH_FACE_OVAL))
    assert {10, 152} <= set(oval.ravel())
    assert (np.unique(oval, return_counts=True)[1] == 2).all()  # one closed line


def test_styles_are_of_media_pipes_types(face) -> None:
    module, styles = mp.solutions.face_mesh, mp.solutions.drawing_styles
    assert isinstance(styles.get_default_face_mesh_tesselation_style(), DrawingSpec)
    contours = styles.get_default_face_mesh_contours_style()
    assert set(contours) == module.FACEMESH_CONTOURS == module.FACE_CONNECTIONS
    assert contours[33, 246].color == (48, 48, 255)  # the right eye: red, in OpenCV's order
    assert contours[263, 466].color == (48, 255, 48)
    coloured = styles.get_default_face_mesh_contours_style(1)
    assert set(coloured) == module.FACEMESH_CONTOURS | module.FACEMESH_NOSE
    assert styles.get_default_face_mesh_iris_connections_style() == {}
    drawn = np.zeros((400, 400, 3), np.uint8)
    mp.solutions.drawing_utils.draw_landmarks(
        drawn, landmark_list(face), module.FACEMESH_CONTOURS, None, contours
    )
    colours = {tuple(map(int, colour)) for colour in np.unique(drawn.reshape(-1, 3), axis=0)}
    assert {(48, 48, 255), (48, 255, 48), (224, 224, 224)} <= colours


def test_results_are_told_in_a_line_and_nothing_is_processed_after_close(sample_image) -> None:
    with mp.solutions.face_mesh.FaceMesh() as mesh:
        assert repr(mesh.process(sample_image)) == "FaceMeshResults(faces=1)"
    with pytest.raises(ValueError, match=r"a FaceMesh that is open, got one after close\(\)"):
        mesh.process(sample_image)


def test_brows_and_nose_are_media_pipes():
    module = mp.solutions.face_mesh
    right, left, nose = (
        getattr(module, f"FACEMESH_{name}") for name in ("RIGHT_EYEBROW", "LEFT_EYEBROW", "NOSE")
    )
    assert (len(right), len(left), len(nose)) == (8, 8, 25)
    assert set(sum(right, ())) == {46, 52, 53, 55, 63, 65, 66, 70, 105, 107}
    assert set(sum(left, ())) == {276, 282, 283, 285, 293, 295, 296, 300, 334, 336}
    assert {(168, 6), (98, 97), (275, 4)} <= nose


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_detection_confidence": None}, "min_detection_confidence from 0 to 1, got None"),
        ({"max_num_faces": 0}, "expected max_num_faces of 1 or more, got 0"),
        ({"max_num_faces": "1"}, "expected max_num_faces of 1 or more, got '1'"),
        ({"max_num_faces": True}, "expected max_num_faces of 1 or more, got True"),
        ({"min_detection_confidence": 2}, "expected min_detection_confidence from 0 to 1, got 2"),
    ],
)
def test_wrong_arguments_are_named_as_the_caller_wrote_them(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(prnet.PrnetError, match=message):
        mp.solutions.face_mesh.FaceMesh(**arguments)


@pytest.mark.parametrize(
    ("image", "marks", "connections", "message"),
    [
        (None, [], None, "an image to draw onto, uint8 .*, got <class 'NoneType'>"),
        (np.zeros((9, 9)), [], None, r"got float64 \(9, 9\)"),
        (np.broadcast_to(np.uint8(0), (9, 9, 3)), [], None, "an image to draw onto"),
        (np.zeros((9, 9, 3), np.uint8), "marks", None, "one of multi_face_landmarks, got str"),
        (np.zeros((9, 9, 3), np.uint8), [], [(0, 468)], r"points 0..467, got \(0, 468\)"),
        (np.zeros((9, 9, 3), np.uint8), [], "abc", r"points 0..467, got a"),
        (np.zeros((9, 9, 3), np.uint8), [], [(0, 1, 2)], r"points 0..467, got \(0, 1, 2\)"),
    ],
)
def test_wrong_arguments_of_drawings(face, image: Any, marks: Any, connections, message) -> None:
    with pytest.raises(prnet.PrnetError, match=message):
        mp.solutions.drawing_utils.draw_landmarks(image, marks or landmark_list(face), connections)


def test_specs_that_are_none_are_said(face) -> None:
    picture = np.zeros((9, 9, 3), np.uint8)
    spec: Any = 5
    with pytest.raises(prnet.PrnetError, match="a DrawingSpec or a mapping to some, got int"):
        mp.solutions.drawing_utils.draw_landmarks(picture, landmark_list(face), None, spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"thickness": 1.5}, "whole sizes and a radius of at least 0, got .*thickness=1.5"),
        ({"circle_radius": 1.5}, "whole sizes"),
        ({"circle_radius": -1}, "a radius of at least 0"),
        ({"color": 5}, "a colour of three numbers, got .*color=5"),
        ({"color": (0, 255)}, "a colour of three numbers"),
        ({"color": (0, 255, np.inf)}, "a colour of three numbers"),
    ],
)
def test_specs_that_cannot_be_drawn_are_said(face, spec: Any, message: str) -> None:
    picture, marks = np.zeros((9, 9, 3), np.uint8), landmark_list(face)
    with pytest.raises(prnet.PrnetError, match=message):
        mp.solutions.drawing_utils.draw_landmarks(picture, marks, None, DrawingSpec(**spec))


def test_lists_and_iterators_draw_as_tuples_do(face) -> None:
    draw = mp.solutions.drawing_utils.draw_landmarks
    marks, pairs = landmark_list(face), [(10, 152), (234, 454)]
    color: Any = [0.0, 255, 0]
    once: Any = iter([list(pair) for pair in pairs])
    wanted, drawn = np.zeros((2, 400, 400, 3), np.uint8)
    draw(wanted, marks, pairs, None, {pairs[0]: DrawingSpec((0, 255, 0))})
    assert wanted.any()
    draw(drawn, marks, once, None, {pairs[0]: DrawingSpec(color)})
    np.testing.assert_array_equal(drawn, wanted)


def test_what_is_not_here_is_said() -> None:
    assert mp.__version__ == version("prnet")
    with pytest.raises(AttributeError, match="face mesh alone"):
        mp.tasks  # noqa: B018  the attribute is what is asked for
    with pytest.raises(AttributeError, match=r"expected drawing_styles.* got 'hands'"):
        mp.solutions.hands  # noqa: B018


def test_points_are_plotted_in_space(face) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    marks = mp.solutions.face_mesh.landmark_list(face)
    mp.solutions.drawing_utils.plot_landmarks(marks, [(10, 152)])
    (axes,) = pyplot.gcf().axes
    (line,) = axes.lines
    depth, across, up = line.get_data_3d()
    np.testing.assert_allclose(up, [-marks.landmark[10].y, -marks.landmark[152].y])
    np.testing.assert_allclose(across, [marks.landmark[10].x, marks.landmark[152].x])
    np.testing.assert_allclose(depth, [-marks.landmark[10].z, -marks.landmark[152].z])
    assert len(axes.collections[0].get_offsets()) == 468
    pyplot.close("all")
