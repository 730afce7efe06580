"""What the NoW benchmark's own program reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import standins

from prnet.cli import main
from prnet.detection.make import make_detector
from prnet.files.image import save_image
from prnet.reconstruct import Reconstructor


def test_now_layout(tmp_path: Path) -> None:
    model = standins.write_model(tmp_path / "model")
    benchmark = tmp_path / "now"
    name = "FaMoS_1/selfie/IMG_1.jpg"
    save_image(benchmark / "iphone_pictures" / name, np.full((90, 90, 3), 128, np.uint8))
    listed = f"FaMoS_1/selfie/IMG_2.jpg\niphone_pictures/{name}\n"
    (benchmark / "imagepathsvalidation.txt").write_text(listed)
    out = tmp_path / "predicted"
    call = ["evaluate", str(benchmark), "--protocol", "now", "--out", str(out)]
    assert main([*call, "--model", str(model), "--detector", "none", "--threads", "1"]) == 0
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    assert written == {"FaMoS_1/selfie/IMG_1.obj", "FaMoS_1/selfie/IMG_1.npy"}
    landmarks = np.load(out / "FaMoS_1/selfie/IMG_1.npy")
    assert landmarks.shape == (7, 3)
    lines = (out / "FaMoS_1/selfie/IMG_1.obj").read_text().splitlines()
    vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    assert vertices.shape[1] == 3, "its reader knows no colours"
    nearest = np.linalg.norm(vertices[:, None] - landmarks, axis=2).min(axis=0)
    assert nearest.max() < 1, "the landmarks lie on the mesh"
    reconstruct = Reconstructor(model, detector=make_detector("none"), threads=1)
    (face,) = reconstruct(benchmark / "iphone_pictures" / name)
    eyes, nose_and_mouth = [36, 39, 42, 45], [33, 48, 54]  # corners, nose base, corners
    expected = face.landmarks[[*eyes, *nose_and_mouth]] * [1, -1, 1]
    np.testing.assert_allclose(landmarks, expected, atol=1e-4)
    assert landmarks[0, 0] < landmarks[3, 0], "right eye first, at the image's left"
    assert landmarks[:4, 1].min() > landmarks[5:, 1].max(), "y up: the eyes above the mouth"
