"""``drawing_utils``: points and connections onto a picture, in place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from prnet.errors import PrnetError, install_command, is_whole
from prnet.facemesh.python.solutions.face_mesh import NormalizedLandmark, NormalizedLandmarkList

Colour = tuple[int, int, int]
WHITE_COLOR: Colour = (224, 224, 224)
BLACK_COLOR: Colour = (0, 0, 0)
RED_COLOR: Colour = (0, 0, 255)
GREEN_COLOR: Colour = (0, 128, 0)
BLUE_COLOR: Colour = (255, 0, 0)


@dataclass
class DrawingSpec:
    """``color`` in the picture's own order of channels; sizes in pixels."""

    color: Colour = WHITE_COLOR
    thickness: int = 2
    circle_radius: int = 2


RED_DOTS = DrawingSpec(color=RED_COLOR)
WHITE_LINES = DrawingSpec()
THICK_DOTS = DrawingSpec(color=RED_COLOR, thickness=5)
THICK_LINES = DrawingSpec(color=BLACK_COLOR, thickness=5)
Specs = DrawingSpec | Mapping[Any, DrawingSpec]


def draw_landmarks(
    image: NDArray[np.uint8],
    landmark_list: NormalizedLandmarkList | None,
    connections: Iterable[tuple[int, int]] | None = None,
    landmark_drawing_spec: Specs | None = RED_DOTS,
    connection_drawing_spec: Specs = WHITE_LINES,
    is_drawing_landmarks: bool = True,
) -> None:
    """Draw onto ``image`` (H, W, 3) itself. Specs may be mappings from a point or a connection;
    without a spec of landmarks there are no dots."""
    if landmark_list is None:
        return
    if not _is_canvas(image):
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image)
        raise PrnetError(f"expected an image to draw onto, uint8 (H, W, 3), got {got}")
    height, width = image.shape[:2]
    points = [(mark.x * width, mark.y * height) for mark in _marks(landmark_list)]
    pairs = _pairs(connections, len(points))
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for pair in pairs:
        spec = _of(connection_drawing_spec, pair)
        if spec.thickness > 0:
            draw.line([points[pair[0]], points[pair[1]]], fill=spec.color, width=spec.thickness)
    if landmark_drawing_spec is not None and is_drawing_landmarks:
        for number, (x, y) in enumerate(points):
            spec = _of(landmark_drawing_spec, number)
            radius = spec.circle_radius
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=spec.color)
    image[:] = np.asarray(picture)


def plot_landmarks(
    landmark_list: NormalizedLandmarkList | None,
    connections: Iterable[tuple[int, int]] | None = None,
    landmark_drawing_spec: DrawingSpec = THICK_DOTS,
    connection_drawing_spec: DrawingSpec = THICK_LINES,
    elevation: float = 10,
    azimuth: float = 10,
) -> None:
    """Show the points in space, by matplotlib, in a figure of its own."""
    if landmark_list is None:
        return
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise PrnetError(
            f"expected matplotlib for plot_landmarks, got none ({install_command('evaluate')})"
        ) from error
    axes: Any = pyplot.figure(figsize=(10, 10)).add_subplot(projection="3d")
    axes.view_init(elev=elevation, azim=azimuth)
    points = np.array([(-mark.z, mark.x, -mark.y) for mark in _marks(landmark_list)])
    pairs = _pairs(connections, len(points))
    spec = _of(landmark_drawing_spec, None)
    axes.scatter(*points.T, color=_unit(spec.color), linewidth=spec.thickness)
    spec = _of(connection_drawing_spec, None)
    for pair in pairs:
        axes.plot(*points[list(pair)].T, color=_unit(spec.color), linewidth=spec.thickness)
    pyplot.show()


def _is_canvas(image: object) -> bool:
    return (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and image.flags.writeable
    )


def _marks(landmark_list: NormalizedLandmarkList) -> list[NormalizedLandmark]:
    try:
        return landmark_list.landmark
    except AttributeError as error:
        kind = type(landmark_list).__name__
        raise PrnetError(f"expected one of multi_face_landmarks, got {kind}") from error


def _pairs(connections: Iterable[tuple[int, int]] | None, points: int) -> list[tuple[int, int]]:
    if connections is None:
        return []
    pairs = list(connections) if isinstance(connections, Iterable) else [connections]
    for pair in pairs:
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and _among(points, *pair)):
            raise PrnetError(f"expected connections of points 0..{points - 1}, got {pair}")
    return [(one, other) for one, other in pairs]


def _among(points: int, *ends: object) -> bool:
    return all(isinstance(end, int | np.integer) and 0 <= end < points for end in ends)


def _unit(color: Colour) -> tuple[float, ...]:
    """Blue, green, red in 0..255, as drawings into OpenCV's pictures have them -> RGB in 0..1."""
    return tuple(channel / 255 for channel in color[::-1])


def _of(specs: Specs, key: object) -> DrawingSpec:
    """The spec of a point or a connection, its colour as Pillow takes it."""
    spec = specs.get(key, DrawingSpec()) if isinstance(specs, Mapping) else specs
    if not isinstance(spec, DrawingSpec):
        raise PrnetError(f"expected a DrawingSpec or a mapping to some, got {type(spec).__name__}")
    if not (is_whole(spec.thickness) and is_whole(spec.circle_radius) and spec.circle_radius >= 0):
        raise PrnetError(f"expected whole sizes and a radius of at least 0, got {spec}")
    try:
        first, second, third = map(int, spec.color)
    except (TypeError, ValueError, OverflowError) as error:
        raise PrnetError(f"expected a colour of three numbers, got {spec}") from error
    return DrawingSpec((first, second, third), spec.thickness, spec.circle_radius)


def _normalized_to_pixel_coordinates(
    normalized_x: float, normalized_y: float, image_width: int, image_height: int
) -> tuple[int, int] | None:
    """Pixel (x, y), None outside the picture."""
    if not (0 <= normalized_x < 1 and 0 <= normalized_y < 1):
        return None
    return math.floor(normalized_x * image_width), math.floor(normalized_y * image_height)
