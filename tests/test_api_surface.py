"""The public surface, name by name: a change here is a change for every user."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import prnet

SURFACE = [
    "Box",
    "CropRule",
    "CropTransform",
    "Expression",
    "ExpressionModel",
    "Face",
    "FaceDetector",
    "Pose",
    "PositionMapNetwork",
    "PrnetError",
    "Reconstructor",
    "UVLayout",
    "WeakPerspectiveCamera",
    "align_similarity",
    "apply_texture",
    "decode_depth",
    "depth_map",
    "draw_landmarks",
    "draw_mesh",
    "draw_pose_box",
    "encode_depth",
    "fit_weak_perspective",
    "follow",
    "load_image",
    "make_detector",
    "overlay",
    "pose_from_rotation",
    "rotation_from_pose",
    "save_depth",
    "save_image",
    "swap_face",
]

HEAVY = {"PIL", "matplotlib", "numpy", "onnx", "onnxruntime", "scipy", "torch", "tqdm", "trimesh"}


def test_public_names() -> None:
    assert prnet.__all__ == SURFACE == dir(prnet)
    for name in SURFACE:
        assert getattr(prnet, name).__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    """The lazy table and the imports under TYPE_CHECKING agree, module by module."""
    tree = ast.parse(Path(prnet.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names if alias.asname}
    assert seen == prnet._HOME


def test_import_brings_nothing_heavy() -> None:
    code = "import prnet, prnet.cli, sys; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(loaded.stdout.split())
