"""People in made-up films: where and who they are, and that nobody is seen where nobody is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_film import Picture, Place, another_person, ground, numbers, scene, write_film
from standins import make_face, make_layout

from prnet.errors import PrnetError
from prnet.face import Face
from prnet.geometry.camera import Pose
from prnet.geometry.crop import CropTransform
from prnet.network.position_map_network import Prediction
from prnet.reconstruct import Reconstructor
from prnet.video.follow import follow
from prnet.video.frames import Frame, read_frames
from prnet.video.track import Track, Tracker

BLACK = np.zeros((320, 480, 3), np.uint8)


@pytest.fixture(scope="module")
def reconstruct() -> Reconstructor:
    return Reconstructor()


@pytest.fixture(scope="module")
def landmarks(reconstruct: Reconstructor, sample_image: Picture) -> np.ndarray:
    """(68, 2) of the photo."""
    return reconstruct(sample_image)[0].landmarks[:, :2]


@pytest.fixture(scope="module")
def other(sample_image: Picture) -> Picture:
    return another_person(sample_image)


def seen(frames: Iterable, reconstruct: Reconstructor, **options) -> list[list[Face]]:
    return [faces for _, faces in follow(frames, reconstruct=reconstruct, **options)]


def nose_x(face: Face) -> float:
    return float(face.landmarks[30, 0])


@pytest.mark.parametrize("smooth", [False, True])
def test_a_moving_face_is_where_it_is(
    smooth: bool, reconstruct: Reconstructor, sample_image: Picture, landmarks: np.ndarray
) -> None:
    places = [
        Place(180 + 3 * i, 160 + 20 * np.sin(i / 6), 1 + 0.2 * np.sin(i / 10), 20 * np.sin(i / 8))
        for i in range(40)
    ]
    film = seen((scene((p, sample_image)) for p in places), reconstruct, smooth=smooth)
    assert [numbers(faces) for faces in film] == [[1]] * 40
    for place, (face,) in zip(places, film, strict=True):
        off = np.linalg.norm(face.landmarks[:, :2] - place.points(landmarks), axis=1).mean()
        assert off < 0.02 * np.ptp(landmarks[:, 0]) * place.scale


@pytest.mark.parametrize("place", [Place(240, 160), Place(240, 160, 0.5), Place(240, 160, 1, 90)])
def test_a_still_face_is_the_same_when_it_is_followed(
    place: Place, reconstruct: Reconstructor, sample_image: Picture
) -> None:
    """Its crop is the detector's in the first frame, later that of the face before."""
    film = seen([scene((place, sample_image))] * 4, reconstruct, smooth=False)
    first, *others = (face.vertices for (face,) in film)
    for vertices in others:
        off = np.linalg.norm(vertices - first, axis=1).mean()
        assert off < 0.01 * np.ptp(first[:, 0])
    np.testing.assert_array_equal(others[0], others[-1])


@pytest.mark.parametrize("shaken", [0, 60])
def test_the_detector_rests_between_seconds(
    shaken: int, reconstruct: Reconstructor, sample_image: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while all that is around the face changes."""
    looked = []
    call = Reconstructor.__call__

    def counted(self: Reconstructor, image: Picture) -> list[Face]:
        looked.append(1)
        return call(self, image)

    monkeypatch.setattr(Reconstructor, "__call__", counted)
    around = [ground(), np.uint8(shaken) + ground()]
    frames = [Place(240, 160).paint(around[i % 2], sample_image) for i in range(60)]
    seen(frames, reconstruct)
    assert len(looked) == 3  # at 0, 1 and 2 s


@pytest.mark.parametrize("apart", [0, 40])
def test_numbers_outlive_a_crossing(
    apart: int, reconstruct: Reconstructor, sample_image: Picture, other: Picture
) -> None:
    film = seen(
        (
            scene(
                (Place(80 + 6 * i, 160 - apart), other),
                (Place(400 - 6 * i, 160 + apart), sample_image),
            )
            for i in range(54)
        ),
        reconstruct,
    )
    assert {number for faces in film for number in numbers(faces)} == {1, 2}
    first, last = ({face.track: nose_x(face) for face in film[i]} for i in (0, -1))
    assert set(first) == set(last) == {1, 2}
    for number in (1, 2):
        assert (first[number] < 240) != (last[number] < 240)


@pytest.mark.parametrize(("black", "number"), [(35, 1), (70, 2)])
def test_a_number_is_kept_for_two_seconds(
    black: int, number: int, reconstruct: Reconstructor, sample_image: Picture
) -> None:
    before = [scene((Place(240, 160), sample_image))] * 8
    after = [scene((Place(250, 165), sample_image))] * 8
    film = seen([*before, *[BLACK] * black, *after], reconstruct)
    assert [numbers(faces) for faces in film[:8]] == [[1]] * 8
    assert not any(film[8 : 8 + black])
    assert [numbers(faces) for faces in film[8 + black :]] == [[number]] * 8


def test_where_the_clock_begins_again_nobody_is_waited_for(
    reconstruct: Reconstructor, sample_image: Picture
) -> None:
    shown = scene((Place(240, 160), sample_image))
    film = [shown] * 3 + [BLACK] * 3 + [shown] * 3
    times = [100.0 + i / 5 for i in range(3)] + [i / 5 for i in range(6)]
    frames = [Frame(image, seconds) for image, seconds in zip(film, times, strict=True)]
    found = [numbers(faces) for faces in seen(frames, reconstruct)]
    assert found == [[1]] * 3 + [[]] * 3 + [[2]] * 3


def test_a_cut_is_noticed_in_its_first_frame(
    reconstruct: Reconstructor, sample_image: Picture, other: Picture
) -> None:
    """Another face at the same place; another place; no face."""
    one = scene((Place(240, 160), sample_image))
    film = seen([one] * 5 + [scene((Place(244, 158), other))] * 5, reconstruct)
    assert [numbers(faces) for faces in film] == [[1]] * 5 + [[2]] * 5
    film = seen([one] * 5 + [scene((Place(90, 200, 0.5), other))] * 5, reconstruct)
    assert [numbers(faces) for faces in film] == [[1]] * 5 + [[2]] * 5
    film = seen([one] * 5 + [ground()] * 5, reconstruct)
    assert [numbers(faces) for faces in film] == [[1]] * 5 + [[]] * 5


def test_a_face_that_comes_late(reconstruct: Reconstructor, sample_image: Picture) -> None:
    film = seen([ground()] * 8 + [scene((Place(240, 160), sample_image))] * 8, reconstruct)
    came = [bool(faces) for faces in film].index(True)
    assert came - 8 <= 5  # it looks every 0.2 s
    assert [numbers(faces) for faces in film[came:]] == [[1]] * (16 - came)


def test_a_network_that_does_not_judge_is_judged_by_the_look(
    reconstruct: Reconstructor, sample_image: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = reconstruct.network
    monkeypatch.setattr(network, "predict", lambda crops: Prediction(network(crops)))
    film = seen([scene((Place(240, 160), sample_image))] * 5 + [BLACK] * 5, reconstruct)
    assert film[0][0].presence is None
    assert [numbers(faces) for faces in film] == [[1]] * 5 + [[]] * 5


@pytest.mark.parametrize(
    ("told", "people"),
    [
        # A doubtful face is nobody, and stays who it was.
        ([0.3, 0.3, 1.0, 0.3, 0.3, 0.1, 0.3, 1.0], [0, 0, 1, 1, 1, 0, 0, 1]),
        # A dog is nobody for as long as it is to be seen, but the person who comes then is.
        ([0.7, 0.96, 0.96, 0.97, 0.96, 0.97, 0.1, 1.0], [0, 0, 0, 0, 0, 0, 0, 1]),
        # Frames add up.
        ([0.98, 0.98, 0.98, 0.5], [0, 0, 1, 1]),
        ([0.98, 0.8, 0.98, 0.98, 1.0], [0, 0, 0, 0, 1]),
    ],
)
def test_presence_begins_high_and_ends_low(
    told: list[float],
    people: list[int],
    reconstruct: Reconstructor,
    sample_image: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, said = reconstruct.network, 0.0
    judge = network.predict

    def predict(crops: Picture) -> Prediction:
        return judge(crops)._replace(presence=np.full(len(crops), said, np.float32))

    def film() -> Iterator[Picture]:
        nonlocal said
        for presence in told:
            said = presence
            yield scene((Place(240, 160), sample_image))

    monkeypatch.setattr(network, "predict", predict)
    found = seen(film(), reconstruct, rate=4)
    assert [numbers(faces) for faces in found] == [[number] if number else [] for number in people]


@pytest.mark.parametrize(("presence", "followed"), [(0.4, 0), (0.6, 1)])
def test_what_min_presence_keeps_is_followed_from_a_half_on(
    presence: float, followed: int, sample_image: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconstruct = Reconstructor(min_presence=0.1)
    judge, told = reconstruct.network.predict, np.float32(presence)
    monkeypatch.setattr(
        reconstruct.network,
        "predict",
        lambda crops: judge(crops)._replace(presence=np.full(len(crops), told)),
    )
    tracker = Tracker(reconstruct)
    assert tracker(sample_image, 0.0) == []
    assert len(tracker._tracks) == followed


def test_a_doubtful_face_takes_no_persons_place(
    sample_image: Picture, other: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest, which comes first, may be a dog's."""
    reconstruct = Reconstructor(passes=1)
    judge = reconstruct.network.predict

    def predict(crops: Picture) -> Prediction:
        said = judge(crops)
        assert said.presence is not None
        return said._replace(presence=np.array([0.9, *said.presence[1:]], np.float32))

    monkeypatch.setattr(reconstruct.network, "predict", predict)
    frame = scene((Place(120, 160, 0.7), sample_image), (Place(340, 160), other))
    for limit in (None, 1):
        (face,) = seen([frame], reconstruct, people=limit)[0]
        assert face.track == 1
        assert abs(nose_x(face) - 120) < 20


def test_only_so_many_people(
    reconstruct: Reconstructor, sample_image: Picture, other: Picture
) -> None:
    frame = scene((Place(120, 160, 0.7), sample_image), (Place(340, 160), other))
    assert len(seen([frame], reconstruct)[0]) == 2
    (face,) = seen([frame], reconstruct, people="largest")[0]
    assert abs(nose_x(face) - 340) < 20
    for most in (0, "all", True, 1.5):
        with pytest.raises(PrnetError, match=f"number of people or largest, got {most}"):
            follow([frame], people=most)  # type: ignore[arg-type]


def test_one_picture_is_no_film(sample_image: Picture) -> None:
    """Its rows would be taken for grey pictures."""
    with pytest.raises(PrnetError, match=r"pictures in turn, got one of shape \(512, 512, 3\)"):
        follow(sample_image)


def turned_crops(rolls: Iterable[float], reconstruct: Reconstructor) -> list[CropTransform]:
    """Of a head that is turned so, frame by frame."""
    tracker, still, crops = Tracker(reconstruct), np.zeros(2), list[CropTransform]()
    look, layout = np.zeros(1, np.float32), make_layout()
    for roll in rolls:
        face = make_face(Pose(0, 0, roll), layout=layout)
        track = Track(replace(face, crop=(crops or [face.crop])[-1]), 0, still, look, look, 0)
        crops.append(tracker._crop(track, 0))
    return crops


def test_the_crop_of_a_still_head_rests_at_any_roll(reconstruct: Reconstructor) -> None:
    random = np.random.default_rng(0)
    for roll in (0, 2.5, 4.5, 5, -5, 7):
        crops = turned_crops(roll + random.normal(0, 0.2, 20), reconstruct)
        changes = sum(one != other for one, other in pairwise(crops))
        assert changes <= 1, roll


def test_the_crop_follows_a_slow_turn(reconstruct: Reconstructor) -> None:
    there = np.arange(0, 12, 0.2)
    crops = turned_crops([*there, *there[::-1]], reconstruct)
    assert np.abs(there - [crop.roll for crop in crops[:60]]).max() < 5.2
    assert abs(crops[59].roll - 12) < 4.5
    assert crops[-1].roll == 0, "which takes less time"


def test_sources_agree(reconstruct: Reconstructor, sample_image: Picture, tmp_path: Path) -> None:
    """A file, pictures and frames with times."""
    pytest.importorskip("av")
    frames = [scene((Place(200 + 2 * i, 160), sample_image)) for i in range(6)]
    timed = [Frame(image, i / 25) for i, image in enumerate(frames)]
    film = write_film(tmp_path / "a.mp4", frames)
    results = [list(follow(source, reconstruct=reconstruct)) for source in (frames, timed, film)]
    for pictured, given, read in zip(*results, strict=True):
        assert pictured[0].seconds == given[0].seconds == pytest.approx(read[0].seconds, abs=1e-4)
        np.testing.assert_array_equal(pictured[1][0].landmarks, given[1][0].landmarks)
        assert np.abs(pictured[1][0].landmarks - read[1][0].landmarks).max() < 3


def test_frames_outlive_the_cameras_array(
    reconstruct: Reconstructor, sample_image: Picture
) -> None:
    def camera() -> Iterable:
        array = sample_image.copy()
        yield array
        array[:] = 0
        yield array

    frames = [frame for frame, _ in follow(camera(), reconstruct=reconstruct)]
    np.testing.assert_array_equal(frames[0].image, sample_image)
    assert not frames[1].image.any()


def test_wrong_sources_are_one_line() -> None:
    with pytest.raises(PrnetError, match="expected a start before the end, got 2 and 1 s"):
        follow("film.mp4", start=2, end=1)
    with pytest.raises(PrnetError, match="expected a start before the end, got 0 and 0 s"):
        follow("film.mp4", end=0)
    for end in ("1", True, np.nan):
        with pytest.raises(PrnetError, match=f"expected a start before the end, got 0 and {end} s"):
            follow("film.mp4", end=end)  # type: ignore[arg-type]
    for start in (1e15, np.nan, np.inf):
        with pytest.raises(PrnetError, match="expected a start in seconds"):
            follow("film.mp4", start=start)
    for source in (None, True, 0.0):
        with pytest.raises(PrnetError, match="a film's file, a camera's number or pictures, got"):
            follow(source)  # type: ignore[arg-type]
    with pytest.raises(PrnetError, match="camera 99: expected a camera"):
        next(follow(np.int64(99)))  # type: ignore[arg-type]
    with pytest.raises(PrnetError, match="expected start and end with a film's file"):
        follow([BLACK], start=1)
    for own, kind in (("film.mp4", "a film's file"), (0, "a camera")):
        with pytest.raises(PrnetError, match=f"expected a rate with pictures, got one with {kind}"):
            follow(own, rate=5)
    for rate in (0, "25"):
        with pytest.raises(PrnetError, match="expected a rate"):
            next(follow([BLACK], rate=rate))  # type: ignore[arg-type]
    with pytest.raises(PrnetError, match="expected"):
        next(follow([np.zeros((4, 4, 7))]))
    for seconds in (np.nan, np.inf, "1"):
        with pytest.raises(PrnetError, match="expected a frame's time in seconds"):
            next(follow([Frame(BLACK, seconds)]))  # type: ignore[arg-type]


def hand(frame: Picture) -> Picture:
    """The face behind four fingers and a palm of skin."""
    covered = frame.copy()
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]]
    palm = np.hypot(columns - 240, rows - 160) < 115
    shade = 150 + 25 * np.cos((columns - 240) / 9) + 10 * np.sin(rows / 40)
    skin = shade[..., None] * [1.2, 0.9, 0.75]
    covered[palm] = skin[palm].clip(0, 255).astype(np.uint8)
    return covered


def test_nobody_is_in_black_frames_or_behind_a_hand(
    reconstruct: Reconstructor, sample_image: Picture
) -> None:
    shown = scene((Place(240, 160), sample_image))
    parts = [shown, BLACK, shown, hand(shown), shown]
    film = seen([part for part in parts for _ in range(8)], reconstruct)
    told = [numbers(faces) for faces in film]
    assert told[:8] == told[16:24] == [[1]] * 8
    assert told[8:16] == [[]] * 8
    assert told[27:32] == [[]] * 5  # three frames may pass
    assert told[37:] == [[1]] * 3  # the detector looks every 0.2 s


@pytest.mark.shared
def test_a_head_that_turns_fast_keeps_its_number(shared: Path, reconstruct: Reconstructor) -> None:
    film = seen(read_frames(shared / "photos" / "talking_head.mp4"), reconstruct)
    assert {tuple(numbers(faces)) for faces in film} == {(1,)}
