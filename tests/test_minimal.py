"""What a bare install must do. Runs without pytest too: ``python tests/test_minimal.py``."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

IMPORT_SECONDS = 0.3


def test_import_is_quick() -> None:
    """Processor time, the best of five, so that a busy machine does not fail it."""
    code = "import time; t = time.process_time(); import prnet; print(time.process_time() - t)"
    seconds = min(float(_python("-c", code)) for _ in range(5))
    assert seconds < IMPORT_SECONDS, f"expected less than {IMPORT_SECONDS} s, got {seconds:.2f} s"


def test_sample_photo_gives_a_face() -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = _python("-m", "prnet", "try", "--out", folder)
        description = json.loads((Path(folder) / "astronaut.json").read_text())
        files = {path.name for path in Path(folder).iterdir()}
    landmarks = description["landmarks"]
    assert len(landmarks) == 68
    nose_x, nose_y, _ = landmarks[30]
    assert max(abs(nose_x - 225), abs(nose_y - 122)) < 10, (nose_x, nose_y)
    assert 0 < description["pose"]["roll"] < 15, "her head is tilted clockwise a little"
    for name in files:
        # A textured OBJ's .mtl and .png go by the name of the .obj.
        assert Path(name).stem in told, name


def test_reconstruct_from_python() -> None:
    import prnet

    photo = Path(prnet.__file__).parent / "data" / "sample" / "astronaut.jpg"
    (face,) = prnet.Reconstructor()(prnet.load_image(photo))
    assert face.vertices.shape[1] == face.landmarks.shape[1] == 3


def test_licences_come_along() -> None:
    import prnet

    data = Path(prnet.__file__).parent / "data"
    assert "ICT-FaceKit" in (data / "NOTICE").read_text(encoding="utf-8")
    assert "research" in (data / "LICENSE-WEIGHTS.md").read_text(encoding="utf-8")


def _python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """All tests of this file, and that the extras really are not installed."""
    extras = [name for name in ("torch", "scipy", "onnx") if importlib.util.find_spec(name)]
    assert not extras, f"expected a bare install, got {extras}"
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: passed")


if __name__ == "__main__":
    main()
