"""Pseudo depth of photos as the training of face anti-spoofing networks reads it.

cdcn: what CDCN and its many kin load. Of a frame the box in ``NAME_scene.dat`` is enlarged 1.2 to
1.5 times, cut out of ``NAME_depth1D.jpg``, resized to 32 x 32 and divided by 255.
rfmeta: RFMetaFAS's lists and its folder ``depth``; the whole picture is resized to 32 x 32.
npy32: the square that the network saw, 32 x 32, 0 to 1.
"""

from __future__ import annotations

import os
import traceback
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.appearance.encode import depth_preview
from prnet.appearance.render import crop_depth_map, depth_map_of
from prnet.bulk.photos import PhotoResult, failed
from prnet.errors import FullDiskError, PrnetError
from prnet.face import Face
from prnet.files.arrays import write_array
from prnet.files.atomic import write_bytes
from prnet.files.image import image_bytes, load_image
from prnet.files.inputs import Found
from prnet.files.keep import check_replaceable, replaces_input
from prnet.files.results import composed, is_whole
from prnet.files.text import read_text
from prnet.geometry.boxes import Box
from prnet.reconstruct import Reconstructor

DepthFormat = Literal["cdcn", "rfmeta", "npy32"]
DEPTH_FORMATS: Final = get_args(DepthFormat)

SIDE: Final = 32
FINER: Final = 4
"""Depth is drawn so many times finer and averaged."""
FAKE_DEPTH: Final = Path("depth") / "fake_depth.jpg"
LISTS: Final = {False: "image_list_real.txt", True: "image_list_fake.txt"}
ORIENTATION: Final = 0x0112


class Frame(NamedTuple):
    """A photo, its path below the data set's folder, and whether it shows a spoof."""

    path: Path
    name: Path
    spoof: bool


def named_frames(
    found: Iterable[Found], spoofs: SpoofList | None, out: Path, form: DepthFormat
) -> list[Frame]:
    """Those that are no label of another one, as ``out`` may be the data set's own folder. Raises
    PrnetError where labels of two photos would get one name, or replace a photo."""
    frames = []
    for path, below in found:
        name = below / path.name
        frames.append(Frame(path, name, spoofs is not None and name in spoofs))
    frames = _without_labels(frames, out, form)
    named: dict[Path, Frame] = {}
    for frame in frames:
        path, name, _ = frame
        base = name.with_suffix("") if form == "rfmeta" else name.with_name(_base(name))
        other = named.setdefault(base, frame)
        if other.path != path:
            raise PrnetError(
                f"{path}: expected a name without suffix of its own, got that of {other.path.name}"
            )
    return frames


def _without_labels(frames: Sequence[Frame], out: Path, form: DepthFormat) -> list[Frame]:
    own = [os.path.realpath(frame.path) for frame in frames]
    frames_of = defaultdict(set)
    for frame, path in zip(frames, own, strict=True):
        frames_of[path].add(frame)
    labels = {os.path.realpath(out / FAKE_DEPTH)}
    for frame in frames:
        files = label_files(out, frame.name, form, spoof=False)
        for file in files:
            path = os.path.realpath(file)
            if frames_of[path] - {frame}:
                if not _sign(out, files, form).exists():
                    raise replaces_input(file)
                labels.add(path)
    return [frame for frame, path in zip(frames, own, strict=True) if path not in labels]


def _sign(out: Path, files: Sequence[Path], form: DepthFormat) -> Path:
    """The file without which a photo of a label's name is a photo: it is written before labels."""
    return out / FAKE_DEPTH if form == "rfmeta" else files[-1]


class SpoofList:
    """Names of spoofs: of photos, with or without suffix, of their folders, or of the films that
    frames FILM_NUMBER are of. Lines ``+1,NAME`` and ``-1,NAME``, as OULU-NPU's protocols have them,
    name real ones and spoofs. Raises PrnetError for a file that cannot be read."""

    def __init__(self, path: Path) -> None:
        lines = read_text(path, "a list of names").splitlines()
        entries = [line.strip().rpartition(",") for line in lines if line.strip()]
        spoofs = [name.strip() for label, _, name in entries if label.strip() not in ("1", "+1")]
        self.unused = {composed(Path(name).as_posix()) for name in spoofs}
        self._spoofs = frozenset(self.unused)

    def __contains__(self, name: Path) -> bool:
        film = name.stem.rpartition("_")[0]
        known = {name.as_posix(), name.with_suffix("").as_posix(), name.name, name.stem, film}
        for folder in name.parents:
            known |= {folder.as_posix(), folder.name}
        found = set(map(composed, known - {"", "."})) & self._spoofs
        self.unused -= found
        return bool(found)


@dataclass(frozen=True)
class DepthLabelWork:
    """Frame -> what became of it, its files written; can be sent to other processes.

    ``reconstruct``: one that gives one face. ``skip_existing``: frames whose files are there, and
    not older, are not done again.
    """

    reconstruct: Reconstructor
    out: Path
    form: DepthFormat
    skip_existing: bool = False
    debug: bool = False

    def __call__(self, frame: Frame) -> PhotoResult:
        result = PhotoResult(str(frame.path), "ok")
        try:
            if self.form == "rfmeta" and any(sign.isspace() for sign in str(frame.name)):
                raise PrnetError(
                    f"{frame.path}: expected a name without spaces, which end it in a list, got one"
                )
            files = label_files(self.out, frame.name, self.form, spoof=frame.spoof)
            there = self.skip_existing and files and _there(files, frame.path)
            if there and _of_spoof(files) == frame.spoof:  # the list may be another than before
                return replace(result, status="skipped")
            for file in files:
                check_replaceable(file)
            if frame.spoof and self.form != "cdcn":
                if self.form == "npy32":
                    write_array(files[0], np.zeros((SIDE, SIDE), np.float32))
                return result
            image = load_image(frame.path, max_pixels=self.reconstruct.max_pixels)
            faces = self.reconstruct(image)
            if not faces:
                return replace(result, status="no_face")
            {"cdcn": _write_cdcn, "rfmeta": _write_rfmeta, "npy32": _write_npy32}[self.form](
                frame, faces[0], image, files
            )
        except FullDiskError:
            raise  # of the other frames, too
        except Exception as error:  # whatever else it is, the other frames go on
            if self.debug:
                traceback.print_exc()
            return failed(frame.path, error)
        return result


def label_files(out: Path, name: Path, form: DepthFormat, *, spoof: bool) -> list[Path]:
    """The files of a photo, its path below the data set's folder being ``name``."""
    if form == "rfmeta":  # whose loader takes four characters off, whatever they are
        label = name.with_name(f"{name.name[:-4]}_depth.jpg")
        return [] if spoof else [out / "depth" / label]
    ends = (".npy",) if form == "npy32" else ("_scene.jpg", "_depth1D.jpg", "_scene.dat")
    return [out / name.with_name(_base(name) + end) for end in ends]


def _base(name: Path) -> str:
    return name.stem.removesuffix("_scene")


def _write_cdcn(frame: Frame, face: Face, image: NDArray[np.uint8], files: Sequence[Path]) -> None:
    scene, depth, box = files
    write_bytes(box, "".join(f"{number}\n" for number in dat_box(face.landmarks)).encode())
    write_bytes(scene, _scene(frame.path, image))
    grey = np.zeros(image.shape[:2], np.uint8) if frame.spoof else depth_preview(depth_map_of(face))
    write_bytes(depth, image_bytes(grey, "JPEG"))


def dat_box(landmarks: NDArray[np.floating]) -> tuple[int, int, int, int]:
    """left, top, width, height of the box of the 68 landmarks, whole pixels: it covers the columns
    left to left + width - 1."""
    box = Box.around(landmarks)
    left, top = (int(np.floor(edge + 0.5)) for edge in (box.x0, box.y0))
    right, bottom = (int(np.ceil(edge + 0.5)) for edge in (box.x1, box.y1))
    return left, top, right - left, bottom - top


def _scene(path: Path, image: NDArray[np.uint8]) -> bytes:
    """The frame as it is, where every reader takes it for the same picture: its traces of a spoof
    are what is learned from."""
    with Image.open(path) as picture:
        as_it_is = picture.format == "JPEG" and picture.getexif().get(ORIENTATION, 1) == 1
    if as_it_is:
        return path.read_bytes()
    return image_bytes(image, "JPEG")


def _write_rfmeta(
    frame: Frame, face: Face, image: NDArray[np.uint8], files: Sequence[Path]
) -> None:
    write_bytes(files[0], image_bytes(depth_preview(depth_map_of(face)), "JPEG"))


def _write_npy32(frame: Frame, face: Face, image: NDArray[np.uint8], files: Sequence[Path]) -> None:
    write_array(files[0], depth32(face))


def depth32(face: Face) -> NDArray[np.float32]:
    """(32, 32) float32 of the square that the network saw: 0 where no face is, else above 0, the
    nearest 1."""
    fine = depth_preview(crop_depth_map(face, SIDE * FINER)).astype(np.float32) / 255
    mean: NDArray[np.float32] = fine.reshape(SIDE, FINER, SIDE, FINER).mean(axis=(1, 3))
    return mean


def write_lists(out: Path, done: Iterable[Frame]) -> None:
    """RFMetaFAS's lists of the frames that have their labels."""
    lines: dict[bool, list[str]] = {False: [], True: []}
    for frame in done:
        lines[frame.spoof].append(f"{frame.name.as_posix()} {int(not frame.spoof)}\n")
    for spoof, name in LISTS.items():
        write_bytes(out / name, os.fsencode("".join(lines[spoof])))


def write_fake_depth(out: Path) -> None:
    """The one depth map of all of RFMetaFAS's spoofs."""
    zero = np.zeros((256, 256), np.uint8)
    write_bytes(out / FAKE_DEPTH, image_bytes(zero, "JPEG"))


def _there(files: Sequence[Path], photo: Path) -> bool:
    try:
        since = photo.stat().st_mtime_ns
    except OSError:
        return False  # reading says why
    return all(is_whole(path, since) for path in files)


def _of_spoof(files: Sequence[Path]) -> bool:
    """Whether a photo's label that is there is zeros."""
    (depth,) = (
        path for path in files if path.name.endswith((".npy", "_depth1D.jpg", "_depth.jpg"))
    )
    if depth.suffix == ".npy":
        return not np.load(depth).any()
    with Image.open(depth) as label:
        return not np.asarray(label).any()
