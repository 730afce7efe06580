"""What is saved of a film: each kind a context that takes the frames with their faces in turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from prnet.appearance.draw import LANDMARK_COLOUR, draw_landmarks, draw_pose_box
from prnet.face import Face
from prnet.files.arrays import write_arrays
from prnet.files.atomic import write_atomically, write_bytes
from prnet.video.curves import arkit_table, live_link_tables
from prnet.video.depth import depth_film
from prnet.video.frames import Film, Frame
from prnet.video.meshes.animation import AnimatedMap
from prnet.video.meshes.rig import PersonRig
from prnet.video.people import Take, file_of_each
from prnet.video.texture import fused_textures
from prnet.video.write import film_writer

ROW = "frame,seconds,track"
"""What a row of a table begins with."""


@contextmanager
def _overlay(base: Path, film: Film, start: float) -> Iterator[Take]:
    """The film with landmarks, pose boxes and track numbers, and its sound."""
    path = paths_of(base, "overlay")[0]
    sound = film.path if film.sound else None
    with film_writer(path, rate=film.rate, sound_of=sound, start=start) as writer:
        yield lambda number, frame, faces: writer.write(
            draw_faces(frame.image, faces), frame.seconds - start
        )


@contextmanager
def _landmarks(base: Path, film: Film, start: float) -> Iterator[Take]:
    """68 landmarks (iBUG order), pixels: a row a frame and track, as CSV and as arrays."""
    table, arrays = paths_of(base, "landmarks")
    names = ",".join(f"x{i},y{i},z{i}" for i in range(68))
    rows: list[tuple[int, float, int, NDArray[np.float32]]] = []
    with _table(table, names) as write:

        def take(number: int, frame: Frame, faces: Sequence[Face]) -> None:
            for face in faces:
                write(number, frame, face, face.landmarks.ravel())
                rows.append((number, frame.seconds, face.track or 0, face.landmarks))

        yield take
        frames, seconds, tracks, landmarks = zip(*rows, strict=True) if rows else [()] * 4
        write_arrays(
            arrays,
            {
                "frame": np.array(frames, np.int64),
                "seconds": np.array(seconds, np.float64),
                "track": np.array(tracks, np.int64),
                "landmarks": np.array(landmarks, np.float32).reshape(-1, 68, 3),
            },
        )


@contextmanager
def _pose(base: Path, film: Film, start: float) -> Iterator[Take]:
    """Yaw, pitch, roll in degrees; the camera's scale and translation, pixels."""
    path = paths_of(base, "pose")[0]
    with _table(path, "yaw,pitch,roll,scale,x,y,z") as write:

        def take(number: int, frame: Frame, faces: Sequence[Face]) -> None:
            for face in faces:
                camera = face.camera
                write(number, frame, face, [*camera.pose, camera.scale, *camera.translation])

        yield take


def _arkit(base: Path, film: Film, start: float) -> AbstractContextManager[Take]:
    """ARKit's 52 curves, 0 to 1."""
    return arkit_table(paths_of(base, "arkit")[0])


def _live_link(base: Path, film: Film, start: float) -> AbstractContextManager[Take]:
    """The same as the app Live Link Face exports them, a file a person."""
    return live_link_tables(paths_of(base, "livelink")[0], film.rate)


def _glb(base: Path, film: Film, start: float) -> AbstractContextManager[Take]:
    """A quarter of the vertices, the head's motion on the node."""
    path = paths_of(base, "glb")[0]
    return file_of_each(path, AnimatedMap, lambda it, track: it.glb(f"person{track}"), start)


def _glb_arkit(base: Path, film: Film, start: float) -> AbstractContextManager[Take]:
    """ARKit's 52 shapes as morph targets."""
    path = paths_of(base, "glb-arkit")[0]
    return file_of_each(path, PersonRig, lambda it, track: it.glb(f"person{track}"), start)


def _depth(base: Path, film: Film, start: float) -> AbstractContextManager[Take]:
    """z of 16 bits, a film without loss."""
    return depth_film(paths_of(base, "depth")[0], film.rate, start)


def _texture(base: Path, film: Film, start: float) -> AbstractContextManager[Take]:
    """What all frames show of each person."""
    return fused_textures(paths_of(base, "texture")[0])


ENDINGS = {
    "overlay": ("_overlay.mp4",),
    "landmarks": ("_landmarks.csv", "_landmarks.npz"),
    "pose": ("_pose.csv",),
    "arkit": ("_arkit.csv",),
    "livelink": ("_livelink.csv",),
    "glb": (".glb",),
    "glb-arkit": ("_arkit.glb",),
    "depth": ("_depth.mkv",),
    "texture": ("_texture.png",),
}
"""What files of a kind are called, after the film's name."""

UNFINISHED = "_unfinished.txt"
"""What follows the film's name where kinds, one a line, are being made or are of a part of it."""

USUAL = ("overlay", "landmarks", "pose")
"""What is saved where nobody says."""

OUTPUTS: dict[str, Callable[[Path, Film, float], AbstractContextManager[Take]]] = {
    "overlay": _overlay,
    "landmarks": _landmarks,
    "pose": _pose,
    "arkit": _arkit,
    "livelink": _live_link,
    "glb": _glb,
    "glb-arkit": _glb_arkit,
    "depth": _depth,
    "texture": _texture,
}
"""Kind: (where results go and the film's name, the film, the second at which the first frame is)
-> what takes the frames. An error in the block leaves no file."""


def paths_of(base: Path, kind: str) -> list[Path]:
    """The files of a kind."""
    return [base.with_name(base.name + ending) for ending in ENDINGS[kind]]


def unfinished(base: Path) -> set[str]:
    """The kinds that a run began and did not finish."""
    try:
        return set(_unfinished_path(base).read_text("ascii", "replace").split())
    except FileNotFoundError:
        return set()


def tell_unfinished(base: Path, kinds: Collection[str]) -> None:
    """Keep for the next run that ``kinds``, no others, are not finished."""
    if kinds:
        write_bytes(_unfinished_path(base), "".join(f"{kind}\n" for kind in sorted(kinds)).encode())
    else:
        _unfinished_path(base).unlink(missing_ok=True)


def _unfinished_path(base: Path) -> Path:
    return base.with_name(base.name + UNFINISHED)


def draw_faces(image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the frame with landmarks, pose box and track number of each face."""
    for face in faces:
        image = draw_landmarks(draw_pose_box(image, face), face.landmarks)
    if not faces:
        return image
    picture = Image.fromarray(image)
    canvas = ImageDraw.Draw(picture)
    for face in faces:
        x, y = face.landmarks[:, :2].min(axis=0).tolist()
        size = max(12.0, 0.12 * float(np.ptp(face.landmarks[:, 0])))
        canvas.text(
            (x - size, y - size),
            str(face.track),
            fill=LANDMARK_COLOUR[:3],
            font=ImageFont.load_default(size),
            stroke_width=max(1, round(size / 12)),
            stroke_fill=(0, 0, 0),
        )
    return np.asarray(picture)


@contextmanager
def _table(path: Path, columns: str) -> Iterator[Callable[[int, Frame, Face, Any], None]]:
    with (
        write_atomically(path) as temporary,
        temporary.open("w", encoding="ascii", newline="\n") as file,
    ):
        file.write(f"{ROW},{columns}\n")

        def write(number: int, frame: Frame, face: Face, values: Sequence[float]) -> None:
            numbers = ",".join(f"{value:.3f}" for value in values)
            file.write(f"{number},{frame.seconds:.6f},{face.track},{numbers}\n")

        yield write
