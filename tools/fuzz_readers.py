"""Damaged files for every reader but that of pictures: arrays, models, labels, landmarks, tables,
checkpoints, prepared data, zip files.

  python tools/fuzz_readers.py --count 2000 --seed 0
  python tools/fuzz_readers.py --count 1 --first 1234 --keep found   (one round again)

Each file is used after it was read, as faults hide there.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from fuzz import Subject, run
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import bundle_writer
import small_bfm
import uv_folder

from prnet.evaluation.datasets import open_dataset, with_landmarks, with_yaw
from prnet.facemodel.expression import ExpressionModel
from prnet.facemodel.labels import read_labels
from prnet.facemodel.morphable import MorphableModel
from prnet.facemodel.position_map import Chart
from prnet.files.arrays import npy_bytes, npz_bytes
from prnet.files.photos import PhotoStore
from prnet.formats.landmarks import read_points
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule, CropTransform
from prnet.layout.layout2018 import read_uv_folder
from prnet.layout.uv_layout import UVLayout, default_layout
from prnet.mapped import MappedFace
from prnet.network.crop_rules import load_crop_rules
from prnet.network.position_map_network import PositionMapNetwork
from prnet.packaged import DATA
from prnet.release2018.tf_checkpoint import Checkpoint

Read = Callable[[Path], object]

SCIPY, TORCH, ONNX = (find_spec(name) is not None for name in ("scipy", "torch", "onnx"))
NAMES = ("jawOpen", "eyeBlink_L")
PEOPLE = 6


def subjects(folder: Path) -> Sequence[Subject]:
    """Every kind of file; those of SciPy and torch where these are installed."""
    random = np.random.default_rng(0)
    found = [*_models(random), *_labels(random), *_points(random), *_of_2018(folder)]
    found += _of_matlab(folder) if SCIPY else []
    return [*found, *_of_training(random)] if TORCH and ONNX else found


def _models(random: np.random.Generator) -> list[Subject]:
    model: dict[str, Any] = {
        "neutral": random.normal(0, 8, (20, 3)).astype("f4"),
        "uv": random.random((20, 2)).astype("f4"),
        "faces": random.integers(0, 20, (10, 4)).astype("i4"),
        "face_uvs": random.integers(0, 20, (10, 4)).astype("i4"),
        "identity": random.normal(0, 1, (3, 20, 3)).astype("f2"),
        "expression": random.normal(0, 1, (2, 20, 3)).astype("f2"),
        "identity_names": ["a", "b", "c"],
        "expression_names": NAMES,
    }
    vertices = "".join("v {:.4f} {:.4f} {:.4f}\n".format(*row) for row in model["neutral"])
    obj = vertices + "vt 0.1 0.2\nvt 0.3 0.4\nvt 0.5 0.6\nf 1/1 2/2 3/3\nf 1/1 2/2 4/3 5/1\n"
    flat = default_layout().region.ravel().nonzero()[0][::400]
    mean = default_layout().canonical.reshape(-1, 3)[flat] * (1, -1, 1)
    modes = random.normal(0, 0.5, (5, *mean.shape)).astype("f4")
    expression = {"layout": "prnet-ict", "pixels": flat, "mean": mean, "modes": modes}
    expression["expression_names"] = NAMES
    rules = json.dumps({"dlib": {"scale": 1.5, "shift_x": 0.0, "shift_y": 0.1}})
    chart = (DATA / "training" / "ict_chart.npz").read_bytes()
    return [
        Subject("uv_layout.npz", (DATA / "uv_layout.npz").read_bytes(), _use_layout),
        Subject("face_model.npz", npz_bytes(model), _use_model),
        Subject("expression.npz", npz_bytes(expression), _use_expression),
        Subject("ict_chart.npz", chart, Chart.load, weight=0.2),
        Subject("generic_neutral_mesh.obj", obj.encode(), _use_folder, partial(_obj_beside, obj)),
        Subject("crop_rules.json", rules.encode(), _use_rules),
        Subject("network.onnx", (DATA / "network.onnx").read_bytes(), _use_network, weight=0.1),
    ]


def _mean_face(layout: UVLayout) -> MappedFace:
    box = Box(10, 10, 60, 60)
    crop = CropTransform.from_box(box, CropRule(1.5), size=128)
    return MappedFace.from_crop_map(layout.canonical * 50, crop=crop, layout=layout, box=box)


def _use_layout(path: Path) -> None:
    layout = UVLayout.load(path)
    face = _mean_face(layout)
    _ = (face.pose, face.triangles, face.normals, layout.nearest_in_region, layout.coarse_triangles)


def _use_model(path: Path) -> None:
    model = MorphableModel.load(path)
    model.vertices(np.zeros(len(model.identity)), np.zeros(len(NAMES)), expression_names=NAMES)


def _use_expression(path: Path) -> None:
    ExpressionModel.load(path).fit(_mean_face(default_layout()))


def _obj_beside(obj: str, folder: Path) -> None:
    for name in ("identity000", "identity001", *NAMES):
        (folder / f"{name}.obj").write_text(obj)


def _use_folder(path: Path) -> None:
    from prnet.facemodel.ict_facekit import read_face_model

    read_face_model(path.parent)


def _use_rules(path: Path) -> None:
    for rule in load_crop_rules(path.parent).values():
        CropTransform.from_box(Box(10, 10, 60, 60), rule, size=128).crop_image(
            np.zeros((80, 80, 3), np.uint8)
        )


def _use_network(path: Path) -> None:
    network = PositionMapNetwork(path, threads=1)
    if network.crop_size <= 512:
        network(np.zeros((1, network.crop_size, network.crop_size, 3), np.uint8))


def _labels(random: np.random.Generator) -> list[Subject]:
    photo = io.BytesIO()
    Image.fromarray(random.integers(0, 255, (40, 40, 3)).astype("u1")).save(photo, "PNG")
    labels: dict[str, Any] = {
        "files": [f"set/{i}.png" for i in range(PEOPLE)],
        "source": ["set"] * PEOPLE,
        "identity": random.normal(0, 1, (PEOPLE, 3)).astype("f2"),
        "expression": random.random((PEOPLE, 2)).astype("f2"),
        "expression_names": NAMES,
        "scale": np.full(PEOPLE, 5, "f4"),
        "rotation": np.repeat(np.eye(3, dtype="f4")[None], PEOPLE, 0),
        "translation": np.full((PEOPLE, 2), 20, "f4"),
        "yaw_deg": np.zeros(PEOPLE, "f4"),
        "fit_error": np.full(PEOPLE, 0.01, "f4"),
        "fit_error_68": np.full(PEOPLE, np.nan, "f4"),
        "landmark_spread": np.full(PEOPLE, 0.01, "f4"),
        "landmarks68": (random.random((PEOPLE, 68, 3)) * 40).astype("f4"),
        "annotated68": np.full((PEOPLE, 68, 2), np.nan, "f4"),
    }
    table = {key: labels[key] for key in ("files", "landmarks68", "landmark_spread")}
    table |= {"person": ["a"] * PEOPLE, "exact": [30, 36]}
    photos = _zip({f"set/{i}.png": photo.getvalue() for i in range(2)})

    def beside(folder: Path) -> None:
        (folder / "photos.zip").write_bytes(photos)

    return [
        Subject("labels.npz", npz_bytes(labels), _use_labels, beside),
        Subject("photos.zip", photos, _use_photos),
        Subject("table.npz", npz_bytes(table), _use_table, beside, weight=0.5),
    ]


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _use_labels(path: Path) -> None:
    read_labels(path)
    for sample in open_dataset(path.parent, "labels").samples[:2]:
        sample.read_photo()


def _use_table(path: Path) -> None:
    _ = open_dataset(path).samples


def _use_photos(path: Path) -> None:
    store = PhotoStore(path.parent)
    for i in range(2):
        if f"set/{i}.png" in store:
            _ = store[f"set/{i}.png"]


def _points(random: np.random.Generator) -> list[Subject]:
    points = random.random((68, 3)) * 200 + 5
    rows = "".join("{:.3f} {:.3f} {:.3f}\n".format(*row) for row in points)
    pairs = "".join("{:.3f} {:.3f}\n".format(*point[:2]) for point in points)
    pts = "version: 1\nn_points: 68\n{\n" + pairs + "}\n"
    cells = ",".join(f"{value:.2f}" for value in points[:, :2].ravel())
    table = "file" + ",c" * 136 + f"\na.jpg,{cells}\nb.jpg,{cells}\n"
    arrays: dict[str, Any] = {"landmarks": points, "angles": np.zeros(3), "rotation": np.eye(3)}
    arrays |= {"vertices": random.random((30, 3)), "position_map": random.random((8, 8, 3))}
    arrays |= {"region": np.eye(8, dtype=bool), "camera_rotation": np.eye(3)}
    array, yaw = npy_bytes(points[None, :, :2]), npy_bytes(np.zeros(1))

    def beside(folder: Path) -> None:
        (folder / "one.pts").write_text(pts)

    def re_annotated(path: Path) -> None:
        with_landmarks(open_dataset(path.parent, "pts"), path)

    def turned(path: Path) -> None:
        with_yaw(open_dataset(path.parent, "pts"), path)

    return [
        Subject("landmarks.txt", rows.encode(), _use_points),
        Subject("landmarks.pts", pts.encode(), _use_points),
        Subject("landmarks.npz", npz_bytes(arrays), _use_points),
        Subject("table.csv", table.encode(), partial(open_dataset, format="csv")),
        Subject("re_annotated.npy", array, re_annotated, beside),
        Subject("yaw.npy", yaw, turned, beside),
    ]


def _use_points(path: Path) -> None:
    points = read_points(path)["landmarks"]
    _whole_reconstructor()(np.zeros((64, 64, 3), np.uint8), landmarks=[points])


@cache
def _whole_reconstructor() -> Any:
    from prnet.reconstruct import Reconstructor

    return Reconstructor(detector="none", threads=1)


def _of_2018(folder: Path) -> list[Subject]:
    source = folder / "2018"
    source.mkdir()
    uv_folder.write_folder(source)
    triangles = "0 1 2\n1 2 3\n2 3 4\n"
    bundle_writer.write_bundle(
        source / "net", {"a/w": np.eye(3, dtype="f4"), "b": np.zeros(5, "f4")}
    )

    def uv_beside(to: Path) -> None:
        uv_folder.write_folder(to)
        (to / "triangles.txt").write_text(triangles)

    def net_beside(to: Path) -> None:
        for path in source.glob("net.*"):
            (to / path.name).write_bytes(path.read_bytes())

    def use_uv(path: Path) -> None:
        _ = read_uv_folder(path.parent).triangles

    def use_net(path: Path) -> None:
        dict(Checkpoint(path.parent / "net"))

    def use_unchecked(path: Path) -> None:
        dict(Checkpoint(path.parent / "net", skip_checksums=True))

    texts = {path.name: path.read_bytes() for path in source.glob("*.*")}
    texts["triangles.txt"] = triangles.encode()
    names = ("uv_kpt_ind.txt", "face_ind.txt", "canonical_vertices.npy", "triangles.txt")
    nets = [name for name in texts if name.startswith("net.")]
    return [
        *(Subject(name, texts[name], use_uv, uv_beside, weight=0.4) for name in names),
        *(Subject(name, texts[name], use_net, net_beside, weight=0.3) for name in nets),
        *(Subject(name, texts[name], use_unchecked, net_beside, weight=0.7) for name in nets),
    ]


def _of_matlab(folder: Path) -> list[Subject]:
    import scipy.io

    from prnet.facemodel.basel import BaselFaceModel
    from prnet.facemodel.fits300w import FaceFit, image_vertices

    source = folder / "matlab"
    source.mkdir()
    small_bfm.write_face3d(source)
    pose = [0.1, 0.2, 0.3, 50, 60, 0, 1e-3]
    small_bfm.write_sample(source, "fit", pose, np.zeros(3), np.zeros(2), (60, 50))
    points: dict[str, Any] = {
        "pt3d_68": np.random.default_rng(0).random((3, 68)) * 50,
        "Pose_Para": [pose],
    }
    scipy.io.savemat(source / "aflw.mat", points, do_compression=True)
    scipy.io.savemat(source / "pt2d.mat", {"pt2d": points["pt3d_68"][:2]}, format="4")
    model = BaselFaceModel.load(source)

    def beside(to: Path) -> None:
        small_bfm.write_face3d(to)

    def use_model(path: Path) -> None:
        read = BaselFaceModel.load(path.parent)
        read.vertices(np.zeros(read.shape_modes), np.zeros(read.expression_modes))

    def use_fit(path: Path) -> None:
        image_vertices(model, FaceFit.read(path), 60)

    def use_set(path: Path) -> None:
        _ = open_dataset(path.parent, "mat").samples

    uses: dict[str, tuple[Read, Read]] = {
        "BFM.mat": (use_model, beside),
        "BFM_UV.mat": (use_model, beside),
        "fit.mat": (use_fit, lambda to: None),
        "aflw.mat": (use_set, lambda to: None),
        "pt2d.mat": (use_set, lambda to: None),
    }
    return [Subject(name, (source / name).read_bytes(), *use) for name, use in uses.items()]


def _of_training(random: np.random.Generator) -> list[Subject]:
    import torch

    from prnet.training.checkpoints import Begun, resume
    from prnet.training.config import TrainConfig
    from prnet.training.data.dataset import PreparedData
    from prnet.training.data.draws import Draws
    from prnet.training.labels.correspondence import Correspondence
    from prnet.training.labels.given import GivenLandmarks
    from prnet.training.networks.compact import CROP_SIZE, CompactNetwork
    from prnet.training.networks.read_onnx import load_onnx
    from prnet.training.train import make_optimizer

    torch.set_num_threads(1)
    network = torch.nn.Linear(3, 2)
    stream = io.BytesIO()
    optimizer = make_optimizer(TrainConfig(), network, 1e-3)
    state = {"network": network.state_dict(), "averaged": network.state_dict()}
    torch.save({**state, "optimizer": optimizer.state_dict(), "step": 3}, stream)

    def use_checkpoint(path: Path) -> None:
        fresh = torch.nn.Linear(3, 2)
        optimizer = make_optimizer(TrainConfig(), fresh, 1e-3)
        resume(path.parent, fresh, torch.nn.Linear(3, 2), optimizer, Begun(None))

    folder = _prepared_files(random)

    def beside(to: Path) -> None:
        for name, data in folder.items():
            (to / name).write_bytes(data)

    def use_prepared(path: Path) -> None:
        data = PreparedData(path.parent)
        _, labels = data.draw(Draws(0), 4, {"views": 0.5})
        data.positions(labels)

    whole = CompactNetwork()

    def use_weights(path: Path) -> None:
        load_onnx(whole, path, torch.zeros(1, 3, CROP_SIZE, CROP_SIZE))

    given = {
        "files": ["a.jpg"],
        "landmarks68": 60 * random.random((1, 68, 2)),
        "landmarks468": 60 * random.random((1, 468, 3)),
    }
    correspondence = (DATA / "training" / "correspondence.npz").read_bytes()
    return [
        Subject("weights.onnx", (DATA / "network.onnx").read_bytes(), use_weights, weight=0.2),
        Subject("checkpoint.pt", stream.getvalue(), use_checkpoint),
        *(Subject(name, data, use_prepared, beside, weight=0.6) for name, data in folder.items()),
        Subject("given.npz", npz_bytes(given), lambda path: GivenLandmarks.load(path)),
        Subject("correspondence.npz", correspondence, Correspondence.load, weight=0.5),
    ]


def _prepared_files(random: np.random.Generator) -> dict[str, bytes]:
    """Of the folder that training reads."""
    inside = np.zeros((64, 64), bool)
    inside[10:14, 30:34] = True
    cameras = {
        "coefficients": np.zeros((PEOPLE, 2), "f4"),
        "apart": np.zeros((PEOPLE, 2), "f4"),
        "view": np.repeat(np.array([[0, 0, 1]], "f4"), PEOPLE, 0),
        "scale": np.full(PEOPLE, 5, "f4"),
        "rotation": np.repeat(np.eye(3, dtype="f4")[None], PEOPLE, 0),
        "translation": np.full((PEOPLE, 2), 20, "f4"),
    }
    samples: dict[str, Any] = {
        **cameras,
        "files": [f"{i}.jpg" for i in range(PEOPLE)],
        "held_out": np.arange(PEOPLE) == 0,
        "crop": np.ones((PEOPLE, 3)),
        "annotated68": np.full((PEOPLE, 68, 2), np.nan, "f4"),
    }
    basis = {
        "grid_inside": inside,
        "grid_mean": random.random((16, 3)).astype("f4"),
        "grid_offsets": random.random((2, 16, 3)).astype("f4"),
        "landmark_mean": random.random((68, 3)).astype("f4"),
        "landmark_offsets": random.random((2, 68, 3)).astype("f4"),
    }
    crops = npy_bytes(np.zeros((PEOPLE, 48, 48, 3), np.uint8))
    return {
        "samples.npz": npz_bytes(samples),
        "basis.npz": npz_bytes(basis),
        "crops.npy": crops,
        "turned-000.npz": npz_bytes({**cameras, "sample": np.arange(PEOPLE)}),
        "turned-000.npy": crops,
    }


if __name__ == "__main__":
    sys.exit(run(subjects, __doc__ or ""))
