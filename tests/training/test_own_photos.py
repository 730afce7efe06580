"""From ten photos to labels, to a trained network, to a reconstruction with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from full_disk import SAYS, files_below, full_disk

from prnet import Reconstructor
from prnet.cli import main
from prnet.facemodel.morphable import MorphableModel
from prnet.files.image import save_image
from prnet.files.photos import PhotoStore
from prnet.geometry.camera import project_head
from prnet.training.labels.correspondence import Correspondence

pytest.importorskip("torch")


@pytest.mark.shared
def test_ten_photos_become_a_network(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    face_model = shared / "facemodel" / "ict_facekit.npz"
    _ten_photos(shared, photos, face_model, tmp_path / "points.npz")

    labels, prepared, run = (tmp_path / name for name in ("labels", "prepared", "run"))
    arguments = {
        "label": f"{photos} --landmarks {tmp_path / 'points.npz'} --processes 1 "
        f"--face-model {face_model} --out {labels}",
        "prepare": f"{labels / 'labels.npz'} --photos {photos} --face-model {face_model} "
        f"--out {prepared} --shards 0:1",
        "train": f"--data {prepared} --out {run} --init shipped --samples 16 --batch 8 --loaders 0",
    }
    for command, options in arguments.items():
        if command == "prepare":
            _no_room(["prepare", *options.split()], prepared, capsys)
        assert main([command, *options.split()]) == 0
    for other, said in (
        ("--stored-size 384", "expected --stored-size 192, as its photos have, got 384"),
        ("--shards 4", "expected --shards FIRST:LAST, such as 0:4, got 4"),
        (
            f"--face-model {tmp_path / 'points.npz'}",
            "expected the face model that it was made from",
        ),
    ):
        assert main(["prepare", *arguments["prepare"].split(), *other.split()]) == 2
        assert said in capsys.readouterr().err

    faces = Reconstructor(run, detector="none")(photos / "photo_0.png")
    assert len(faces) == 1
    assert np.isfinite(faces[0].vertices).all()


def _no_room(command: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not for the bases, and not for anything."""
    for room in (64, 1000):
        with full_disk(room):
            assert main(command) == 2
        assert SAYS in capsys.readouterr().err.splitlines()[-1]
        assert files_below(out) == []


def _ten_photos(shared: Path, photos: Path, face_model: Path, points: Path) -> None:
    """Ten labelled photos as files, and where MediaPipe's 468 points would lie in them."""
    with np.load(shared / "faces" / "labels.npz", allow_pickle=False) as arrays:
        table = {key: arrays[key][:10] for key in arrays if key != "expression_names"}
        names = [str(name) for name in arrays["expression_names"]]
    store = PhotoStore(shared / "faces")
    photos.mkdir()
    model = MorphableModel.load(face_model)
    places = Correspondence.load()
    shapes = model.vertices(table["identity"], table["expression"], expression_names=names)
    meshes = []
    for row, name in enumerate(table["files"]):
        save_image(photos / f"photo_{row}.png", store[str(name)])
        camera = (table[key][row] for key in ("scale", "rotation", "translation"))
        corners = project_head(shapes[row], *camera)[places.vertices]
        meshes.append((corners * places.weights[..., None]).sum(axis=1))
    files = np.array([f"photo_{row}.png" for row in range(10)])
    np.savez(points, files=files, landmarks468=np.array(meshes)[..., :2])
