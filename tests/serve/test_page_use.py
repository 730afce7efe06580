"""The page in use: the camera, several faces, what is said when something is missing."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import CHROMIUM, QUIET
from PIL import Image

import prnet
from prnet.face import roll_of
from prnet.facemodel.arkit.curves import PersonCurves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES
from prnet.geometry.boxes import roll_matrix
from prnet.packaged import SAMPLE_PHOTO
from prnet.video.smooth import QUICK, OneEuro, Rates, Smoother
from prnet.video.track import Track, Tracker

FRAMES = 10
PATIENCE = 150_000
"""Milliseconds: on cores that much else is done on, V8 takes long over the WebAssembly."""
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")

FOLLOW = """
async (frames) => {
  const { loadModels } = await import("./js/models.js");
  const { Tracker } = await import("./js/track.js");
  const { Smoother } = await import("./js/smooth.js");
  const { PersonCurves } = await import("./js/curves.js");
  const models = await loadModels();
  const tracker = new Tracker(models), curves = new PersonCurves(models.curves);
  const smoother = new Smoother(models.layout, models.settings.smooth), found = [];
  for (const [number, { width, height, bytes }] of frames.entries()) {
    const data = Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0));
    const [face] = await tracker.follow({ data, width, height }, number / 25);
    const steady = smoother.steady(face, number / 25);
    const { track, landmarks } = steady;
    found.push({ track, landmarks: Array.from(landmarks), curves: Array.from(curves.of(steady)) });
  }
  return found;
}
"""

CROPS = """
async (landmarks) => {
  const { loadModels } = await import("./js/models.js");
  const { Tracker } = await import("./js/track.js");
  const models = await loadModels(), tracker = new Tracker(models);
  let crop = models.landmarkCrop({ landmarks: landmarks[0] });
  return landmarks.map((each) => {
    const face = { landmarks: each, crop };
    crop = tracker.crop({ face, speed: [0, 0], seconds: 0 }, 0);
    return [crop.x, crop.y, crop.side, crop.roll];
  });
}
"""

AGAIN = """
async () => {
  const { Tracker } = await import("./js/track.js");
  const settings = await (await fetch("settings.json")).json(), looks = [];
  const reconstruct = async (picture, { glance }) => (looks.push(glance), []);
  const tracker = new Tracker({ settings, reconstruct });
  const picture = { data: new Uint8Array(27), width: 3, height: 3 };
  await tracker.follow(picture, 100);
  tracker.tracks = [{ seconds: 100, number: 1, lost: true }];
  await tracker.follow(picture, 3);
  return [looks, tracker.tracks.length];
}
"""

STEADY = """
async ([frames, quick, passed, size]) => {
  const { Each } = await import("./js/smooth.js");
  const { smooth } = await (await fetch("settings.json")).json();
  const filter = new Each(smooth, Uint8Array.from(quick));
  return frames.map((points) => Array.from(filter.steady(points, passed, size)));
}
"""


DROP = """
(photos) => {
  for (const photo of photos) {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(photo.match(/../g), (two) => parseInt(two, 16));
    transfer.items.add(new File([bytes], "dropped.png"));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer }));
  }
}
"""

KEEP = """
() => {
  const create = window.createImageBitmap;
  window.created = [];
  window.createImageBitmap = async (...given) => {
    window.created.push(await create(...given));
    return window.created.at(-1);
  };
}
"""

HOLD_FIRST = """
() => {
  const post = Worker.prototype.postMessage;
  window.posted = [];
  Worker.prototype.postMessage = function (...given) {
    const number = posted.push(given[0].task);
    window.letGo = number === 1 ? () => post.apply(this, given) : letGo;
    if (number > 1) post.apply(this, given);
  };
}
"""

GIVE = """
([kind, name, text]) => {
  const given = new DataTransfer();
  given.setData("text/plain", "a link");
  const bytes = Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));
  if (text) given.items.add(new File([bytes], name));
  const how = { drop: [DragEvent, "dataTransfer"], paste: [ClipboardEvent, "clipboardData"] }[kind];
  document.dispatchEvent(new how[0](kind, { [how[1]]: given }));
}
"""

ASKED = """
() => {
  window.leave = []; // of which the first is refused
  window.confirm = (asked) => window.leave.push(asked) > 1;
}
"""

NAMES_OF_RECORD = """
() => {
  const [record, language] = ["record", "language"].map((id) => document.getElementById(id));
  record.click();
  const names = [record.textContent];
  language.click();
  names.push(record.textContent);
  language.click();
  return names;
}
"""

DIE = "void setTimeout(() => { throw new Error('no memory') })"
DIE_INSTEAD_OF_ANSWER = f"void (self.postMessage = () => {DIE})"

FRAME = """
async () => {
  const { ask } = await import("./js/networks.js");
  const bitmap = await createImageBitmap(new ImageData(90, 70));
  return (await ask("frame", { bitmap, seconds: 0, smooth: true }, [bitmap])).faces.length;
}
"""

LOSE_WEBGL = """
() => new Promise((lost) => {
  const canvas = document.getElementById("face");
  canvas.addEventListener("webglcontextlost", () => setTimeout(lost, 100));
  window.webgl = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
  webgl.loseContext();
})
"""

RESTORE_WEBGL = """
() => new Promise((restored) => {
  const canvas = document.getElementById("face");
  canvas.addEventListener("webglcontextrestored", () => setTimeout(restored, 100));
  webgl.restoreContext();
})
"""

REFUSE = """
(name) => {
  const refuse = async () => { throw new DOMException("a reason", name); };
  navigator.mediaDevices.getUserMedia = refuse;
}
"""

RECORD_NOTHING = "for (const _ of ['begin', 'end']) document.getElementById('record').click()"

LATE_CAMERA = """
() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const context = canvas.getContext("2d");
  setInterval(() => context.fillRect(0, 0, 9, 9), 50); // else no frames come
  navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => {
    window.give = () => resolve((window.given = canvas.captureStream(10)));
  });
}
"""


TWO_PEOPLE = """
async () => {
  const photo = await createImageBitmap(await (await fetch("sample.jpg")).blob());
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 320 });
  const context = canvas.getContext("2d");
  window.people = [0, 1];
  setInterval(() => {
    context.fillRect(0, 0, 640, 320);
    for (const person of people) context.drawImage(photo, person * 320, 0, 320, 320);
  }, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
}
"""


@pytest.fixture(scope="module")
def film() -> list[Image.Image]:
    """The sample's upper part, swaying."""
    photo = Image.open(SAMPLE_PHOTO).convert("RGB").crop((60, 0, 380, 240))
    return [
        photo.rotate(
            4 * np.sin(i / 3), translate=(5 * np.sin(i / 2), i), resample=Image.Resampling.BILINEAR
        )
        for i in range(FRAMES)
    ]


@pytest.fixture(scope="module")
def filmed(film: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as the camera plays it, back and forth."""
    path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    with path.open("wb") as file:
        for frame in [*film, *film[::-1]]:
            frame.save(file, "JPEG", quality=92)
    return path


@pytest.fixture(scope="module")
def page(browser: Any, site: str) -> Iterator[Any]:
    page = _opened(browser.new_page(), site)
    yield page
    page.close()


@pytest.fixture
def launch(browser: Any) -> Iterator[Any]:
    """Chromium with other switches."""
    started = []

    def start(*switches: str) -> Any:
        kind = browser.browser_type
        started.append(kind.launch(executable_path=CHROMIUM, args=[*QUIET, *switches]))
        return started[-1].new_page()

    yield start
    for each in started:
        each.close()


def _photo(*faces: Image.Image) -> bytes:
    width = sum(face.width for face in faces)
    photo = Image.new("RGB", (width, max(face.height for face in faces)), (90, 90, 90))
    for number, face in enumerate(faces):
        photo.paste(face, (sum(each.width for each in faces[:number]), 0))
    stream = io.BytesIO()
    photo.save(stream, "PNG")
    return stream.getvalue()


def _pick(page: Any, name: str, data: bytes) -> None:
    before = page.get_attribute("body", "data-done") or ""
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": data})
    page.wait_for_selector(f"body[data-done]:not([data-done='{before}'])")


def _opened(page: Any, site: str, query: str = "?step=4") -> Any:
    page.set_default_timeout(PATIENCE)
    page.goto(site + query)
    page.wait_for_selector("body[data-ready]")
    return page


def test_a_film_is_followed_as_in_python(page: Any, film: list[Image.Image]) -> None:
    frames = [np.asarray(frame) for frame in film]
    given = [
        {"width": f.shape[1], "height": f.shape[0], "bytes": base64.b64encode(f.tobytes()).decode()}
        for f in frames
    ]
    there = page.evaluate(FOLLOW, given)
    tracker, smoother = Tracker(prnet.Reconstructor(detector="prnet")), Smoother()
    curves = PersonCurves()
    for number, (frame, found) in enumerate(zip(frames, there, strict=True)):
        (face,) = tracker(frame, number / 25)
        steady = smoother(face, number / 25)
        landmarks = np.array(found["landmarks"]).reshape(68, 3)
        # A crop that moves a frame later than in Python is worth half a pixel.
        assert np.linalg.norm(landmarks - steady.landmarks, axis=1).mean() < 1
        assert found["track"] == face.track
        assert np.abs(np.array(found["curves"]) - curves(steady)).max() < 0.1


def test_crops_follow_a_turn_as_in_python(page: Any) -> None:
    (face,) = prnet.Reconstructor()(SAMPLE_PHOTO)
    tracker, expected, given = Tracker(prnet.Reconstructor()), [], []
    crop = tracker._reconstruct.landmark_crop(face.landmarks, roll_of(face))
    for turn in [0, -4, 2, 4, 2, -1, 3, 12, 6, 2, 2.5, 0, -2, -20, -7, -2]:
        turned = face.position_map.copy()
        turned[..., :2] = face.position_map[..., :2] @ roll_matrix(turn).T
        seen = replace(face, position_map=turned, crop=crop)
        look = np.zeros(1, np.float32)
        crop = tracker._crop(Track(seen, 0, np.zeros(2), look, look, 0), 0)
        expected.append([crop.centre_x, crop.centre_y, crop.side, crop.roll])
        given.append(seen.landmarks.ravel().tolist())
    assert 0 < [each[3] for each in expected].count(0) < len(expected) - 4
    np.testing.assert_allclose(page.evaluate(CROPS, given), expected, atol=0.05)


def test_the_clock_may_begin_again(page: Any) -> None:
    assert page.evaluate(AGAIN) == [[False, False], 0]


def test_a_head_turned_far_is_seen_mirrored_in_a_film_too(page: Any) -> None:
    (frontal,) = prnet.Reconstructor()(SAMPLE_PHOTO)
    photo = frontal.render(yaw=70, size=300, background=(90, 90, 90))
    frame = {"width": 300, "height": 300, "bytes": base64.b64encode(photo.tobytes()).decode()}
    there = np.array(page.evaluate(FOLLOW, [frame] * 20)[-1]["landmarks"]).reshape(68, 3)
    off = []
    for passes in ("auto", 1):
        tracker, smoother = Tracker(prnet.Reconstructor(passes=passes)), Smoother()
        steady = [smoother(tracker(photo, i / 25)[0], i / 25) for i in range(20)][-1]
        off.append(np.abs(there - steady.landmarks).mean())
    assert off[0] < 0.05
    assert off[1] > 3 * off[0], "else this says nothing"


def test_what_moves_suddenly_is_let_through_as_in_python(page: Any) -> None:
    random, passed, size = np.random.default_rng(0), 1 / 25, 200.0
    frames = 100 + np.cumsum(random.normal(0, [[[0.1]], *9 * [[[1.0]]]], (10, 40, 3)), axis=0)
    frames[6:] += random.normal(0, 30, (40, 3))
    quick = np.arange(40) % 3 == 0
    given = [frames.reshape(10, -1).tolist(), quick.tolist(), passed, size]
    found = np.array(page.evaluate(STEADY, given)).reshape(frames.shape)
    steady = OneEuro(Rates(), np.where(quick, QUICK, 1).astype(np.float32))
    for frame, there in zip(frames, found, strict=True):
        assert np.abs(there - steady(frame.T, passed, size).T).max() < 1e-3


def test_the_camera(launch: Any, site: str, filmed: Path) -> None:
    page = _opened(launch(*CAMERA, f"--use-file-for-fake-video-capture={filmed}"), site)
    page.click("#camera")
    page.locator("#rates", has_text=re.compile(r"network [1-9].*draw [1-9]")).wait_for()
    page.click("#record")
    page.locator("#record", has_text=re.compile(r"\((?:[6-9]|\d\d+) frames\)")).wait_for()
    page.click("#record")
    with page.expect_download() as download:
        page.click("#save-curves")
    with open(download.value.path()) as table:
        rows = list(csv.DictReader(table))
    assert len(rows) >= 6
    assert len({row["frame"] for row in rows}) == len(rows), "one face in every frame"
    assert all(int(row["track"]) >= 1 for row in rows)
    assert {*ARKIT_NAMES, "yaw", "x0", "z67"} <= set(rows[0])
    smiles = [float(row["mouthSmileLeft"]) for row in rows]
    assert all(0 <= smile <= 1 for smile in smiles)
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    for language in ("Chinese", "English"):
        page.click("#language")
        assert page.inner_text("#rates") == "", language
    _pick(page, "later.png", _photo(Image.new("RGB", (90, 70))))
    with page.expect_download() as download:
        page.click("#save-curves")
    assert download.value.suggested_filename == "live_curves.csv"


def test_several_faces_can_be_chosen(page: Any) -> None:
    sample = Image.open(SAMPLE_PHOTO).convert("RGB")
    _pick(page, "two people.png", _photo(sample, sample.rotate(30)))
    assert page.inner_text("#status").startswith("2 faces found")
    buttons = page.locator("#faces button")
    assert buttons.count() == 2
    rolls = []
    for number in range(2):
        buttons.nth(number).click()
        assert buttons.nth(number).get_attribute("aria-pressed") == "true"
        rolls.append(float(page.inner_text("#roll").rstrip("°")))
    assert abs(rolls[0] - rolls[1]) > 20
    with page.expect_download() as download:
        page.click("[data-save=landmarks]")
    assert download.value.suggested_filename == "two_people_1_landmarks.txt"


def test_who_is_lost_for_a_moment_stays_chosen(browser: Any, site: str) -> None:
    """Who is gone for good does not."""

    def patient(route: Any) -> None:
        answer = route.fetch()
        settings = answer.json()
        settings["track"]["ABSENCE"] = 6  # seconds, also for slow machines
        route.fulfill(response=answer, json=settings)

    page = browser.new_page(service_workers="block")
    page.route("**/settings.json", patient)
    _opened(page, site)
    page.evaluate(TWO_PEOPLE)
    page.click("#camera")
    page.locator("#faces button", has_text="2").click()
    chosen = page.locator("#faces [aria-pressed=true]")
    for gone, expected in ((False, "2"), (True, "1")):
        page.evaluate("void (people = [0])")
        page.wait_for_selector("[data-save=glb]:disabled")
        if gone:
            page.locator("#yaw", has_text="°").wait_for()
        page.evaluate("void (people = [0, 1])")
        chosen.wait_for()
        assert chosen.inner_text() == expected
    page.close()


def test_many_faces_hide_neither_the_photo_nor_each_other(browser: Any, site: str) -> None:
    page = _opened(browser.new_page(viewport={"width": 390, "height": 844}), site, "?step=8")
    one = Image.open(SAMPLE_PHOTO).convert("RGB").resize((150, 150))
    row = Image.open(io.BytesIO(_photo(*[one] * 6)))
    crowd = Image.new("RGB", (row.width, 2 * row.height))
    for number in range(2):
        crowd.paste(row, (0, number * row.height))
    _pick(page, "crowd.png", _photo(crowd))
    assert page.inner_text("#status").startswith("12 faces found")
    photo = page.locator("#photo").bounding_box()
    for button in page.locator("#faces button").all():
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert button.bounding_box()["y"] >= photo["y"] + photo["height"]
    assert photo["height"] > 150
    page.close()


def test_no_face_and_no_picture(page: Any) -> None:
    _pick(page, "grey.png", _photo(Image.new("RGB", (90, 70))))
    assert page.inner_text("#status").startswith("No face found")
    assert page.locator("[data-save=glb]").is_disabled()
    _pick(page, "text.png", b"no picture")
    assert page.inner_text("#status").startswith("This file is no picture")
    page.evaluate("() => (window.fetch = () => Promise.reject(new Error('no host')))")
    page.click("#sample")
    page.locator("#status", has_text="It did not work: no host").wait_for()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_what_is_dropped_or_pasted(page: Any, kind: str) -> None:
    grey = _photo(Image.new("RGB", (90, 70))).hex()
    for given, said in ((grey, "No face found"), ("", "This file is no picture")):
        page.evaluate(GIVE, [kind, "grey.png", given])
        page.locator("#status", has_text=said).wait_for()


def test_of_two_photos_the_last_is_shown(page: Any) -> None:
    """Even if the first takes longer to read, and to look at."""
    large = Image.open(SAMPLE_PHOTO).convert("RGB").resize((2048, 2048))
    photos = [_photo(photo).hex() for photo in (large, Image.new("RGB", (90, 70)))]
    done = int(page.get_attribute("body", "data-done") or 0)
    page.evaluate(DROP, photos)
    page.wait_for_selector(f"body[data-done='{done + 2}']")
    assert page.inner_text("#status").startswith("No face found")
    assert page.locator("[data-save=glb]").is_disabled()


def test_a_photo_that_is_overtaken_is_not_looked_at(browser: Any, site: str) -> None:
    page = _opened(browser.new_page(), site)
    page.evaluate(KEEP)
    page.evaluate(HOLD_FIRST)
    grey = _photo(Image.new("RGB", (90, 70))).hex()
    for number in range(1, 4):
        page.evaluate(DROP, [grey])
        page.wait_for_function("(count) => created.length === count", arg=number)
    page.wait_for_function("posted.length")
    page.evaluate("letGo()")
    page.wait_for_selector("body[data-done='3']")
    assert page.evaluate("posted") == ["photo", "photo"]
    assert page.evaluate("created.slice(0, 2).map(({ width }) => width)") == [0, 0], "closed"
    page.close()


def test_of_a_reduced_photo_the_full_size_is_closed(page: Any) -> None:
    page.evaluate(KEEP)
    _pick(page, "large.png", _photo(Image.new("RGB", (4100, 4000))))
    assert page.evaluate("window.created.map(({ width }) => width)") == [0, 0], "one is sent away"


def test_a_camera_that_opens_late_or_ends(page: Any) -> None:
    """It is left alone again where the page was told so meanwhile; its end is said."""
    page.evaluate(LATE_CAMERA)
    page.click("#camera")
    assert page.inner_text("#status").startswith("The camera is being opened")
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    page.evaluate("give()")
    assert page.evaluate("given.getTracks()[0].readyState") == "ended"
    page.click("#camera")
    page.evaluate("give()")
    page.wait_for_selector("#record:enabled")
    page.evaluate("given.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert page.inner_text("#status").startswith("The camera has ended")
    assert page.inner_text("#camera") == "Use the camera"
    assert page.locator("#record").is_disabled()


def test_record_is_not_to_be_had_before_the_camera(page: Any) -> None:
    """Nor when an earlier one, which was stopped meanwhile, opens."""
    page.evaluate(LATE_CAMERA)
    page.click("#camera")
    page.evaluate("void (window.first = give)")
    page.click("#camera")
    page.click("#camera")
    page.evaluate("first()")
    assert page.evaluate("given.getTracks()[0].readyState") == "ended"
    assert page.locator("#record").is_disabled()
    page.evaluate("give()")
    page.wait_for_selector("#record:enabled")
    page.click("#camera")


def test_an_unsaved_recording_is_kept(page: Any) -> None:
    """Until the user gives leave and the next one has something."""
    page.evaluate(LATE_CAMERA)
    page.evaluate(ASKED)
    page.click("#camera")
    page.evaluate("give()")
    page.wait_for_selector("#record:enabled")
    page.evaluate(RECORD_NOTHING)
    assert page.locator("#save-curves").is_disabled()
    page.click("#record")
    page.locator("#record", has_text=re.compile(r"\([1-9]\d* frames\)")).wait_for()
    page.click("#record")
    page.click("#record")
    (asked,) = page.evaluate("leave")
    assert asked.startswith("The last recording is not saved")
    assert page.get_attribute("#record", "aria-pressed") == "false"
    page.evaluate(RECORD_NOTHING)
    assert page.evaluate("leave.length") == 2
    with page.expect_download():
        page.click("#save-curves")
    page.click("#record")
    assert page.evaluate("leave.length") == 2, "what is saved may go"
    page.click("#camera")


def test_a_tab_with_an_unsaved_recording_asks_before_it_goes(browser: Any, site: str) -> None:
    page, asked = _opened(browser.new_page(), site), []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.evaluate(LATE_CAMERA)
    page.click("#camera")
    page.evaluate("give()")
    page.wait_for_selector("#record:enabled")
    page.evaluate(RECORD_NOTHING)
    assert page.evaluate("onbeforeunload") is None
    page.click("#record")
    page.locator("#record", has_text=re.compile(r"\([1-9]\d* frames\)")).wait_for()
    for _ in ("it runs", "it is not saved"):
        with page.expect_event("dialog"):
            page.evaluate("void location.reload()")
        if page.get_attribute("#record", "aria-pressed") == "true":
            page.click("#record")
    with page.expect_download():
        page.click("#save-curves")
    with page.expect_navigation(timeout=20_000):
        page.evaluate("void location.reload()")
    assert asked == ["beforeunload"] * 2
    page.close()


def test_record_says_that_it_stops_in_each_language(page: Any) -> None:
    page.evaluate(LATE_CAMERA)
    page.click("#camera")
    page.evaluate("give()")
    page.wait_for_selector("#record:enabled")
    page.evaluate("window.confirm = () => true; 0")
    assert page.evaluate(NAMES_OF_RECORD) == ["Stop recording (0 frames)", "停止录制（0 帧）"]
    page.click("#camera")
    assert page.inner_text("#record") == "Record"


@pytest.mark.parametrize(
    ("name", "said"),
    [("AbortError", "The camera cannot be opened"), ("DataError", "It did not work: a reason")],
)
def test_why_a_camera_does_not_open(page: Any, name: str, said: str) -> None:
    page.evaluate(REFUSE, name)
    page.click("#camera")
    page.locator("#status", has_text=said).wait_for(timeout=20_000)
    assert page.inner_text("#camera") == "Use the camera"


@pytest.mark.parametrize("then", ["a photo", "another click"])
def test_a_camera_asked_for_while_the_networks_come(browser: Any, site: str, then: str) -> None:
    page, held = browser.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.route("**/network.onnx", lambda route: held.append(route))
    with page.expect_request("**/network.onnx"):
        page.goto(site)
    page.evaluate("() => void (navigator.mediaDevices.getUserMedia = () => (window.opened = true))")
    page.click("#camera")
    assert page.inner_text("#camera") == "Stop the camera"
    if then == "a photo":
        page.evaluate(GIVE, ["drop", "grey.png", _photo(Image.new("RGB", (90, 70))).hex()])
    else:
        page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    held[0].continue_()
    page.wait_for_selector("body[data-ready]")
    if then == "a photo":
        page.locator("#status", has_text="No face found").wait_for()
    assert page.evaluate("window.opened") is None
    page.close()


def test_a_photo_dropped_while_the_3d_view_comes(browser: Any, site: str) -> None:
    """The faces of the one before it are no longer offered."""
    page, held = browser.new_page(service_workers="block"), []
    page.route("**/three.min.js", lambda route: held.append(route))
    _opened(page, site)
    with page.expect_request("**/three.min.js"):
        page.click("#sample")
    _pick(page, "grey.png", _photo(Image.new("RGB", (90, 70))))
    held[0].continue_()
    page.wait_for_selector("body[data-done='2']")
    assert page.inner_text("#status").startswith("No face found")
    assert page.locator("[data-save=glb]").is_disabled()
    page.close()


def test_no_camera_and_no_permission(browser: Any, launch: Any, site: str) -> None:
    page = _opened(launch("--use-fake-ui-for-media-stream"), site)
    page.click("#camera")
    page.locator("#status", has_text="No camera was found").wait_for()
    page = _opened(launch("--use-fake-device-for-media-stream"), site)
    page.click("#camera")
    page.locator("#status", has_text="permission was refused").wait_for()


def test_no_webgl(launch: Any, site: str) -> None:
    page = _opened(launch("--disable-3d-apis"), site)
    page.click("#sample")
    page.wait_for_selector("body[data-done]")
    assert page.inner_text("#no-webgl").startswith("This browser shows no WebGL 2")
    assert page.inner_text("#status").startswith("1 face found")


def test_the_3d_view_comes_back_with_its_webgl(browser: Any, site: str) -> None:
    page = _opened(browser.new_page(), site)
    page.click("#sample")
    page.locator("#status", has_text="1 face found").wait_for()
    face = page.locator("#face")
    before = face.screenshot()
    page.evaluate(LOSE_WEBGL)
    assert face.screenshot() != before
    page.evaluate(RESTORE_WEBGL)
    assert face.screenshot() == before
    page.close()


def test_the_networks_cannot_be_had(browser: Any, site: str) -> None:
    page = browser.new_page()
    page.route("**/network.onnx", lambda route: route.abort())
    page.goto(site)
    page.locator("#status", has_text="The networks could not be loaded").wait_for()
    page.click("#sample")
    page.wait_for_selector("body[data-done]")
    assert page.inner_text("#status").startswith("The networks could not be loaded")
    page.close()


def test_networks_that_break_off_are_told_and_started_anew(browser: Any, site: str) -> None:
    page = _opened(browser.new_page(), site)
    page.workers[0].evaluate(DIE_INSTEAD_OF_ANSWER)
    page.click("#sample")
    page.locator("#status", has_text=re.compile("^The networks broke off: .*no memory")).wait_for()
    page.click("#language")
    assert page.inner_text("#status").startswith("网络模型意外停止")
    page.click("#language")
    page.click("#sample")
    page.locator("#status", has_text="1 face found").wait_for()
    (worker,) = page.workers
    with worker.expect_event("close"):
        worker.evaluate(DIE)
    assert page.evaluate(FRAME) == 0, "of a film that goes on"
    page.close()


def test_keyboard_and_language(browser: Any, site: str) -> None:
    page = _opened(browser.new_page(), site, "?step=4&lang=zh")
    assert page.get_attribute("html", "lang") == "zh"
    page.focus("#sample")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-done]")
    assert "1 张人脸" in page.inner_text("#status")
    page.focus("#face")
    before = page.screenshot(clip=page.locator("#face").bounding_box())
    page.keyboard.press("ArrowRight")
    after = page.screenshot(clip=page.locator("#face").bounding_box())
    assert before != after, "an arrow key turns the face"
    page.focus("input[name=style][value=textured]")
    page.keyboard.press("ArrowRight")
    assert page.is_checked("input[name=style][value=shaded]")
    page.click("#language")
    assert page.inner_text("#status").startswith("1 face found")
    page.close()


def test_everything_is_said_in_both_languages(page: Any) -> None:
    keys = page.evaluate(
        """async () => {
          const { LANGUAGES } = await import("./js/words.js");
          const used = [...document.querySelectorAll("[data-t], [data-t-label]")]
            .map(({ dataset }) => dataset.t ?? dataset.tLabel);
          return [...Object.values(LANGUAGES).map((words) => Object.keys(words).sort()), used];
        }"""
    )
    assert keys[0] == keys[1]
    assert set(keys[2]) <= set(keys[0])
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, canvas, meter")]
          .filter((e) => !e.hidden && !e.textContent.trim() && !e.labels?.length)
          .filter((e) => !e.getAttribute("aria-label")).map((e) => e.id)"""
    )
    assert set(unnamed) <= {"photo"}, "which has its label once there is a photo"
