"""What users of the 2018 release bring: its checkpoint, its options, its API.

``from prnet.release2018 import PRN`` stands for ``from api import PRN``, and the functions beside
it for those of its ``utils``; docs/release2018.md.
"""

from prnet.release2018.plot import plot_kpt, plot_pose_box, plot_vertices
from prnet.release2018.pose import estimate_pose, frontalize
from prnet.release2018.prn import PRN, PosPrediction
from prnet.release2018.render import (
    generate_depth_image,
    get_depth_image,
    get_uv_mask,
    get_visibility,
    render_texture,
)
from prnet.release2018.write import write_obj_with_colors, write_obj_with_texture

__all__ = [
    "PRN",
    "PosPrediction",
    "estimate_pose",
    "frontalize",
    "generate_depth_image",
    "get_depth_image",
    "get_uv_mask",
    "get_visibility",
    "plot_kpt",
    "plot_pose_box",
    "plot_vertices",
    "render_texture",
    "write_obj_with_colors",
    "write_obj_with_texture",
]
