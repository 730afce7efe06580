"""The detector of our own: what its numbers mean, faces at any angle, what it refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import prnet
from prnet.detection import anchorfree
from prnet.detection.anchorfree import (
    FIRST,
    SECOND,
    UNSEEN,
    PrnetDetector,
    reduced,
    reductions,
)
from prnet.detection.candidates import WIDTH, decode_grids, distinct, placed, rescaled, to_box
from prnet.detection.protocol import boxes_of
from prnet.errors import PrnetError
from prnet.geometry.crop import CropTransform
from prnet.packaged import DATA


@pytest.fixture(scope="module")
def detector() -> PrnetDetector:
    return PrnetDetector()


def turned(image: NDArray[np.uint8], angle: float) -> tuple[NDArray[np.uint8], CropTransform]:
    """The photo turned clockwise, with its corners, and where its pixels went."""
    high, wide = image.shape[:2]
    size = int(np.ceil(np.hypot(high, wide)))
    square = CropTransform((wide - 1) / 2, (high - 1) / 2, float(size), size, roll=-angle)
    return square.crop_image(image), square


def row(
    score: float, x: float, y: float, size: tuple[float, float] = (20, 30), roll: float = 0
) -> NDArray[np.float32]:
    angle = np.radians(roll)
    points = np.array([[-5, -6], [5, -6], [0, 0], [-4, 7], [4, 7]]) + np.array([x, y])
    return np.array([score, x, y, *size, np.cos(angle), np.sin(angle), *points.ravel()], np.float32)


@pytest.mark.parametrize("angle", [0, 60, 135, 180, 250, 300])
def test_a_turned_face_is_found_where_and_how_it_lies(
    detector: PrnetDetector, sample_image: NDArray[np.uint8], angle: float
) -> None:
    (upright,) = detector(sample_image)
    photo, square = turned(sample_image, angle)
    box = max(detector(photo), key=lambda box: box.score)
    where = square.to_crop(np.array(upright.centre))
    assert np.hypot(*(np.array(box.centre) - where)) < 0.15 * upright.height
    assert abs((box.roll - upright.roll - angle + 180) % 360 - 180) < 15
    assert abs(np.log(box.area / upright.area)) < 0.4
    assert upright.points is not None
    assert box.points is not None
    apart = np.linalg.norm(box.points - square.to_crop(upright.points), axis=1)
    assert apart.max() < 0.2 * upright.height


def test_roll_turns_the_crop_so_that_landmarks_stay(sample_image: NDArray[np.uint8]) -> None:
    """Whole calls: without the turn of the crop they are 40 % and more apart."""
    reconstruct = prnet.Reconstructor(detector=PrnetDetector())
    (upright,) = reconstruct(sample_image)
    photo, square = turned(sample_image, 200)
    expected = square.to_crop(upright.landmarks)[:, :2]
    apart = min(
        np.linalg.norm(face.landmarks[:, :2] - expected, axis=1).mean()
        for face in reconstruct(photo)
    )
    assert apart < 0.06 * np.sqrt(np.ptp(expected, axis=0).prod())


@pytest.mark.parametrize(("gain", "level"), [(0.1, 0), (0.15, 110)])
def test_darkness_and_fog_hide_no_face(
    detector: PrnetDetector, sample_image: NDArray[np.uint8], gain: float, level: float
) -> None:
    (expected,) = detector(sample_image)
    dim = np.rint(sample_image * gain + level).astype(np.uint8)
    box = max(detector(dim), key=lambda box: box.score)
    assert np.hypot(*np.subtract(box.centre, expected.centre)) < 0.15 * expected.height


def test_more_is_found_with_a_lower_score_and_never_less(sample_image: NDArray[np.uint8]) -> None:
    counts = [len(PrnetDetector(min_score=s)(sample_image)) for s in (0.9, 0.5, 0.05)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    with pytest.raises(PrnetError, match="expected a score above 0 and below 1, got 1"):
        PrnetDetector(min_score=1)


def test_a_small_face_beside_a_large_one(sample_image: NDArray[np.uint8]) -> None:
    scene = np.concatenate([sample_image, np.full((512, 512, 3), 120, np.uint8)], axis=1)
    small = np.asarray(sample_image[::8, ::8])
    scene[100:164, 700:764] = small
    assert len(PrnetDetector(small_faces=True)(scene)) >= len(PrnetDetector()(scene)) >= 1


def test_a_face_at_the_end_of_a_very_wide_picture(
    detector: PrnetDetector, sample_image: NDArray[np.uint8]
) -> None:
    """Beyond the longest side that a box may have."""
    photo = np.asarray(Image.fromarray(sample_image).resize((120, 120)))
    wide = np.full((120, 70_000, 3), 128, np.uint8)
    wide[:, -120:] = photo
    (box,) = boxes_of(detector, wide)
    assert abs(box.centre[0] - 69_880 - detector(photo)[0].centre[0]) < 10


def test_everybody_in_a_crowd_is_found(
    detector: PrnetDetector, sample_image: NDArray[np.uint8]
) -> None:
    """More than the second network is asked about at once."""
    portrait = Image.fromarray(sample_image[30:260, 130:322]).resize((60, 72))
    crowd = np.tile(np.asarray(portrait), (9, 9, 1))
    assert anchorfree.ASKED_AT_ONCE < 81
    assert len(detector(crowd)) == 81


@pytest.mark.parametrize(
    ("high", "wide", "looks", "whole"),
    [
        (240, 320, [1], [1]),
        (480, 640, [3, 2, 1], [3, 2, 1]),
        (1080, 1920, [7, 4, 2, 1], [7, 4, 2, 1]),
        (6000, 8000, [37, 19, 10, 5], [37, 19, 10, 5, 3, 2]),
        (8, 8, [1], [1]),
    ],
)
def test_each_look_is_at_half_the_reduction(
    high: int, wide: int, looks: list[int], whole: list[int]
) -> None:
    """With small faces until the picture is whole, or as large as memory allows."""
    image = np.broadcast_to(np.uint8(0), (high, wide, 3))
    assert reductions(image) == looks
    assert reductions(image, None) == whole


def test_a_reduced_picture_has_the_means_of_squares() -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 33, 3), np.uint8)
    small = reduced(image, 3)
    assert small.shape == (8, 11, 3)
    np.testing.assert_allclose(small[2, 4], image[6:9, 12:15].mean(axis=(0, 1)), atol=0.51)
    assert reduced(image, 1) is image
    assert reduced(image, 6).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("found_in", "score", "kept"), [(96, 0.7, True), (192, 0.7, False), (192, 0.8, True)]
)
def test_what_only_the_enlarged_picture_shows_must_be_surer(
    found_in: int, score: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(
        self: PrnetDetector, image: NDArray[np.uint8], small: NDArray[np.uint8], *, frame: float = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        seen, nothing = small.shape[1] == found_in, np.zeros((0, 17), np.float32)
        return (row(score, x=40.0, y=40.0)[None] if seen else nothing), nothing

    monkeypatch.setattr(PrnetDetector, "look", look)
    detector = PrnetDetector(min_score=0.6)
    assert len(detector(np.zeros((96, 96, 3), np.uint8))) == kept


def test_what_a_look_does_not_see_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 640 x 480 there are looks at a third, half and all of the picture."""
    twice = row(0.55, 100, 100, (24, 24))  # too small for the first look
    once, early = row(0.55, 300, 100, (64, 64)), row(0.75, 500, 100, (64, 64))
    sure, beside_it = row(0.75, 300, 300, (64, 64)), row(0.55, 340, 300, (64, 64))
    looks = iter(
        [
            np.stack([early, beside_it]),
            np.stack([twice, beside_it]),
            np.stack([twice, once, sure, beside_it]),
        ]
    )
    monkeypatch.setattr(PrnetDetector, "look", lambda *_, **__: (next(looks), sure[None]))
    boxes = PrnetDetector(min_score=0.5, small_faces=True)(np.zeros((480, 640, 3), np.uint8))
    found = {round(box.centre[0]): box.score for box in boxes}
    doubted = 0.75 * UNSEEN**2
    assert found == pytest.approx({100: 0.55, 300: doubted, 340: 0.55, 500: doubted})


@pytest.mark.parametrize(
    ("score", "x", "side", "looks"),
    [
        (0.35, 300.0, 60.0, 2),  # may be a small face
        (0.25, 300.0, 60.0, 1),  # hardly believed
        (0.35, 300.0, 90.0, 1),  # large enough to have been seen
        (0.35, 100.0, 100.0, 1),  # the face that was found
    ],
)
def test_what_may_be_a_small_face_is_looked_at_closer(
    score: float, x: float, side: float, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    face, candidate = np.zeros((2, 1, WIDTH), np.float32)
    face[0, :6] = 0.9, 100, 100, 100, 100, 1
    candidate[0, :6] = score, x, 100, side, side, 1
    seen: list[tuple[int, ...]] = []

    def look(image: NDArray[np.uint8], small: NDArray[np.uint8]) -> tuple[Any, Any]:
        seen.append(small.shape)
        return face.copy(), candidate

    detector = PrnetDetector()
    monkeypatch.setattr(detector, "look", look)
    assert len(detector(image)) == 1
    assert seen == [(160, 214, 3), (240, 320, 3), (480, 640, 3)][:looks]


def test_the_second_is_not_asked_about_what_it_cannot_lift(
    sample_image: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.zeros((2, WIDTH), np.float32)
    rows[:, :6] = [[0.26, 100, 100, 40, 40, 1], [0.24, 300, 300, 40, 40, 1]]
    monkeypatch.setattr(anchorfree, "propose", lambda *_, **__: rows)
    detector = PrnetDetector(min_score=0.5)
    said = np.array([0.02], np.float32)
    monkeypatch.setattr(detector, "refine", lambda image, small, candidates: (candidates, said))
    asked, doubted = detector.look(sample_image, sample_image)
    np.testing.assert_array_equal(asked, rows[:1])
    assert len(doubted) == 0, "it rejects this one"
    said[0] = 0.07
    np.testing.assert_array_equal(detector.look(sample_image, sample_image)[1], rows[:1])


@pytest.mark.parametrize(
    ("score", "shift", "roll", "looks"),
    [
        (0.995, 0.05, 10.0, 1),  # sure, and about where it was asked
        (0.97, 0.05, 10.0, 2),
        (0.995, -0.1, 10.0, 2),
        (0.995, 0.05, 25.0, 4),  # the fake says each time that it lies turned
    ],
)
def test_a_second_look_follows_where_the_first_is_not_sure(
    score: float,
    shift: float,
    roll: float,
    looks: int,
    sample_image: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector = PrnetDetector()
    turn = np.radians(roll)
    said = [np.log(score / (1 - score)), 0, shift, 0, 0, np.cos(turn), np.sin(turn), *[0] * 10]
    asked: list[int] = []

    def run(outputs: list[str], inputs: dict[str, NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        asked.append(len(inputs["crops"]))
        return [np.array([said] * asked[-1], np.float32)]

    monkeypatch.setattr(detector._second, "run", run)
    candidates = np.array([row(0.9, 200, 150, (80, 90)), row(0.8, 300, 250, (80, 90))])
    faces, _ = detector.refine(sample_image, sample_image, candidates)
    assert asked == [2] * looks
    assert len(faces) == 2


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((40, 50), np.uint8), r"uint8 \(40, 50\)"),
        (np.zeros((40, 50, 4), np.uint8), r"uint8 \(40, 50, 4\)"),
        (np.zeros((40, 50, 3)), r"float64 \(40, 50, 3\)"),
        ("photo.jpg", "'photo.jpg'"),
    ],
)
def test_pictures_are_checked(detector: PrnetDetector, image: object, told: str) -> None:
    with pytest.raises(PrnetError, match=rf"expected an RGB uint8 image .* got {told}"):
        detector(cast("NDArray[np.uint8]", image))


def test_a_folder_of_ones_own_is_a_detector(
    sample_image: NDArray[np.uint8], tmp_path: Path
) -> None:
    with pytest.raises(PrnetError, match=r"detector.onnx: expected a detector file"):
        prnet.make_detector(model_path=tmp_path)
    shutil.copy(DATA / FIRST, tmp_path)
    shutil.copy(DATA / SECOND, tmp_path)
    trained = prnet.make_detector(model_path=tmp_path)
    (tmp_path / FIRST).unlink()
    assert trained(sample_image) == PrnetDetector()(sample_image)
    with pytest.raises(PrnetError, match=r"detector.onnx: expected a detector file"):
        prnet.Reconstructor(detector_model=tmp_path)


def test_files_are_checked(tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match=r"detector.onnx: expected a detector file .*, got no"):
        PrnetDetector(tmp_path)
    for name in (FIRST, SECOND):
        (tmp_path / name).write_bytes((DATA / SECOND).read_bytes())
    with pytest.raises(PrnetError, match=r"expected image tensor\(uint8\) \(any, any, 3\) -> cand"):
        PrnetDetector(tmp_path)
    _write_other_shape(tmp_path / FIRST)
    with pytest.raises(PrnetError, match=r"\(17, any\), got .* tensor\(float\) \(h, w, 3\)"):
        PrnetDetector(tmp_path)
    (tmp_path / FIRST).write_bytes((DATA / FIRST).read_bytes()[:1000])
    with pytest.raises(PrnetError, match="expected an ONNX detector"):
        PrnetDetector(tmp_path)


@pytest.mark.parametrize("name", [FIRST, SECOND])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, "expected finite candidates of this detector, got nan or inf"),
        (-np.inf, "expected finite candidates of this detector, got nan or inf"),
        (99.0, "expected a detector of faces, got one that sees far off"),
    ],
)
def test_networks_that_went_astray_are_refused(
    name: str, value: float, told: str, sample_image: NDArray[np.uint8], tmp_path: Path
) -> None:
    """They found nobody, failed in a crop, or took all memory for one."""
    for each in (FIRST, SECOND):
        model = onnx.load(DATA / each)
        if each == name:
            last = next(node for node in model.graph.node if "candidates" in node.output)
            last.output[list(last.output).index("candidates")] = "sound"
            added = numpy_helper.from_array(np.array(value, np.float32), "added")
            model.graph.initializer.append(added)
            model.graph.node.append(helper.make_node("Add", ["sound", "added"], ["candidates"]))
        onnx.save(model, tmp_path / each)
    path = tmp_path / name if "finite" in told else tmp_path
    with pytest.raises(PrnetError, match=re.escape(f"{path}: {told}")):
        PrnetDetector(tmp_path)(sample_image)


def _write_other_shape(path: Path) -> None:
    """A file of the right names and types that answers with the image itself."""
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 3])
    said = helper.make_tensor_value_info("candidates", TensorProto.FLOAT, ["h", "w", 3])
    cast = helper.make_node("Cast", ["image"], ["candidates"], to=TensorProto.FLOAT)
    graph = helper.make_graph([cast], "other", [image], [said])
    imports = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)


def test_a_cell_of_each_stride_becomes_a_row() -> None:
    cells = [(8, 3, 2), (16, 1, 2), (32, 1, 0)]  # stride, column, row of a 64 x 96 input
    outputs = np.full((WIDTH, 12 * 8 + 6 * 4 + 3 * 2), -9.0, np.float32)
    starts = {8: 0, 16: 96, 32: 120}
    for stride, column, line in cells:
        values = [4.0, 0.5, -0.25, np.log(2), np.log(3), 0, 2, *([0.5, -0.5] * 5)]
        outputs[:, starts[stride] + line * (96 // stride) + column] = values
    rows = decode_grids(outputs, 64, 96, 0.5)
    assert len(rows) == 3
    for found, (stride, column, line) in zip(rows, cells, strict=True):
        x, y = column * stride + (stride - 1) / 2, line * stride + (stride - 1) / 2
        unit = 4 * stride
        expected = [1 / (1 + np.exp(-4)), x + 0.5 * stride, y - 0.25 * stride, 2 * unit, 3 * unit]
        points = [x + 0.5 * unit, y - 0.5 * unit] * 5
        np.testing.assert_allclose(found, [*expected, 0, 1, *points], rtol=1e-5)


def test_rows_move_with_their_frame() -> None:
    frame = row(0.9, 50, 40, size=(20, 30), roll=90)
    local = np.array([[0.8, 0.5, 0, 1, 1, 1, 0, *([0.5, 0] * 5)]], np.float32)
    (moved,) = placed(local, frame[None])
    # Right of an upright face is down of one that is turned clockwise by 90 degrees.
    np.testing.assert_allclose(moved[1:7], [50, 55, 30, 30, 0, 1], atol=1e-5)
    np.testing.assert_allclose(moved[7:9], [50, 55], atol=1e-5)
    assert to_box(moved).roll == pytest.approx(90)


def test_rows_come_back_from_the_resized_picture() -> None:
    (back,) = rescaled(row(0.5, 19.5, 9.5)[None], np.array([2.0, 2.0]), (10, 5))
    np.testing.assert_allclose(back[1:5], [19.5, 9.5, 40, 60])


def test_one_row_a_face() -> None:
    rows = np.array(
        [row(0.6, 100, 100), row(0.9, 102, 100), row(0.7, 140, 100), row(0.5, 101, 95, (9, 9))]
    )
    kept = distinct(rows)
    assert [round(float(r[0]), 3) for r in kept] == [0.9, 0.7]
    assert kept[0, 1] == pytest.approx((0.9 * 102 + 0.6 * 100) / 1.5)


@pytest.mark.parametrize(("side", "small_is_enough"), [(64 * 2.2, False), (64 * 2.4, True)])
def test_a_crop_is_of_the_small_picture_where_that_has_nearly_enough_pixels(
    side: float, small_is_enough: bool
) -> None:
    image, small = np.full((480, 640, 3), 255, np.uint8), np.zeros((160, 213, 3), np.uint8)
    longer = side / anchorfree.REFINE_MARGIN
    face = row(0.9, 320, 240, (longer, longer), roll=10)
    crop = anchorfree._crop(image, small, face, (0, 0, 0))
    assert (crop == (0 if small_is_enough else 255)).all()
