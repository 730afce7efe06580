"""Draw the package's UV layout for ``docs/uv-layout.md``.

    python tools/draw_uv_layout.py --out docs/images/uv-layout.png

Left to right: a checkerboard of 8 UV pixels on the canonical face; the same from the side; parts
and landmarks in UV; area distortion in UV (UV pixels per square of 1 mm side, logarithmic).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from prnet.geometry.rasterize import interpolate, rasterize
from prnet.layout.uv_layout import Part, default_layout

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap

COLOURS = ["#ffffff", "#e8d5c4", "#7fb3d5", "#d98880", "#c39bd3", "#f7dc6f", "#a9dfbf"]


def checkerboard(yaw: float, size: int = 640) -> NDArray[np.uint8]:
    """The canonical face turned by ``yaw`` degrees, shaded: (size, size, 3) uint8."""
    layout = default_layout()
    angle = np.radians(yaw)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    vertices = (layout.canonical_vertices - [0, -1.5, 3]) @ turn.T
    vertices = vertices * size / 32 + [size / 2, size / 2, 0]
    corners = vertices[layout.triangles]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 1] - corners[:, 0])
    per_vertex = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(per_vertex, layout.triangles[:, corner], normals)
    per_vertex /= np.linalg.norm(per_vertex, axis=1, keepdims=True) + 1e-12
    raster = rasterize(vertices, layout.triangles, size, size)
    values = interpolate(
        raster, layout.triangles, np.column_stack([layout.vertex_pixels[:, ::-1], per_vertex])
    )
    light = np.clip(values[..., 2:] @ np.array([-0.3, -0.4, 0.87]), 0.15, 1)
    even = ((values[..., 0] // 8 + values[..., 1] // 8) % 2)[..., None]
    colour = np.where(even > 0, [235, 225, 215], [90, 120, 160]) * light[..., None]
    return np.where(raster.mask[..., None], colour, 255).astype(np.uint8)


def density() -> NDArray[np.float64]:
    """(256, 256) UV pixels per square millimetre of the canonical face (in cm), NaN outside."""
    layout = default_layout()
    corners = layout.canonical_vertices[layout.triangles]
    area = (
        np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        )
        / 2
    )
    total, count = np.zeros(len(layout.vertex_pixels)), np.zeros(len(layout.vertex_pixels))
    for corner in range(3):
        np.add.at(total, layout.triangles[:, corner], area)
        np.add.at(count, layout.triangles[:, corner], 0.5)
    image = np.full(layout.region.shape, np.nan)
    image[layout.region] = count / (100 * total)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    layout = default_layout()
    figure, axes = plt.subplots(1, 4, figsize=(20, 5.2))
    axes[0].imshow(checkerboard(0))
    axes[1].imshow(checkerboard(60))
    axes[2].imshow(layout.parts, cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=6.5)
    axes[2].plot(*layout.landmarks.T, "k.", markersize=4)
    for index in (0, 8, 16, 17, 27, 30, 36, 45, 48, 54, 57):
        axes[2].annotate(str(index), layout.landmarks[index], fontsize=7)
    picture = axes[3].imshow(np.log10(density()), cmap="viridis", vmin=-1, vmax=1.5)
    figure.colorbar(picture, ax=axes[3], fraction=0.046, label="log10 UV pixels per mm²")
    titles = ("8-pixel checkerboard", "turned by 60°", "parts and landmarks", "area distortion")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(out, dpi=70)
    shares = {part.name.lower(): (layout.parts == part).sum() for part in Part if part}
    print({name: f"{count / layout.region.sum():.1%}" for name, count in shares.items()})


if __name__ == "__main__":
    main()
