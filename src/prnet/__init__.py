"""3D faces from one photo: position map regression (PRNet, ECCV 2018).

The names below are the public surface. Each is imported when it is first used, so that
``import prnet`` takes a few milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prnet.boxes import Box as Box
    from prnet.camera import Pose as Pose
    from prnet.camera import WeakPerspectiveCamera as WeakPerspectiveCamera
    from prnet.camera import align_similarity as align_similarity
    from prnet.camera import fit_weak_perspective as fit_weak_perspective
    from prnet.camera import pose_from_rotation as pose_from_rotation
    from prnet.camera import rotation_from_pose as rotation_from_pose
    from prnet.crop import CropRule as CropRule
    from prnet.crop import CropTransform as CropTransform
    from prnet.detect import FaceDetector as FaceDetector
    from prnet.detect import make_detector as make_detector
    from prnet.draw import draw_landmarks as draw_landmarks
    from prnet.draw import draw_mesh as draw_mesh
    from prnet.draw import draw_pose_box as draw_pose_box
    from prnet.draw import overlay as overlay
    from prnet.encode import decode_depth as decode_depth
    from prnet.encode import encode_depth as encode_depth
    from prnet.errors import PrnetError as PrnetError
    from prnet.expression import Expression as Expression
    from prnet.expression import ExpressionModel as ExpressionModel
    from prnet.face import Face as Face
    from prnet.image import load_image as load_image
    from prnet.image import save_image as save_image
    from prnet.network import PositionMapNetwork as PositionMapNetwork
    from prnet.reconstruct import Reconstructor as Reconstructor
    from prnet.render import depth_map as depth_map
    from prnet.swap import swap_face as swap_face
    from prnet.texture_edit import apply_texture as apply_texture
    from prnet.uv import UVLayout as UVLayout

_HOMES = {
    "prnet.boxes": ["Box"],
    "prnet.camera": [
        "Pose",
        "WeakPerspectiveCamera",
        "align_similarity",
        "fit_weak_perspective",
        "pose_from_rotation",
        "rotation_from_pose",
    ],
    "prnet.crop": ["CropRule", "CropTransform"],
    "prnet.detect": ["FaceDetector", "make_detector"],
    "prnet.draw": ["draw_landmarks", "draw_mesh", "draw_pose_box", "overlay"],
    "prnet.encode": ["decode_depth", "encode_depth"],
    "prnet.errors": ["PrnetError"],
    "prnet.expression": ["Expression", "ExpressionModel"],
    "prnet.face": ["Face"],
    "prnet.image": ["load_image", "save_image"],
    "prnet.network": ["PositionMapNetwork"],
    "prnet.reconstruct": ["Reconstructor"],
    "prnet.render": ["depth_map"],
    "prnet.swap": ["swap_face"],
    "prnet.texture_edit": ["apply_texture"],
    "prnet.uv": ["UVLayout"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'prnet' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
