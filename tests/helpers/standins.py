"""A small UV layout, network files and a face, for tests that need no trained network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from prnet.face import Face
from prnet.geometry.boxes import Box
from prnet.geometry.camera import FLIP_Y, Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import Part, UVLayout, ZRule

SIZE = 256
FRONTAL = Pose(0.0, 0.0, 0.0)


def make_layout(z_rule: ZRule = "landmark_mean") -> UVLayout:
    """A disc in UV; its canonical face is the front of an egg, higher than wide."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    u, v = (columns - 127.5) / 110, (rows - 127.5) / 110
    radius = np.hypot(u, v)
    region = radius <= 1
    angle = np.minimum(radius, 1) * 1.4
    ring = np.sin(angle) / np.maximum(radius, 1e-9)
    canonical = np.stack([70 * u * ring, 95 * v * ring, 80 * np.cos(angle)], axis=-1)
    parts = np.where(region, Part.FACE, Part.OUTSIDE).astype(np.uint8)
    parts[(v > 0.8) & region] = Part.NECK
    return UVLayout(
        name="egg",
        region=region,
        landmarks=_landmark_pixels(),
        parts=parts,
        canonical=canonical.astype(np.float32),
        z_rule=z_rule,
    )


def _landmark_pixels() -> NDArray[np.float32]:
    def ellipse(n: int, x: float, y: float, rx: float, ry: float, start: float, turn: float):
        angles = np.radians(start + turn * np.arange(n))
        return np.stack([x - rx * np.cos(angles), y - ry * np.sin(angles)], axis=1)

    jaw = ellipse(17, 127.5, 110, 90, 95, 0, -180 / 16)
    brows = [ellipse(5, x, 95, 22, 14, 20, 35) for x in (87.5, 167.5)]
    bridge = np.stack([np.full(4, 127.5), np.linspace(105, 135, 4)], axis=1)
    nostrils = ellipse(5, 127.5, 140, 16, 6, 0, -45)
    eyes = [ellipse(6, x, 108, 16, 7, 0, 60) for x in (87.5, 167.5)]
    lips = [ellipse(12, 127.5, 170, 30, 14, 0, 30), ellipse(8, 127.5, 170, 22, 5, 0, 45)]
    return np.concatenate([jaw, *brows, bridge, nostrils, *eyes, *lips]).astype(np.float32)


def make_face(
    pose: Pose = FRONTAL,
    *,
    scale: float = 1.0,
    centre: tuple[float, float] = (120.0, 100.0),
    image: NDArray[np.uint8] | None = None,
    layout: UVLayout | None = None,
) -> Face:
    """The canonical egg seen by a known camera, as the network would give it for some crop."""
    layout = layout or make_layout()
    camera = WeakPerspectiveCamera(scale, rotation_from_pose(pose), np.array([*centre, 0.0]))
    points = camera.project(layout.canonical * FLIP_Y)
    side = 200 * scale
    crop = CropTransform(*centre, side=side, size=128)
    box = Box(
        centre[0] - side / 3, centre[1] - side / 3, centre[0] + side / 3, centre[1] + side / 3
    )
    return Face.from_crop_map(crop.to_crop(points), crop=crop, layout=layout, box=box, image=image)


def mirrored(face: Face, width: int) -> Face:
    """The face in the mirrored picture of ``width`` pixels."""
    flipped = face.position_map[:, ::-1] * np.array([-1, 1, 1], np.float32)
    box = Box(width - 1 - face.box.x1, face.box.y0, width - 1 - face.box.x0, face.box.y1)
    return replace(
        face,
        position_map=flipped + np.array([width - 1, 0, 0], np.float32),
        image=None if face.image is None else np.ascontiguousarray(face.image[:, ::-1]),
        box=box,
        crop=replace(face.crop, centre_x=width - 1 - face.crop.centre_x),
    )


def write_network(
    path: Path, position_map: NDArray[np.floating], *, size: int = 128, judges: bool = False
) -> Path:
    """A network file that keeps the contract and always answers ``position_map``, moved in x
    by as much as each crop is more red than green (so that rows of a batch can be told apart; what
    light of one colour shows is grey). With ``judges`` presence is the mean of the green channel
    over 255, and every deviation is 2 pixels.
    """
    nodes = [
        helper.make_node("Cast", ["crops"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=1),
        helper.make_node("MatMul", ["means", "red"], ["signed"]),
        helper.make_node("Relu", ["signed"], ["shift"]),
        helper.make_node("Add", ["shift", "map"], ["position_maps"]),
    ]
    constants: dict[str, NDArray[Any]] = {
        "axes": np.array([1, 2], np.int64),
        "red": np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 0]], np.float32),
        "map": position_map[None].astype(np.float32),
    }
    outputs: dict[str, list[str | int]] = {"position_maps": ["batch", 256, 256, 3]}
    if judges:
        nodes += [
            helper.make_node("Mul", ["means", "green"], ["greens"]),
            helper.make_node("ReduceSum", ["greens", "all"], ["presence"], keepdims=0),
            helper.make_node("Mul", ["position_maps", "zero"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros", "last"], ["flat"], keepdims=0),
            helper.make_node("Add", ["flat", "two"], ["deviations"]),
        ]
        constants |= {
            "green": np.array([0, 1 / 255, 0], np.float32),
            "all": np.array([1, 2, 3], np.int64),
            "zero": np.array(0, np.float32),
            "last": np.array([3], np.int64),
            "two": np.array(2, np.float32),
        }
        outputs |= {"presence": ["batch"], "deviations": ["batch", 256, 256]}
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["batch", size, size, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def write_model(folder: Path, *, judges: bool = False) -> Path:
    """A model folder whose network sees the egg upright in the middle of every crop."""
    layout = make_layout()
    folder.mkdir(parents=True, exist_ok=True)
    middle = layout.canonical * 0.5 + np.array([63.5, 63.5, 0], np.float32)
    write_network(folder / "network.onnx", middle, judges=judges)
    layout.save(folder / "uv_layout.npz")
    return folder
