from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from misled import Misled
from numpy.typing import NDArray
from standins import make_layout, write_model

import prnet
from prnet.errors import PrnetError
from prnet.geometry.boxes import Box, given_boxes
from prnet.geometry.crop import LANDMARK_RULE, CropRule, CropTransform, crop_is_off
from prnet.network.crop_rules import GIVEN_BOX_RULE
from prnet.packaged import SAMPLE_PHOTO
from prnet.reconstruct import MIN_PRESENCE, Reconstructor

IMAGE: NDArray[np.uint8] = np.zeros((300, 400, 3), np.uint8)


class TwoFaces:
    """A detector that sees the same two boxes everywhere."""

    name = "two"
    crop_rule = CropRule(scale=2.0, shift_y=0.1)
    boxes: tuple[Box, ...] = (Box(100, 50, 200, 150, 0.9), Box(300, 100, 340, 140, 0.8))

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        return list(self.boxes)


class Twice(TwoFaces):
    boxes = (Box(100, 50, 200, 150, 0.9), Box(105, 50, 205, 150, 0.8))


class NoFace(TwoFaces):
    boxes = ()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def test_faces_lie_where_their_boxes_are(model: Path) -> None:
    faces = Reconstructor(model, detector=TwoFaces(), passes=1)(IMAGE)
    assert [face.box for face in faces] == list(TwoFaces.boxes)
    for face in faces:
        x, y = face.box.centre
        np.testing.assert_allclose(
            face.camera.translation[:2], [x, y + 0.1 * face.box.width], atol=0.01
        )
        np.testing.assert_allclose(face.pose, (0, 0, 0), atol=0.01)
        # The stand-in network's egg is half as large as canonical in a crop of 128 pixels.
        assert face.camera.scale == pytest.approx(0.5 * 2 * face.box.width / 128, rel=1e-4)
        assert face.landmarks[:, 2].mean() == pytest.approx(0, abs=1e-3)
        assert face.image is not None


def test_given_landmarks_and_boxes_replace_the_detector(model: Path) -> None:
    reconstruct = Reconstructor(model, detector=NoFace())
    assert reconstruct(IMAGE) == []
    layout = make_layout()
    landmarks = layout.sample_landmarks(layout.canonical) + np.array([150, 120, 0], np.float32)
    small = 0.2 * landmarks
    of_landmarks = reconstruct(IMAGE, landmarks=[small, landmarks])
    boxes = [face.box for face in of_landmarks]
    assert boxes[0].area < boxes[1].area  # in the caller's order
    for face, points in zip(of_landmarks, (small, landmarks), strict=True):
        assert face.crop == CropTransform.from_landmarks(points, size=128)
    of_boxes = reconstruct(IMAGE, boxes=boxes)
    assert [face.box for face in of_boxes] == boxes


def _square(crop: CropTransform) -> tuple[float, ...]:
    return crop.centre_x, crop.centre_y, crop.side, crop.roll


def test_second_pass_crops_by_the_first_landmarks(model: Path) -> None:
    once = Reconstructor(model, detector=TwoFaces(), passes=1)(IMAGE)
    twice = Reconstructor(model, detector=TwoFaces(), passes=2)(IMAGE)
    for first, second in zip(once, twice, strict=True):
        upright = CropTransform.from_landmarks(first.landmarks, size=128)
        assert _square(second.crop) == pytest.approx(_square(upright), abs=1e-3)
        assert second.box == first.box


def test_batch_gives_what_single_calls_give(model: Path) -> None:
    reconstruct = Reconstructor(model, detector=TwoFaces(), passes=1)
    for face in reconstruct(IMAGE):
        crop = CropTransform.from_box(face.box, TwoFaces.crop_rule, size=128)
        (alone,) = reconstruct.from_crops(IMAGE, [face.box], [crop])
        np.testing.assert_array_equal(alone.position_map, face.position_map)


def test_crops_of_faces_that_are_about_upright_are_not_turned(model: Path) -> None:
    reconstruct = Reconstructor(model, detector=NoFace(), passes=1)
    rolls = [0, 4, -4, 6, -6, 90, 180]
    boxes = [Box(100, 50, 200, 150, roll=roll) for roll in rolls]
    faces = reconstruct(IMAGE, boxes=boxes)
    assert [face.crop.roll for face in faces] == [0, 0, 0, 6, -6, 90, 180]
    assert [face.box for face in faces] == boxes
    assert _square(faces[1].crop) == _square(faces[2].crop) == _square(faces[0].crop)


def test_places_come_in_any_numbers(model: Path) -> None:
    reconstruct = Reconstructor(model, detector=NoFace())
    box = Box(100, 50, 200, 150)
    (expected,) = reconstruct(IMAGE, boxes=[box])
    odd: Any = (np.float32(100), np.int16(50), np.array(200), 150)
    places: Any = [(100, 50, 200, 150), [np.float32(100), 50, np.int64(200), 150.0], Box(*odd)]
    for given in places:
        (face,) = reconstruct(IMAGE, boxes=[given])
        assert face.box == box
        assert json.dumps(face.box.xyxy) == "[100.0, 50.0, 200.0, 150.0]"
        np.testing.assert_array_equal(face.position_map, expected.position_map)
    array: Any = np.array([box.xyxy])
    (face,) = reconstruct(IMAGE, boxes=array)
    assert face.box == box
    layout = make_layout()
    points = np.rint(layout.sample_landmarks(layout.canonical) + np.array([150, 120, 0]))
    (expected,) = reconstruct(IMAGE, landmarks=[points])
    for each in (points.tolist(), points.astype(int)):
        (face,) = reconstruct(IMAGE, landmarks=[each])
        np.testing.assert_allclose(face.position_map, expected.position_map, atol=1e-4)


def test_faces_keep_their_picture(model: Path) -> None:
    """A camera's buffer takes the next frame; a file's pixels are nobody else's."""
    frame = IMAGE.copy()
    (face, _) = Reconstructor(model, detector=TwoFaces())(frame)
    frame[:] = 255
    assert face.image is not None
    assert face.image.max() == 0
    assert face.vertex_colors().max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"boxes": [], "landmarks": []}, "expected boxes or landmarks, got both"),
        ({"boxes": [Box(5, 5, 5, 9)]}, "expected a box with x0 < x1"),
        ({"boxes": [Box(0, 0, np.nan, 9)]}, "expected a box with x0 < x1"),
        ({"boxes": [Box(0, 0, 1e308, 1e308)]}, "expected a box with sides of 1 to 65536 pixels"),
        ({"boxes": [Box(-1e308, 0, 1e308, 9)]}, "expected a box with sides of 1 to 65536 pixels"),
        ({"boxes": [Box(0, 0, 1e-300, 1e-300)]}, "expected a box with sides of 1 to 65536"),
        ({"boxes": [Box(2e6, 0, 2e6 + 9, 9)]}, "corners within 1000000"),
        ({"boxes": [(0, 0, 9)]}, r"expected a box or its x0, y0, x1, y1, got \(0, 0, 9\)"),
        ({"boxes": (0, 0, 9, 9)}, "expected a list of boxes, .* got .0, 0, 9, 9"),
        ({"boxes": [(0, 0, "a", 9)]}, "expected a box of numbers, got"),
        ({"boxes": [(0, 0, 10**400, 5)]}, "expected a box of numbers, got"),
        ({"landmarks": 5}, "expected a list of landmarks, got 5"),
        ({"landmarks": [[[10**400, 0]] * 68]}, "expected 68 landmarks .* got no such array"),
        ({"landmarks": ["abc"]}, "expected 68 landmarks .* got no such array"),
        ({"landmarks": [[[1, 2], [3]]]}, "expected 68 landmarks .* got no such array"),
        ({"landmarks": [np.zeros((5, 2))]}, r"expected 68 landmarks .* got shape \(5, 2\)"),
        ({"landmarks": np.zeros((68, 3))}, r"expected a list of landmarks, .* shape \(68, 3\)"),
        ({"landmarks": [np.zeros((68, 2))]}, "expected a box with x0 < x1"),
        ({"landmarks": [np.full((68, 2), np.nan)]}, "68 finite landmarks, got some that are not"),
    ],
)
def test_wrong_places_are_refused(model: Path, arguments: dict, message: str) -> None:
    with pytest.raises(PrnetError, match=message):
        Reconstructor(model, detector=NoFace())(IMAGE, **arguments)


def test_wrong_settings_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(PrnetError, match="1 to 32 passes or 'auto', got 0"):
        Reconstructor(model, passes=0)
    lonely = tmp_path / "network.onnx"
    lonely.write_bytes((model / "network.onnx").read_bytes())
    with pytest.raises(PrnetError, match=r"uv_layout\.npz: expected a UV layout"):
        Reconstructor(lonely)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"passes": True}, "1 to 32 passes or 'auto', got True"),
        ({"passes": 33}, "1 to 32 passes or 'auto', got 33"),
        ({"passes": "sometimes"}, "1 to 32 passes or 'auto', got 'sometimes'"),
        ({"max_faces": 1.5}, "at least 1 face at most, got 1.5"),
        ({"max_faces": "2"}, "at least 1 face at most, got '2'"),
        ({"max_faces": True}, "at least 1 face at most, got True"),
        ({"min_presence": None}, "a presence from 0 to 1, got None"),
        ({"min_presence": True}, "a presence from 0 to 1, got True"),
        ({"min_score": "x"}, "a score above 0 and below 1, got 'x'"),
        ({"min_score": "x", "detector": NoFace()}, "a number as least score, got 'x'"),
        ({"min_score": np.nan, "detector": "none"}, "a number as least score, got nan"),
        ({"threads": 1.5}, "1 to 1024 threads, got 1.5"),
        ({"threads": "2"}, "1 to 1024 threads, got '2'"),
        ({"max_pixels": None}, "more than 0 pixels at most, got None"),
    ],
)
def test_what_is_no_number_is_refused_at_once(model: Path, settings: dict, message: str) -> None:
    with pytest.raises(PrnetError, match=f"^expected {message}$"):
        Reconstructor(model, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": 3}, "a model's name, folder or file, got int"),
        ({"model": b"fast"}, "a model's name, folder or file, got bytes"),
        ({"detector_model": 3}, "a detector model's file or folder, got int"),
    ],
)
def test_what_is_no_path_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(PrnetError, match=f"^expected {message}$"):
        Reconstructor(**settings)


def test_numbers_of_numpy_are_numbers(model: Path) -> None:
    three = {name: np.int64(1) for name in ("passes", "max_faces", "threads")}
    share = {name: np.float32(0.5) for name in ("min_score", "min_presence")}
    reconstruct = Reconstructor(model, detector=TwoFaces(), **three, **share)  # type: ignore[arg-type]
    assert len(reconstruct(IMAGE)) == 1


def test_of_the_detectors_faces_those_that_were_asked_for(model: Path) -> None:
    every = Reconstructor(model, detector=TwoFaces())(IMAGE)
    assert len(every) == 2
    (largest,) = Reconstructor(model, detector=TwoFaces(), max_faces=1)(IMAGE)
    assert largest.box == every[0].box
    best = max(face.score for face in every)
    sure = Reconstructor(model, detector=TwoFaces(), min_score=best)(IMAGE)
    assert [face.score for face in sure] == [face.score for face in every if face.score == best]
    assert Reconstructor(model, detector=TwoFaces(), min_score=best + 0.1)(IMAGE) == []
    with pytest.raises(PrnetError, match="expected at least 1 face at most, got 0"):
        Reconstructor(model, max_faces=0)


def test_what_a_detector_says_is_checked(model: Path) -> None:
    class Silent(NoFace):
        def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
            return None  # type: ignore[return-value]

    class Unsure(NoFace):
        def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
            return [Box(0, 0, 9, 9, np.nan)]

    with pytest.raises(PrnetError, match=r"expected a list of boxes .*, got NoneType"):
        Reconstructor(model, detector=Silent())(IMAGE)
    with pytest.raises(PrnetError, match="expected a box with a finite score and roll, got nan"):
        Reconstructor(model, detector=Unsure())(IMAGE)
    with pytest.raises(PrnetError, match="expected small_faces to be True or False, got 'no'"):
        Reconstructor(model, small_faces="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [{"small_faces": True}, {"detector_model": "yunet.onnx"}])
def test_options_of_named_detectors_are_refused_beside_an_object(model: Path, option: dict) -> None:
    (name,) = option
    with pytest.raises(PrnetError, match=f"expected the name of a detector with {name}"):
        Reconstructor(model, detector=TwoFaces(), **option)


def test_what_is_no_detector_is_said(model: Path) -> None:
    wrongs: tuple[Any, ...] = (None, 5, lambda image: [])
    for wrong in wrongs:
        with pytest.raises(PrnetError, match="expected a detector's name, or an object with name"):
            Reconstructor(model, detector=wrong)


class SeesGreen(TwoFaces):
    boxes = (Box(100, 50, 200, 150), Box(300, 100, 340, 140))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_face_whose_roll_is_taken_wrongly_is_turned(
    sample_image: NDArray[np.uint8], turn: float
) -> None:
    detector = Misled(lambda box: box.turned(turn))
    (expected,) = Reconstructor(passes=1)(sample_image)
    (face,) = Reconstructor(detector=detector, passes=1)(sample_image)
    assert face.box.roll == pytest.approx(expected.box.roll, abs=3)
    assert face.presence == pytest.approx(expected.presence, abs=0.01)
    np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.1)


def test_a_face_that_is_not_believed_is_looked_for_beside_its_box(
    sample_image: NDArray[np.uint8],
) -> None:
    (expected,) = Reconstructor()(sample_image)
    detector = Misled(lambda box: box.aside(0.7))
    reconstruct = Reconstructor(detector=detector)
    box = detector(sample_image)[0]
    crop = CropTransform.from_box(box, LANDMARK_RULE, size=reconstruct.network.crop_size)
    (missed,) = reconstruct.from_crops(sample_image, [box], [crop])
    assert cast(float, missed.presence) < MIN_PRESENCE
    (face,) = reconstruct(sample_image)
    side = max(expected.box.width, expected.box.height)
    assert np.abs(face.landmarks - expected.landmarks).max() < 0.1 * side
    np.testing.assert_allclose(face.box.centre, expected.box.centre, atol=0.1 * side)
    assert face.box.score == pytest.approx(expected.box.score)


def test_what_is_found_beside_a_box_is_no_face_that_is_there(
    sample_image: NDArray[np.uint8],
) -> None:
    (expected,) = Reconstructor(passes=1)(sample_image)
    detector = Misled(lambda box: box.aside(0.6), first=1)
    (face,) = Reconstructor(detector=detector, passes=1)(sample_image)
    assert face.box == expected.box


def test_two_boxes_that_end_at_one_face_are_one(
    sample_image: NDArray[np.uint8], model: Path
) -> None:
    (expected,) = Reconstructor()(sample_image)
    detector = Misled(lambda box: box.aside(0.45), first=1)
    (face,) = Reconstructor(detector=detector)(sample_image)
    assert face.box == expected.box
    unjudged = Reconstructor(model, detector=Twice())(IMAGE)
    assert [face.box for face in unjudged] == [Twice.boxes[0]], "nor is it looked for elsewhere"


@pytest.mark.parametrize(("right", "down", "size"), [(0.3, 0, 2.6), (0, 0.5, 1), (0.5, 0, 0.8)])
def test_a_box_far_off_is_followed_to_its_face(
    sample_image: NDArray[np.uint8], right: float, down: float, size: float
) -> None:
    reconstruct = Reconstructor()
    (expected,) = reconstruct(sample_image)
    side = max(expected.box.width, expected.box.height)
    (x, y), half = np.array(expected.box.centre) + side * np.array([right, down]), size * side / 2
    given = [(x - half, y - half, x + half, y + half)]
    (face,) = reconstruct(sample_image, boxes=given)
    assert np.abs(face.landmarks - expected.landmarks).max() < 0.05 * side
    crop = CropTransform.from_box(given_boxes(given)[0], GIVEN_BOX_RULE, size=128)
    (there,) = reconstruct.from_crops(sample_image, given_boxes(given), [crop])
    off = np.abs(there.landmarks - expected.landmarks).max()
    assert off > 0.05 * side, "else this says nothing"


@pytest.mark.parametrize("times", [2.8, 3.2])
def test_large_boxes_of_people_side_by_side_end_at_a_face_each(
    sample_image: NDArray[np.uint8], times: float
) -> None:
    reconstruct = Reconstructor()
    (face,) = reconstruct(sample_image)
    box = Box.around(face.landmarks)
    side = max(box.width, box.height)
    reach, half = round(side / 2), times * side / 2
    x, y = (int(value) for value in box.centre)
    one = sample_image[y - 95 : y + 95, x - reach : x + reach]
    image = np.concatenate([one, one[:, ::-1]], axis=1)
    faces = reconstruct(image)
    places = np.array([Box.around(face.landmarks).centre for face in faces])
    given = [(x - half, y - half, x + half, y + half) for x, y in places]
    found = reconstruct(image, boxes=given)
    there = np.array([Box.around(face.landmarks).centre for face in found])
    assert len(found) == 2
    assert np.abs(there - places).max() < 0.05 * side
    np.testing.assert_allclose([face.box.xyxy for face in found], given)
    alone, again = reconstruct(image, boxes=[given[0], given[0]])
    assert np.array_equal(alone.landmarks, again.landmarks), "one box twice is one face"


@pytest.fixture(scope="module")
def judging_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("judging"), judges=True)


def test_what_the_network_takes_for_no_face_is_left_out(judging_model: Path) -> None:
    """The stand-in sees a face where there is green: around the first box."""
    image = IMAGE.copy()
    image[:, :250, 1] = 255
    reconstruct = Reconstructor(judging_model, detector=SeesGreen(), passes=1)
    (face,) = reconstruct(image)
    assert face.box == SeesGreen.boxes[0]
    assert face.presence == pytest.approx(1, abs=0.01)
    every = Reconstructor(judging_model, detector=SeesGreen(), passes=1, min_presence=0)(image)
    assert [face.presence for face in every] == pytest.approx([1, 0], abs=0.01)
    (given,) = reconstruct(image, boxes=[SeesGreen.boxes[1]])
    assert given.presence == pytest.approx(0, abs=1e-6), "a caller's box is not doubted"
    with pytest.raises(PrnetError, match="expected a presence from 0 to 1, got 2"):
        Reconstructor(judging_model, min_presence=2)


def test_the_largest_faces_are_counted_after_those_left_out(judging_model: Path) -> None:
    image = IMAGE.copy()
    image[:, 250:, 1] = 255
    (face,) = Reconstructor(judging_model, detector=SeesGreen(), passes=1, max_faces=1)(image)
    assert face.box == SeesGreen.boxes[1]


def test_deviations_are_in_pixels_of_the_photo(judging_model: Path) -> None:
    face = Reconstructor(judging_model, passes=1)(IMAGE, boxes=[SeesGreen.boxes[0]])[0]
    assert face.deviation is not None
    assert face.deviation.shape == (256, 256)
    assert face.vertex_deviations is not None
    np.testing.assert_allclose(face.vertex_deviations, 2 * face.crop.side / 128, rtol=1e-5)


def test_a_network_that_does_not_judge_itself_keeps_all(model: Path) -> None:
    faces = Reconstructor(model, detector=TwoFaces())(IMAGE)
    assert [(face.presence, face.deviation) for face in faces] == [(None, None)] * 2


def test_another_pass_only_for_crops_that_were_off(model: Path) -> None:
    """The stand-in's egg is where the crop is: a crop of its landmarks' is right at once."""
    right = Reconstructor(model, passes=1)(IMAGE, boxes=[Box(100, 50, 200, 150)])[0]
    low, high = right.landmarks[:, :2].min(axis=0), right.landmarks[:, :2].max(axis=0)
    wanted = CropTransform.from_landmarks(right.landmarks, size=128)
    assert crop_is_off(right.crop, wanted) == (right.crop.side / wanted.side > np.exp(0.15))
    at = wanted.centre_x, wanted.centre_y
    changes: list[tuple[dict[str, Any], bool]] = [
        ({}, False),
        ({"centre_x": at[0] + 0.07 * wanted.side}, False),
        ({"centre_y": at[1] + 0.09 * wanted.side}, True),
        ({"side": wanted.side * 1.1}, False),
        ({"side": wanted.side * 0.8}, True),
        ({"roll": wanted.roll - 10}, False),
        ({"roll": wanted.roll + 350}, False),
        ({"roll": wanted.roll + 20}, True),
    ]
    for change, off in changes:
        assert crop_is_off(replace(wanted, **change), wanted) is off, change
    assert (high > low).all()


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_by_default_a_photo_may_lie_on_its_side(
    sample_image: NDArray[np.uint8], quarter: int
) -> None:
    (upright,) = Reconstructor()(sample_image)
    (face,) = Reconstructor()(np.rot90(sample_image, quarter))
    assert face.pose.roll == pytest.approx(
        (upright.pose.roll - 90 * quarter + 180) % 360 - 180, abs=5
    )
    size = np.sqrt(np.ptp(upright.landmarks[:, :2], axis=0).prod())
    high, wide = sample_image.shape[:2]
    x, y = upright.landmarks[:, :2].T
    turned = {1: (y, wide - 1 - x), 2: (wide - 1 - x, high - 1 - y), 3: (high - 1 - y, x)}[quarter]
    distance = np.linalg.norm(face.landmarks[:, :2] - np.stack(turned, 1), axis=1).mean()
    assert distance < 0.05 * size


def test_boxes_and_landmarks_beside_the_photo_are_refused(model: Path) -> None:
    reconstruct = Reconstructor(model, passes=1)
    height, width = IMAGE.shape[:2]
    for box in [(-90, 0, -1, 50), (0, -90, 50, -1), (width, 0, width + 50, 50)]:
        with pytest.raises(PrnetError, match="expected a box that touches the photo"):
            reconstruct(IMAGE, boxes=[box])
    for offset in [(0, height), (-width, 0)]:
        points = np.random.default_rng(0).uniform((0, 0), (width - 2, height - 2), (68, 2)) + offset
        with pytest.raises(PrnetError, match="expected a box that touches the photo"):
            reconstruct(IMAGE, landmarks=[points - (1, 0)])
    assert len(reconstruct(IMAGE, boxes=[(width - 2, height - 2, width + 50, height + 50)])) == 1


def test_one_box_is_no_list_of_boxes(model: Path) -> None:
    one: list[Any] = [Box(0, 0, 50, 50), (0, 0, 50, 50), 5]
    for boxes in one:
        with pytest.raises(PrnetError, match=r"expected a list of boxes, .* say, got "):
            Reconstructor(model)(IMAGE, boxes=boxes)


def _turned_sample(
    reconstruct: Reconstructor, angle: float
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """The sample photo turned clockwise by ``angle`` degrees, and its face's landmarks there."""
    photo = prnet.load_image(SAMPLE_PHOTO)
    size = max(photo.shape)
    square = CropTransform(255.5, 255.5, float(size), size, roll=-angle)
    (upright,) = reconstruct(photo)
    return square.crop_image(photo), square.to_crop(upright.landmarks)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("angle", [90, 180, 225])
def test_given_landmarks_turn_the_crop_upright(angle: int, dimensions: int) -> None:
    reconstruct = Reconstructor()
    turned, landmarks = _turned_sample(reconstruct, angle)
    (face,) = reconstruct(turned, landmarks=[landmarks[:, :dimensions]])
    side = np.ptp(landmarks[:, :2], axis=0).max()
    assert np.linalg.norm(face.landmarks - landmarks, axis=1).mean() < 0.03 * side
    assert face.presence is not None
    assert face.presence > 0.9


@pytest.mark.parametrize("angle", [100, 180, 225])
def test_a_given_box_of_a_turned_face_is_looked_at_turned(angle: int) -> None:
    reconstruct = Reconstructor()
    turned, landmarks = _turned_sample(reconstruct, angle)
    box, beside = Box.around(landmarks), Box(2, 2, 62, 62)
    nothing, face = reconstruct(turned, boxes=[beside, box])
    side = np.ptp(landmarks[:, :2], axis=0).max()
    assert np.linalg.norm(face.landmarks - landmarks, axis=1).mean() < 0.03 * side
    assert cast(float, face.presence) > 0.9
    assert face.box == box, "as it was given"
    assert nothing.box == beside
    assert cast(float, nothing.presence) < MIN_PRESENCE


@pytest.mark.parametrize("min_presence", [0.0, 0.8])
def test_what_is_kept_does_not_say_what_is_looked_at_again(min_presence: float) -> None:
    turned = np.ascontiguousarray(prnet.load_image(SAMPLE_PHOTO)[::-1, ::-1])
    (right,) = Reconstructor()(turned)
    box = Box.around(right.landmarks)

    class Upright(TwoFaces):
        """A detector that does not tell how faces are turned."""

        boxes = (box,)
        crop_rule = LANDMARK_RULE

    reconstruct = Reconstructor(detector=Upright(), min_presence=min_presence)
    for face in (*reconstruct(turned), *reconstruct(turned, boxes=[box])):
        off = np.linalg.norm(face.landmarks - right.landmarks, axis=1).mean()
        assert off < 0.03 * max(box.width, box.height)
    assert len(reconstruct(turned)) == 1
