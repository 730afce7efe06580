"""3D faces from one photo: position map regression (PRNet, ECCV 2018).

The names below are the public surface. Each is imported when it is first used, so that
``import prnet`` takes a few milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prnet.appearance.draw import draw_landmarks as draw_landmarks
    from prnet.appearance.draw import draw_mesh as draw_mesh
    from prnet.appearance.draw import draw_pose_box as draw_pose_box
    from prnet.appearance.draw import overlay as overlay
    from prnet.appearance.render import depth_map as depth_map
    from prnet.appearance.swap import swap_face as swap_face
    from prnet.appearance.texture_edit import apply_texture as apply_texture
    from prnet.detection.make import make_detector as make_detector
    from prnet.detection.protocol import FaceDetector as FaceDetector
    from prnet.errors import PrnetError as PrnetError
    from prnet.face import Face as Face
    from prnet.facemodel.expression import Expression as Expression
    from prnet.facemodel.expression import ExpressionModel as ExpressionModel
    from prnet.files.image import load_image as load_image
    from prnet.files.image import save_image as save_image
    from prnet.formats.depth import decode_depth as decode_depth
    from prnet.formats.depth import encode_depth as encode_depth
    from prnet.formats.depth import save_depth as save_depth
    from prnet.geometry.boxes import Box as Box
    from prnet.geometry.camera import Pose as Pose
    from prnet.geometry.camera import WeakPerspectiveCamera as WeakPerspectiveCamera
    from prnet.geometry.camera import align_similarity as align_similarity
    from prnet.geometry.camera import fit_weak_perspective as fit_weak_perspective
    from prnet.geometry.camera import pose_from_rotation as pose_from_rotation
    from prnet.geometry.camera import rotation_from_pose as rotation_from_pose
    from prnet.geometry.crop import CropRule as CropRule
    from prnet.geometry.crop import CropTransform as CropTransform
    from prnet.layout.uv_layout import UVLayout as UVLayout
    from prnet.network.position_map_network import PositionMapNetwork as PositionMapNetwork
    from prnet.reconstruct import Reconstructor as Reconstructor
    from prnet.video.follow import follow as follow

_HOMES = {
    "prnet.appearance.draw": ["draw_landmarks", "draw_mesh", "draw_pose_box", "overlay"],
    "prnet.appearance.render": ["depth_map"],
    "prnet.appearance.swap": ["swap_face"],
    "prnet.appearance.texture_edit": ["apply_texture"],
    "prnet.detection.make": ["make_detector"],
    "prnet.detection.protocol": ["FaceDetector"],
    "prnet.errors": ["PrnetError"],
    "prnet.face": ["Face"],
    "prnet.facemodel.expression": ["Expression", "ExpressionModel"],
    "prnet.files.image": ["load_image", "save_image"],
    "prnet.formats.depth": ["decode_depth", "encode_depth", "save_depth"],
    "prnet.geometry.boxes": ["Box"],
    "prnet.geometry.camera": [
        "Pose",
        "WeakPerspectiveCamera",
        "align_similarity",
        "fit_weak_perspective",
        "pose_from_rotation",
        "rotation_from_pose",
    ],
    "prnet.geometry.crop": ["CropRule", "CropTransform"],
    "prnet.layout.uv_layout": ["UVLayout"],
    "prnet.network.position_map_network": ["PositionMapNetwork"],
    "prnet.reconstruct": ["Reconstructor"],
    "prnet.video.follow": ["follow"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # slow to import

        return version("prnet")
    if name not in _HOME:
        raise AttributeError(f"module 'prnet' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
