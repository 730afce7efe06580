"""The detector's training: labels follow the pixels, targets are what inference decodes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from full_disk import SAYS, files_below, full_disk
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from prnet.cli import main  # noqa: E402
from prnet.detection.candidates import decode, decode_grids  # noqa: E402
from prnet.errors import PrnetError  # noqa: E402
from prnet.files.onnx_session import OnnxSession  # noqa: E402
from prnet.training.detector import train  # noqa: E402
from prnet.training.detector.config import DetectorConfig  # noqa: E402
from prnet.training.detector.export import export_detector  # noqa: E402
from prnet.training.detector.mosaics import Mosaics, Picture, add_face  # noqa: E402
from prnet.training.detector.network import DetectorNetwork, Stretch  # noqa: E402
from prnet.training.detector.pools import (  # noqa: E402
    LabelledFace,
    Pool,
    Scenes,
    write_face_pool,
    write_scene_pool,
)
from prnet.training.detector.refine import examples  # noqa: E402
from prnet.training.detector.targets import losses, make_targets  # noqa: E402
from prnet.training.detector.train import train_detector  # noqa: E402
from prnet.training.detector.warp import Warp  # noqa: E402

GREEN, RED = (20, 230, 20), (230, 20, 20)


def landmarks() -> NDArray[np.float64]:
    """68 points of an upright face around (100, 90), 60 wide and 80 high."""
    random = np.random.default_rng(0)
    points = random.uniform((75, 60), (125, 120), (68, 2))
    points[0], points[16], points[8], points[19] = (70, 80), (130, 80), (100, 130), (90, 50)
    points[36:42], points[42:48] = (85, 75), (115, 75)
    points[30], points[48], points[54] = (100, 92), (88, 112), (112, 112)
    return points


def face_photo() -> NDArray[np.uint8]:
    """Grey, with a green square on each eye and a red one on the left mouth corner."""
    photo = np.full((180, 200, 3), 90, np.uint8)
    for x, y, colour in ((85, 75, GREEN), (115, 75, GREEN), (88, 112, RED)):
        photo[y - 4 : y + 5, x - 4 : x + 5] = colour
    return photo


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pools")
    write_face_pool(folder / "utk", [LabelledFace(face_photo(), landmarks(), 0.0)], alone=True)
    ground = np.full((120, 160, 3), 60, np.uint8)
    none = np.zeros((0, 4))
    write_scene_pool(folder / "negatives", [ground], [none], [none], [none[:, 0]])
    photo, box = face_photo(), np.array([[70.0, 50, 130, 130]])
    write_scene_pool(
        folder / "scenes", [photo, ground], [box, none], [none, none], [np.ones(1), none[:, 0]]
    )
    return folder


def test_scene_faces_are_seen_as_often_as_asked(tmp_path: Path) -> None:
    photo, none = face_photo(), np.zeros((0, 4))
    boxes = np.array([[70.0, 50, 130, 130], [10, 10, 20, 22], [20, 20, 60, 60]])  # one is too small
    often = [none[:, 0], np.array([1.0, 5, 3])]
    write_scene_pool(tmp_path / "scenes", [photo, photo], [none, boxes], [none, none], often)
    faces = Scenes(tmp_path / "scenes").faces
    assert list(zip(faces.photo, faces.face, faces.share, strict=True)) == [
        (1, 0, 0.25),
        (1, 2, 0.75),
    ]


def centroid(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.float64]:
    near = np.abs(image.astype(int) - colour).sum(axis=2) < 150
    rows, columns = np.nonzero(near)
    return np.array([columns.mean(), rows.mean()])


def test_a_pool_holds_the_face_and_its_labels(pools: Path) -> None:
    pool = Pool(pools / "utk")
    scale = 208 / (2.4 * 80)
    np.testing.assert_allclose(pool.box[0], [103.5, 103.5, 60 * scale, 80 * scale], rtol=1e-5)
    np.testing.assert_allclose(centroid(pool.crops[0], RED), pool.points[0][3], atol=0.6)
    assert pool.alone


@pytest.mark.parametrize(
    ("angle", "mirror", "scale"), [(0, False, 1), (70, True, 0.4), (200, False, 2.3)]
)
def test_a_warp_moves_points_as_it_moves_pixels(angle: float, mirror: bool, scale: float) -> None:
    warp = Warp(np.array([88.0, 112.0]), scale, angle, mirror, (40.3, 52.1))
    canvas = np.asarray(warp.image(face_photo(), (10, 20, 90, 100)))
    expected = warp.points(np.array([[88.0, 112.0]]))[0]
    np.testing.assert_allclose(centroid(canvas, RED) + np.array([10, 20]), expected, atol=0.5)
    eye = warp.points(np.array([[88.0, 100.0]]))[0] - expected  # up in the photo
    up = np.array([np.sin(np.radians(angle)), -np.cos(np.radians(angle))])
    np.testing.assert_allclose(eye, 12 * scale * up, atol=1e-9)


@pytest.mark.parametrize("side", [14, 30, 60, 90, 130, 200])
def test_inference_decodes_what_training_asks_for(side: float) -> None:
    picture = Picture(np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256), bool))
    points = np.array([[-5, -6], [5, -6], [0, 0], [-4, 7], [4, 7]]) + np.array([120.3, 131.8])
    add_face(picture, 120.3, 131.8, 0.8 * side, side, -140.0, points, (1.0, 1.0))
    columns = []
    for heat, _, values, _ in make_targets([picture]):
        outputs = torch.cat([torch.where(heat == 1, 5.0, -5.0)[:, None], values], dim=1)
        columns.append(outputs[0].reshape(17, -1).numpy())
    rows = decode_grids(np.concatenate(columns, axis=1), 256, 256, 0.5)
    assert len(rows) >= 1
    turn = np.radians(-140)
    expected = [120.3, 131.8, 0.8 * side, side, np.cos(turn), np.sin(turn), *points.ravel()]
    np.testing.assert_allclose(rows[:, 1:], np.tile(expected, (len(rows), 1)), rtol=1e-3, atol=0.01)


def test_losses_vanish_on_the_truth_and_only_there() -> None:
    picture = Picture(np.zeros((128, 128, 3), np.uint8), np.zeros((128, 128), bool))
    add_face(picture, 60, 70, 40, 50, 30.0, np.full((5, 2), 64.0), (1.0, 1.0))
    targets = make_targets([picture])
    truth = [
        torch.cat([torch.where(t.heat == 1, 9.0, -9.0)[:, None], t.values], 1) for t in targets
    ]
    assert float(losses(truth, targets)["total"]) < 1e-3
    for channel, name in ((0, "score"), (1, "centre"), (3, "size"), (5, "roll"), (7, "points")):
        wrong = [each.clone() for each in truth]
        for each in wrong:
            each[:, channel] += 12 if name == "score" else 3
        assert float(losses(wrong, targets)[name]) > 0.05, name


def test_unlabelled_places_are_not_judged() -> None:
    picture = Picture(np.zeros((128, 128, 3), np.uint8), np.zeros((128, 128), bool))
    picture.ignored[40:80, 40:80] = True
    targets = make_targets([picture])
    sure = [torch.zeros(1, 17, len(t.heat[0]), len(t.heat[0])) - 9 for t in targets]
    sure[0][:, 0, 5:10, 5:10] = 9
    assert float(losses(sure, targets)["score"]) < 1e-3


def test_mosaics_label_what_they_show(pools: Path) -> None:
    mosaics, shown = Mosaics(pools), 0
    for seed in range(40):
        picture = mosaics.scene(np.random.default_rng(seed), 192, mosaics.negatives)
        assert not picture.faces
        mosaics.paste(np.random.default_rng(seed), picture, 96.0, 96.0, 70.0, 192.0)
        (face,) = picture.faces
        left_mouth = face[11:13]
        x, y = np.rint(left_mouth).astype(int)
        at = picture.canvas[y, x].astype(int)
        mirrored = picture.canvas[tuple(np.rint(face[13:15]).astype(int)[::-1])].astype(int)
        shown += max(at[0] - at[1], mirrored[0] - mirrored[1]) > 80
    assert shown > 30  # the others are covered by a mask or a patch


def test_second_steps_examples_show_their_points(pools: Path) -> None:
    made = examples(Mosaics(pools), np.random.default_rng(0), 60)
    assert set(made.present.tolist()) == {0.0, 1.0}
    turned = made.weights[:, 2] > 0
    rows = np.zeros((int(turned.sum()), 17), np.float32)
    rows[:, 1:] = made.wanted[turned]
    middle = np.full((len(rows), 2), 31.5)
    found = decode(rows, middle, np.full(len(rows), 64 / 1.7))
    up = found[:, 7:11].reshape(-1, 2, 2).mean(axis=1) - found[:, 13:17].reshape(-1, 2, 2).mean(1)
    direction = np.stack([found[:, 6], -found[:, 5]], axis=1)
    cosine = (up * direction).sum(axis=1) / np.linalg.norm(up, axis=1)
    assert cosine.min() > 0.95  # from mouth to eyes is up of a face of that roll


def test_stretch_undoes_gain_and_level() -> None:
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    image[:, :, :32] *= 0.3
    stretched = Stretch()(image)
    torch.testing.assert_close(Stretch()(image * 0.2 + 0.4), stretched, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("room", "left"), [(64, []), (4096, ["log.jsonl"])])
def test_a_full_disk_is_one_line(
    room: int, left: list[str], pools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = f"--part first --data {pools} --out {out} --steps 1 --batch 2 --loaders 0"
    with full_disk(room):
        assert main(["train-detector", *options.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert SAYS in line
    assert files_below(out) == left


@pytest.mark.parametrize("part", ["first", "second"])
def test_a_stopped_run_goes_on_as_it_would_have(
    pools: Path, tmp_path: Path, part: Literal["first", "second"], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> NDArray[np.float32]:
        config = DetectorConfig(
            part=part, data=pools, out=tmp_path / name, steps=4, batch=1, loaders=0, save_every=2
        )
        assert list(OnnxSession(train_detector(config)).outputs) == ["candidates"]
        state = torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        return np.concatenate([v.float().ravel().numpy() for v in state["averaged"].values()])

    whole = run("whole")
    stopped = partial(_first_two, train.batches)
    with monkeypatch.context() as patch:
        patch.setattr(train, "batches", stopped)
        halfway = run("parts")
    assert np.abs(whole - halfway).max() > 1e-4
    np.testing.assert_array_equal(run("parts"), whole)


def test_a_loss_that_is_no_number_leaves_the_checkpoint(pools: Path, tmp_path: Path) -> None:
    """And the log's means are of the steps that there were since the last line."""

    def run(steps: int, rate: float) -> Path:
        config = DetectorConfig(
            data=pools, out=tmp_path, steps=steps, batch=1, loaders=0, learning_rate=rate
        )
        return train_detector(config)

    run(1, 0.001)
    last = json.loads((tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    config = DetectorConfig(data=pools, out=tmp_path, batch=1, loaders=0)
    torch.manual_seed(0)
    inputs, targets = next(iter(train.batches(config, 0)))
    expected = losses(DetectorNetwork()(inputs), targets)["total"]
    assert last["total"] == pytest.approx(float(expected.detach()), rel=0.01)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(PrnetError, match="the loss is not finite"):
        run(5, 1e30)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_keeps_the_steps(
    pools: Path,
    tmp_path: Path,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a run that would save its first checkpoint much later; the step in hand ends."""
    batches = train.batches

    def stopping(*arguments: Any) -> Iterator[Any]:
        for step, batch in enumerate(batches(*arguments)):
            if step == 1:
                signal.raise_signal(number)
            yield batch

    monkeypatch.setattr(train, "batches", stopping)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    config = DetectorConfig(data=pools, out=tmp_path, steps=4, batch=1, loaders=0)
    with pytest.raises(KeyboardInterrupt):
        train_detector(config)
    signal.signal(signal.SIGINT, before)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2
    said = "stopped after 2 steps; the same command goes on from there"
    assert said in capsys.readouterr().out


def _first_two(batches: Callable[..., Iterable[Any]], *arguments: Any) -> Iterable[Any]:
    return islice(batches(*arguments), 2)


@pytest.mark.parametrize("part", ["first", "second"])
def test_the_file_computes_what_torch_does(part: Any, pools: Path, tmp_path: Path) -> None:
    network: Any = train.PARTS[part].network().eval()
    samples = train.samples(DetectorConfig(part=part, data=pools, batch=4))
    assert iter(samples) is samples, "made when they are looked at"
    shapes = [each.shape for each in samples]
    random = np.random.default_rng(0)
    given = [random.integers(0, 256, shape, np.uint8) for shape in shapes]
    given[1] = given[1] // 64 + 100  # too little contrast to be stretched
    left = iter(given)
    export_detector(network, tmp_path / "network.onnx", left)
    assert len(list(left)) == (0 if part == "first" else len(given)), "the second needs no samples"
    session, spread = OnnxSession(tmp_path / "network.onnx"), None
    for shown in given[:2]:
        given_to = {"image": shown} if part == "first" else {"crops": shown[None]}
        found = session.run(["candidates"], given_to)[0]
        with torch.no_grad():
            expected = network(torch.from_numpy(shown)[None].permute(0, 3, 1, 2).float() / 255)
        if part == "first":
            expected = torch.cat([grid.reshape(17, -1) for grid in expected], dim=1)
        spread = expected.numpy().std(axis=-1, keepdims=True) if spread is None else spread
        wrong = np.abs(found - expected.numpy()) / spread
        assert wrong.mean() < 0.1  # 8 bits of activations and weights
    stored = onnx.load(tmp_path / "network.onnx").graph.initializer
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in stored]
    assert len({(each.dtype, each.shape, each.tobytes()) for each in arrays}) == len(arrays)


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("utk", "first", "expected faces, got none"),
        ("negatives", "first", "expected photos, got none"),
        ("scenes", "second", "expected a face of 14 pixels or more, got none"),
    ],
)
def test_pools_without_a_face_or_photo_are_one_line(
    name: str,
    part: str,
    said: str,
    pools: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scenes with no face but one that is too small, and what has nothing at all."""
    data, out = tmp_path / "pools", tmp_path / "run"
    shutil.copytree(pools, data)
    if name == "scenes":
        ground, none = np.full((120, 160, 3), 60, np.uint8), np.zeros((0, 4))
        small = np.array([[70.0, 50, 78, 59]])
        write_scene_pool(data / name, [ground], [small], [none], [np.ones(1)])
    else:
        with np.load(data / f"{name}.npz") as labels:
            empty = {key: labels[key][:0] if labels[key].ndim else labels[key] for key in labels}
        np.savez(data / f"{name}.npz", **empty)
        np.save(data / f"{name}.npy", np.load(data / f"{name}.npy")[:0])
    options = f"--part {part} --data {data} --out {out} --steps 1 --batch 1 --loaders 0"
    assert main(["train-detector", *options.split()]) == 2
    assert capsys.readouterr().err == f"prnet train-detector: {data / name}: {said}\n"
    assert not out.exists()


def test_an_error_of_a_loader_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the pools are taken away after the start."""
    monkeypatch.setattr(train, "check_pools", lambda config: None)
    options = f"--part first --data {tmp_path} --out {tmp_path / 'out'} --steps 1 --loaders 1"
    assert main(["train-detector", *options.split()]) == 2
    assert capsys.readouterr().err.startswith(f"prnet train-detector: {tmp_path}: expected ")
