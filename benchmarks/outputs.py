"""Medians of what follows from a position map: OMP_NUM_THREADS=1 python benchmarks/outputs.py

The face is the layout's canonical one, seen from a little to the side, 190 pixels from crown to
neck in a photo of 640 x 480: no trained network is needed.
"""

from __future__ import annotations

import platform
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rasterize import cpu_name, median_ms

from prnet.appearance.texture_edit import apply_texture
from prnet.face import Face
from prnet.geometry.boxes import Box
from prnet.geometry.camera import FLIP_Y, Pose, WeakPerspectiveCamera, rotation_from_pose
from prnet.geometry.crop import CropTransform
from prnet.layout.uv_layout import default_layout

WIDTH, HEIGHT, FACE_HEIGHT = 640, 480, 190


def sample_face(face_height: float = FACE_HEIGHT) -> Face:
    layout = default_layout()
    scale = face_height / float(np.ptp(layout.canonical_vertices[:, 1]))
    rotation = rotation_from_pose(Pose(15.0, -5.0, 5.0))
    camera = WeakPerspectiveCamera(scale, rotation, np.array([WIDTH / 2, HEIGHT / 2, 0.0]))
    position_map = camera.project(layout.canonical * FLIP_Y).astype(np.float32)
    photo: NDArray[np.uint8] = np.random.default_rng(0).integers(
        0, 256, (HEIGHT, WIDTH, 3), np.uint8
    )
    half = face_height / 3
    box = Box(WIDTH / 2 - half, HEIGHT / 2 - half, WIDTH / 2 + half, HEIGHT / 2 + half)
    crop = CropTransform(WIDTH / 2, HEIGHT / 2, side=1.2 * face_height, size=128)
    return Face(position_map, layout, box, crop, photo)


def measure(face: Face) -> None:
    def fresh() -> Face:
        """Without the properties that a face keeps."""
        return replace(face)

    texture = face.texture(size=512)
    calls = {
        "depth map, whole photo": lambda: fresh().depth_map(),
        "depth map, crop of 64 pixels": lambda: fresh().depth_map(crop_size=64),
        "normal map, whole photo": lambda: fresh().normal_map(),
        "visibility": lambda: fresh().visibility,
        "texture 512": lambda: fresh().texture(size=512),
        "texture 512 with its mask": lambda: (
            fresh().texture(size=512),
            fresh().texture_mask(size=512),
        ),
        "texture 512, filled": lambda: fresh().texture(size=512, fill=True),
        "frontal view, 512": lambda: fresh().render(texture=texture),
        "texture 512 back into the photo": lambda: apply_texture(
            fresh(), texture, mask=np.ones((512, 512), np.float32)
        ),
    }
    for name, call in calls.items():
        print(f"{median_ms(call):7.1f} ms  {name}")


if __name__ == "__main__":
    print(f"{cpu_name()}, Python {platform.python_version()}, NumPy {np.__version__}, one core")
    for height in (FACE_HEIGHT, 400):
        print(f"face of {height} pixels in {WIDTH} x {HEIGHT}")
        measure(sample_face(height))
